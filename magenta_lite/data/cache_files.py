"""The files of an event cache: reading, writing, checking.

A cache is a folder: `index.json`, `sequences.csv` (what came of each sequence)
and for each shard `shard-00000.events` (little-endian integers of the smallest
fitting type, example after example) and `shard-00000.lengths` (int32, events of
each example).
"""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from magenta_lite.data.sequence_table import (
    SequenceCounts,
    SequenceTableWriter,
    read_sequence_table,
)

SCHEMA_VERSION = 2

MAX_SHARD_VALUES = 4_000_000
"""Integers in one shard; a single longer example makes a larger shard."""

INDEX = "index.json"
SEQUENCES = "sequences.csv"
LENGTH_DTYPE = np.dtype("<i4")


@dataclasses.dataclass(frozen=True)
class Shard:
    """Two files with some of the examples.

    Attributes:
      events_path: integers of the cache's dtype.
      lengths_path: int32 numbers of events.
      num_examples: how many examples it holds.
      num_events: the sum of their lengths.
    """

    events_path: pathlib.Path
    lengths_path: pathlib.Path
    num_examples: int
    num_events: int


@dataclasses.dataclass(frozen=True)
class EventCache:
    """All examples of one split under one codec; each has two events or more.

    It may hold none; `event_cache.build_event_cache` never returns such a one.

    Attributes:
      path: the folder.
      shards: where the examples are, in the data set's order.
      dtype: type of the integers on disk.
      event_shape: shape of one event.
      rejects: how many sequences or parts were left out, by reason.
      num_sequences: how many sequences were read.
      max_length: events of the longest example.
    """

    path: pathlib.Path
    shards: tuple[Shard, ...]
    dtype: np.dtype
    event_shape: tuple[int, ...]
    rejects: collections.Counter
    num_sequences: int
    max_length: int

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        return sum(shard.num_examples for shard in self.shards)

    @property
    def total_events(self) -> int:
        """The sum of all lengths."""
        return sum(shard.num_events for shard in self.shards)

    @property
    def lengths(self) -> np.ndarray:
        """Events of every example: int32 `[num_examples]`, read from disk."""
        none = np.zeros([0], LENGTH_DTYPE)
        return np.concatenate(
            [none, *(self.read_lengths(s) for s in self.shards)]
        )

    @property
    def sequences_path(self) -> pathlib.Path:
        """A CSV file of what came of each sequence."""
        return self.path / SEQUENCES

    def sequences(self) -> Iterator[SequenceCounts]:
        """What came of each sequence, in order."""
        return read_sequence_table(self.sequences_path)

    def read_lengths(self, shard: Shard) -> np.ndarray:
        """Events of each example of a shard: int32 `[num_examples]`."""
        return np.fromfile(shard.lengths_path, LENGTH_DTYPE)

    def read_events(self, shard: Shard) -> np.ndarray:
        """All events of a shard: `[num_events, *event_shape]`."""
        values = np.fromfile(shard.events_path, self.dtype)
        return values.reshape([-1, *self.event_shape])

    def examples(self) -> Iterator[np.ndarray]:
        """Every example in order: `[time, *event_shape]`."""
        for shard in self.shards:
            ends = np.cumsum(self.read_lengths(shard), dtype=np.int64)[:-1]
            yield from np.split(self.read_events(shard), ends)


def open_cache(
    path: pathlib.Path, identity: dict[str, Any]
) -> EventCache | None:
    """Opens a cache if it is there, whole, and the one that is meant.

    Args:
      path: its folder.
      identity: what its index must say it was made from.
    """
    try:
        index = json.loads((path / INDEX).read_text(encoding="utf-8"))
        if index["identity"] != identity:
            return None
        cache = _from_index(path, index)
        whole = index["sequences_checksum"] == _crc32(cache.sequences_path)
        whole &= all(
            _checksums(shard) == entry["checksums"]
            for shard, entry in zip(cache.shards, index["shards"], strict=True)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return cache if whole else None


def _from_index(path: pathlib.Path, index: dict[str, Any]) -> EventCache:
    return EventCache(
        path=path,
        shards=tuple(
            _shard(path, number, entry["num_examples"], entry["num_events"])
            for number, entry in enumerate(index["shards"])
        ),
        dtype=np.dtype(index["dtype"]),
        event_shape=tuple(index["event_shape"]),
        rejects=collections.Counter(index["rejects"]),
        num_sequences=index["num_sequences"],
        max_length=index["max_length"],
    )


def _shard(
    folder: pathlib.Path, number: int, num_examples: int, num_events: int
) -> Shard:
    stem = f"shard-{number:05d}"
    return Shard(
        folder / f"{stem}.events",
        folder / f"{stem}.lengths",
        num_examples,
        num_events,
    )


def _checksums(shard: Shard) -> list[int]:
    return [_crc32(shard.events_path), _crc32(shard.lengths_path)]


def _crc32(path: pathlib.Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


class CacheWriter:
    """Writes what a codec made of sequences into a folder, shard by shard.

    Args:
      folder: an empty folder.
      dtype: type of the integers on disk.
      event_shape: shape of one event.
      max_shard_values: integers in a shard; a longer example gets its own.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        dtype: np.dtype,
        event_shape: tuple[int, ...],
        max_shard_values: int,
    ) -> None:
        self._table = SequenceTableWriter(folder / SEQUENCES)
        self._num_sequences = 0
        self._num_examples = 0
        self._rejects: collections.Counter = collections.Counter()
        self._folder = folder
        self._dtype = dtype
        self._event_shape = event_shape
        self._max_shard_values = max_shard_values
        self._max_length = 0
        self._open: list[np.ndarray] = []
        self._open_values = 0
        self._shards: list[dict[str, Any]] = []

    def write(
        self,
        examples: Sequence[np.ndarray],
        sequence_id: str = "",
        rejects: Mapping[str, int] | None = None,
    ) -> None:
        """Adds what came of one sequence.

        Args:
          examples: events `[time, *event_shape]` each.
          sequence_id: its id in the data set.
          rejects: how many parts were left out, by reason.
        """
        for events in examples:
            self._add(events)
        counts = SequenceCounts(
            sequence_id, len(examples), sum(map(len, examples)), rejects or {}
        )
        self._table.write(counts)
        self._num_sequences += 1
        self._rejects.update(counts.rejects)

    def finish(self, identity: dict[str, Any]) -> None:
        """Writes what is left, and the index.

        Args:
          identity: what the cache was made from.
        """
        self._close_shard()
        self._table.close()
        index = {
            "identity": identity,
            "num_sequences": self._num_sequences,
            "num_examples": self._num_examples,
            "rejects": dict(self._rejects.most_common()),
            "sequences_checksum": _crc32(self._folder / SEQUENCES),
            "dtype": self._dtype.str,
            "event_shape": list(self._event_shape),
            "max_length": self._max_length,
            "shards": self._shards,
        }
        text = json.dumps(index, indent=1) + "\n"
        (self._folder / INDEX).write_text(text, encoding="utf-8")

    def _add(self, events: np.ndarray) -> None:
        if self._open_values + events.size > self._max_shard_values:
            self._close_shard()
        self._open.append(events.astype(self._dtype))
        self._open_values += events.size
        self._max_length = max(self._max_length, len(events))
        self._num_examples += 1

    def _close_shard(self) -> None:
        if not self._open:
            return
        lengths = np.array([len(e) for e in self._open], LENGTH_DTYPE)
        shard = _shard(
            self._folder, len(self._shards), len(lengths), int(lengths.sum())
        )
        np.concatenate(self._open).tofile(shard.events_path)
        lengths.tofile(shard.lengths_path)
        self._shards.append(
            {
                "num_examples": shard.num_examples,
                "num_events": shard.num_events,
                "checksums": _checksums(shard),
            }
        )
        self._open, self._open_values = [], 0
