"""Finds pieces that are versions of one melody, for splits without leaks."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Sequence

from magenta_lite.notes.proto import NoteSequence

_GRAM_INTERVALS = 8
_MIN_SHARE = 0.3
_MAX_HOLDERS = 200


def contour(sequence: NoteSequence) -> bytes:
    """The intervals of a melody: the same in every key and at every speed.

    The melody is the first instrument's highest note at each time at which
    notes start.

    Returns:
      One byte for each interval: semitones + 128, modulo 256.
    """
    if not sequence.notes:
        return b""
    first = min(note.instrument for note in sequence.notes)
    highest: dict[float, int] = {}
    for note in sequence.notes:
        if note.instrument == first:
            start_seconds = round(note.start_time, 6)
            if note.pitch > highest.get(start_seconds, -1):
                highest[start_seconds] = note.pitch
    pitches = [highest[start] for start in sorted(highest)]
    return bytes(
        (after - before + 128) % 256
        for before, after in itertools.pairwise(pitches)
    )


def group_versions(
    contours: Sequence[bytes], labels: Sequence[Iterable[str]]
) -> list[int]:
    """Groups pieces that share much of their melody, or a label.

    Two pieces are linked if they share at least 30 % of the runs of eight
    intervals that the one with fewer of them has; chains of links make a group.
    Runs that more than 200 pieces share (scales and the like) do not count.

    Args:
      contours: of each piece, see `contour`.
      labels: of each piece, e.g. its title; may be empty.

    Returns:
      For each piece the index of the first piece of its group.
    """
    groups = _Groups(len(contours))
    first_with: dict[str, int] = {}
    for index, names in enumerate(labels):
        for name in names:
            groups.join(first_with.setdefault(name, index), index)
    grams = [_grams(one) for one in contours]
    for (one, other), num_shared in _num_shared(grams).items():
        fewer = min(len(grams[one]), len(grams[other]))
        if num_shared >= _MIN_SHARE * fewer:
            groups.join(one, other)
    return [groups.first(index) for index in range(len(contours))]


def _grams(one: bytes) -> set[bytes]:
    """All runs of eight intervals; a shorter melody is one run."""
    last_start = max(len(one) - _GRAM_INTERVALS, 0)
    return {
        one[start : start + _GRAM_INTERVALS] for start in range(last_start + 1)
    }


def _num_shared(
    grams: Sequence[set[bytes]],
) -> collections.Counter[tuple[int, int]]:
    """How many runs each pair of pieces shares; pairs that share none miss."""
    holders = collections.defaultdict(list)
    for index, runs in enumerate(grams):
        for run in runs:
            holders[run].append(index)
    counts: collections.Counter[tuple[int, int]] = collections.Counter()
    for indices in holders.values():
        if len(indices) <= _MAX_HOLDERS:
            counts.update(itertools.combinations(indices, 2))
    return counts


class _Groups:
    """Disjoint sets, named by their smallest member."""

    def __init__(self, size: int) -> None:
        self._parents = list(range(size))

    def first(self, index: int) -> int:
        while self._parents[index] != index:
            self._parents[index] = self._parents[self._parents[index]]
            index = self._parents[index]
        return index

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.first(one), self.first(other)))
        self._parents[high] = low
