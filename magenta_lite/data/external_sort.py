"""Numbers sorted on disk, in little memory."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

BLOCK_BYTES = 2**24
_MAX_BLOCKS = 256


class ExternalSort:
    """Rows of two numbers, brought together by the first.

    Args:
      folder: where the data lie, in nameless files.
      block_bytes: how much is sorted in memory at once, about.
    """

    DTYPE = np.dtype([("key", "<u8"), ("value", "<u4")])

    def __init__(
        self, folder: pathlib.Path, block_bytes: int = BLOCK_BYTES
    ) -> None:
        self._folder = folder
        self._block_bytes = block_bytes
        self._file = _nameless(folder)
        self._num_bytes = 0

    def append(self, keys: np.ndarray, values: np.ndarray | int) -> None:
        """Adds rows.

        Args:
          keys: uint64 `[rows]`, spread evenly over all 64 bits.
          values: uint32 `[rows]`, or one for all.
        """
        rows = np.empty(len(keys), self.DTYPE)
        rows["key"], rows["value"] = keys, values
        self._num_bytes += self._file.write(rows.tobytes())

    def blocks(self) -> Iterator[np.ndarray]:
        """All rows by key, then value; can be asked for once.

        Yields:
          Rows `[rows]` of `DTYPE`; those of one key are never parted.
        """
        num_blocks = min(-(-self._num_bytes // self._block_bytes), _MAX_BLOCKS)
        self._file.seek(0)
        if num_blocks <= 1:
            yield _sorted(self._file)
            return
        parts = [_nameless(self._folder) for _ in range(num_blocks)]
        # Keys of one part are neighbours, so the parts are in order.
        width = np.uint64(2**64 // num_blocks + 1)
        while len(rows := _rows(self._file, self._block_bytes)):
            place = rows["key"] // width
            order = np.argsort(place, kind="stable")
            rows, place = rows[order], place[order]
            bounds = np.searchsorted(place, np.arange(num_blocks + 1))
            for number, part in enumerate(parts):
                part.write(rows[bounds[number] : bounds[number + 1]].tobytes())
        self._file.close()
        for part in parts:
            part.seek(0)
            yield _sorted(part)
            part.close()


def _nameless(folder: pathlib.Path) -> BinaryIO:
    return tempfile.TemporaryFile(dir=folder)  # type: ignore[return-value]


def _rows(file: BinaryIO, num_bytes: int = -1) -> np.ndarray:
    size = ExternalSort.DTYPE.itemsize
    whole = num_bytes // size * size if num_bytes > 0 else -1
    return np.frombuffer(file.read(whole), ExternalSort.DTYPE)


def _sorted(file: BinaryIO) -> np.ndarray:
    rows = _rows(file)
    return rows[np.lexsort((rows["value"], rows["key"]))]
