"""Finds the pieces of a corpus that are versions of each other.

They must lie in one split, or a model would be praised for what it has
memorised. A corpus may have millions of pieces, so all that grows with it lies
on disk, but for some twenty bytes a piece.
"""

from __future__ import annotations

import array
import hashlib
import pathlib
from collections.abc import Iterator

import numpy as np

from magenta_lite.data import contours
from magenta_lite.data.external_sort import ExternalSort

_MAX_PHRASES = 256
_MIN_SHARE = 0.3
_MIN_SHARE_OF_LONG = 0.1
_LONG_PHRASES = 128
MAX_HOLDERS = 200
_MAX_HOLDERS_ALL_PAIRS = 32
_PAIRS_AT_ONCE = 2**19

# Pairs of 32-bit numbers, spread evenly over 64 bits, and back.
_SPREAD = 0x9E3779B97F4A7C15
_GATHER = pow(_SPREAD, -1, 2**64)


def sketch(phrases: np.ndarray) -> bytes:
    """A sample of at most 256 phrases that pieces can be compared by.

    A phrase is in the sample if its number is less than 2 ** (64 - level), with
    the smallest level at which they are few enough. So two samples of different
    levels compare, too.

    Args:
      phrases: see `contours.phrases`.

    Returns:
      The level in one byte, then the sample: uint64, sorted.
    """
    level = 0
    while len(phrases) > _MAX_PHRASES:
        level += 1
        phrases = phrases[
            : np.searchsorted(phrases, np.uint64(2 ** (64 - level)))
        ]
    return bytes([level]) + phrases.astype("<u8").tobytes()


class NearDuplicates:
    """Groups pieces that share many phrases, or what they are called by.

    Two pieces are linked if they share 30 % of the phrases of the one that has
    fewer, or 10 % if that has 128 or more, which no two pieces do by chance;
    chains of links make a group. Phrases that more than 200 different pieces
    share (scales and the like) do not count. The result is the same for the
    same pieces in the same order.

    Args:
      folder: where temporary files lie; they have no names, and go away with
        this object or its process.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._phrases = ExternalSort(folder)
        self._pairs = ExternalSort(folder)
        self._names = array.array("Q")
        self._contents = array.array("Q")
        self._num_phrases = array.array("H")
        self._levels = array.array("B")
        self._links: list[tuple[np.ndarray, np.ndarray]] = []

    def __len__(self) -> int:
        return len(self._names)

    def add(self, group: int, piece_sketch: bytes) -> None:
        """Adds a piece.

        Args:
          group: `pieces.group_number`; pieces of one number are linked.
          piece_sketch: see `sketch`; b"" if it is like no other.
        """
        sample = np.frombuffer(piece_sketch[1:], "<u8")
        self._phrases.append(sample, len(self))
        self._names.append(group)
        content = hashlib.sha256(piece_sketch).digest()
        self._contents.append(int.from_bytes(content[:8], "little"))
        self._num_phrases.append(len(sample))
        self._levels.append(piece_sketch[0] if piece_sketch else 0)

    def link(self, one: np.ndarray, other: np.ndarray) -> None:
        """Links pairs of pieces, which were found elsewhere.

        Args:
          one: how many pieces were added before the first: int64 `[pairs]`.
          other: the same of the second.
        """
        self._links.append((one, other))

    def groups(self) -> np.ndarray:
        """The group of each piece: uint64 `[pieces]`; can be asked for once.

        It is the number of one of its pieces, and which one follows from these
        numbers alone: neither their order nor the rest of the corpus counts.
        """
        if not len(self):
            return np.zeros(0, np.uint64)
        names = np.frombuffer(self._names, np.uint64)
        contents = np.frombuffer(self._contents, np.uint64)
        num_phrases = np.frombuffer(self._num_phrases, np.uint16)
        joined = _Groups(len(names))
        joined.join_equal(names, np.arange(len(names)))
        joined.join_equal(contents, np.flatnonzero(num_phrases))
        # Of pieces with the same phrases one is enough to find others.
        is_first = np.zeros(len(names), bool)
        is_first[np.unique(contents, return_index=True)[1]] = True
        for block in self._phrases.blocks():
            for one, other in _pairs(block[is_first[block["value"]]]):
                pairs = one.astype(np.uint64) << np.uint64(32) | other
                self._pairs.append(pairs * np.uint64(_SPREAD), 0)
        levels = np.frombuffer(self._levels, np.uint8).astype(np.int64)
        for block in self._pairs.blocks():
            pairs, num_shared = np.unique(block["key"], return_counts=True)
            pairs = pairs * np.uint64(_GATHER)
            one = (pairs >> np.uint64(32)).astype(np.int64)
            other = (pairs & np.uint64(2**32 - 1)).astype(np.int64)
            linked = are_linked(
                num_shared,
                (num_phrases[one], levels[one]),
                (num_phrases[other], levels[other]),
            )
            joined.join(one[linked], other[linked])
        for pair in self._links:
            joined.join(*pair)
        firsts = joined.firsts()
        # The smallest would do, but splits are made by size: large groups would
        # all be for training.
        order = np.lexsort((contours.mix(names), firsts))
        leads = np.diff(firsts[order], prepend=-1) != 0
        chosen = names[order[leads]]
        return chosen[np.cumsum(leads) - 1][np.argsort(order)]


def are_linked(
    num_shared: np.ndarray,
    one: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Whether pieces share enough phrases to be versions of each other.

    Args:
      num_shared: phrases that both samples hold: int `[pairs]`.
      one: how many phrases the sample of the first holds, and its level: int
        `[pairs]` each.
      other: the same of the second.

    Returns:
      bool `[pairs]`.
    """
    level = np.maximum(one[1], other[1])
    fewer = np.minimum(
        one[0] / 2.0 ** (level - one[1]), other[0] / 2.0 ** (level - other[1])
    )
    is_long = fewer >= _LONG_PHRASES
    share = np.where(is_long, _MIN_SHARE_OF_LONG, _MIN_SHARE)
    return num_shared >= share * fewer


def columns_to_pair(num_holders: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the pieces that hold a phrase to compare with each other.

    All pairs, or in a large set each with the first and with the next: versions
    of one piece have most of their phrases in the same sets, and so meet.

    Args:
      num_holders: how many pieces hold it.

    Returns:
      Places in the list of holders: int64 `[pairs]` twice; none if there are
      more than 200.
    """
    if num_holders > MAX_HOLDERS:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if num_holders <= _MAX_HOLDERS_ALL_PAIRS:
        one, other = np.triu_indices(num_holders, 1)
        return one, other
    later = np.arange(2, num_holders)
    return (
        np.concatenate([np.zeros(1, np.int64), 0 * later, later - 1]),
        np.concatenate([np.ones(1, np.int64), later, later]),
    )


def _pairs(rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of pieces that share a phrase, once for each phrase.

    Args:
      rows: phrases and pieces, by phrase, then piece.

    Yields:
      uint32 `[pairs]` twice, the first of each pair the smaller.
    """
    first = np.flatnonzero(np.diff(rows["key"], prepend=~rows["key"][:1]))
    num_holders = np.diff(first, append=len(rows))
    for size in np.unique(num_holders):
        one, other = columns_to_pair(int(size))
        if not len(one):
            continue
        starts = first[num_holders == size]
        at_once = max(_PAIRS_AT_ONCE // len(one), 1)
        for begin in range(0, len(starts), at_once):
            places = starts[begin : begin + at_once, None] + np.arange(size)
            pieces = rows["value"][places]  # [phrases, size]
            yield pieces[:, one].ravel(), pieces[:, other].ravel()


class _Groups:
    """Disjoint sets of numbers, known by their smallest member."""

    def __init__(self, size: int) -> None:
        self._parents = array.array("I", range(size))

    def join(self, one: np.ndarray, other: np.ndarray) -> None:
        """Joins the sets of pairs: int64 `[pairs]` both."""
        for pair in zip(one.tolist(), other.tolist(), strict=True):
            low, high = sorted(map(self._first, pair))
            self._parents[high] = low

    def join_equal(self, keys: np.ndarray, members: np.ndarray) -> None:
        """Joins those members that have the same key."""
        members = members[np.argsort(keys[members], kind="stable")]
        same = np.flatnonzero(np.diff(keys[members].view(np.int64)) == 0)
        self.join(members[same], members[same + 1])

    def firsts(self) -> np.ndarray:
        """The smallest member of each number's set: int64 `[size]`."""
        for index in range(len(self._parents)):
            # A parent is smaller, so it is right already.
            self._parents[index] = self._parents[self._parents[index]]
        return np.frombuffer(self._parents, np.uint32).astype(np.int64)

    def _first(self, index: int) -> int:
        parents = self._parents
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index
