"""A corpus in numbered blocks on a disk that many machines share.

Each block is a list of items, then what was read of them. Whoever reads a block
needs nothing but the folder and its number, so that any machine can.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import pathlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from magenta_lite.data import piece_reading, worker_pool
from magenta_lite.data.piece_records import decode_results, encode_results
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.data.record_file import RecordFile, open_unbuffered

ReadItem = Callable[[Any], list[Piece | Reject]]

DROPPED = 255
"""In place of the index of a split: the piece is not part of the dataset."""

PIECES_BITS = 24
"""A piece's number is that of its block, shifted by so many bits, plus its
place among the pieces of the block."""


@dataclasses.dataclass(frozen=True)
class Blocks:
    """Where the files of the blocks lie.

    Attributes:
      folder: an existing one, under the same path on all machines.
    """

    folder: str

    def read(
        self,
        block: int,
        items: Sequence[Any],
        read_item: ReadItem,
        timeout_seconds: float,
    ) -> None:
        """Reads the items of a block, unless that is done already.

        It happens in a process of its own, so that an item that hangs or
        crashes costs itself only.

        Args:
          block: its number.
          items: what to read; each has an `id`.
          read_item: as of a dataset builder.
          timeout_seconds: an item that takes longer is left out.
        """
        if self._path(block, "heads").exists():
            return
        results = worker_pool.map_in_processes(
            functools.partial(piece_reading.read_and_describe, read_item),
            items,
            num_workers=1,
            timeout_seconds=timeout_seconds,
        )
        heads, bodies = [], []
        for item, result in zip(items, results, strict=True):
            record = piece_reading.record_of(item.id, result)
            for one in decode_results(record):
                if isinstance(one, Piece):
                    body = dataclasses.replace(one, sketch=b"", histograms={})
                    bodies.append(encode_results([body]))
                    digest = hashlib.sha256(one.sequence).digest()
                    one = dataclasses.replace(one, sequence=digest)
                heads.append(encode_results([one]))
        self._write(block, "bodies", bodies)
        self._write(block, "heads", heads)  # Last: it says that all is there.

    def heads(self, block: int) -> Iterator[Piece | Reject]:
        """What was read, in order; `sequence` is only the SHA-256 of it."""
        for record in self._records(block, "heads"):
            yield from decode_results(record)

    def pieces(self, block: int, split: int) -> Iterator[Piece]:
        """The pieces that belong to a split, whole but for their sketches."""
        splits = np.fromfile(self._path(block, "splits"), np.uint8)
        for index, record in enumerate(self._records(block, "bodies")):
            if splits[index] == split:
                (piece,) = decode_results(record)
                assert isinstance(piece, Piece)
                yield piece

    def put_splits(self, block: int, splits: np.ndarray) -> None:
        """Says to which split each piece belongs: uint8 `[pieces]`."""
        splits.astype(np.uint8).tofile(self._path(block, "splits"))

    def _path(self, block: int, kind: str) -> pathlib.Path:
        return pathlib.Path(self.folder, f"{block:07d}.{kind}")

    def _records(self, block: int, kind: str) -> Iterator[bytes]:
        with open_unbuffered(self._path(block, kind)) as file:
            yield from RecordFile(file).records()

    def _write(self, block: int, kind: str, records: list[bytes]) -> None:
        # Beam may run a task twice at the same time.
        path = self._path(block, f"{uuid.uuid4().hex}.tmp")
        with open_unbuffered(path) as file:
            writer = RecordFile(file)
            for record in records:
                writer.append(record)
            writer.flush()
        os.replace(path, self._path(block, kind))
