"""A file of records that survives its writer: what was cut off is dropped."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

_HEAD = struct.Struct("<II")  # Bytes of the record, and their CRC-32.
_FLUSH_BYTES = 2**18
_READ_BYTES = 2**16


class RecordFile:
    """Records of bytes, one after the other, written once and read often.

    Args:
      file: opened to read and write in binary, unbuffered: a buffer of Python's
        would be written again by its clean-up after the disk was full. What it
        holds is read; a record that was cut off, and all behind it, is dropped.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pending: list[bytes] = []
        self._num_pending_bytes = 0
        self.num_records = 0
        self._end = self._recover()

    def append(self, record: bytes) -> None:
        """Adds a record; it is on disk after `flush` or later ones."""
        head = _HEAD.pack(len(record), zlib.crc32(record))
        self._pending += [head, record]
        self._num_pending_bytes += len(head) + len(record)
        self.num_records += 1
        if self._num_pending_bytes >= _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hands everything to the operating system.

        Raises:
          OSError: if the disk is full, say.
        """
        data = memoryview(b"".join(self._pending))
        self._file.seek(self._end)
        while data:
            data = data[self._file.write(data) :]
        self._end += self._num_pending_bytes
        self._pending, self._num_pending_bytes = [], 0

    def records(
        self, is_wanted: Callable[[int], bool] = lambda index: True
    ) -> Iterator[bytes]:
        """The records in order; readers do not disturb each other.

        Args:
          is_wanted: told a record's index; others are passed over unread.
        """
        self.flush()
        window, start, place = b"", 0, 0
        for index in range(self.num_records):
            if place + _HEAD.size > start + len(window):
                window, start = self._window(place, _READ_BYTES), place
            num_bytes, _ = _HEAD.unpack_from(window, place - start)
            place += _HEAD.size
            if is_wanted(index):
                if place + num_bytes > start + len(window):
                    more = max(num_bytes, _READ_BYTES)
                    window, start = self._window(place, more), place
                yield window[place - start : place - start + num_bytes]
            place += num_bytes

    def clear(self) -> None:
        """Drops all records."""
        self._file.truncate(0)
        self._pending, self._num_pending_bytes = [], 0
        self._end = self.num_records = 0

    def _window(self, place: int, num_bytes: int) -> bytes:
        """Up to so many bytes from a place on."""
        self._file.seek(place)
        return _read(self._file, num_bytes)

    def _recover(self) -> int:
        """Counts whole records and cuts off what follows them."""
        self._file.seek(0)
        end = 0
        while len(head := _read(self._file, _HEAD.size)) == _HEAD.size:
            num_bytes, checksum = _HEAD.unpack(head)
            record = _read(self._file, num_bytes)
            if len(record) < num_bytes or zlib.crc32(record) != checksum:
                break
            end += _HEAD.size + num_bytes
            self.num_records += 1
        self._file.truncate(end)
        return end


def open_unbuffered(path: str | os.PathLike) -> BinaryIO:
    """Opens a file to read and write, which is made if it is missing."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    return os.fdopen(handle, "r+b", buffering=0)  # type: ignore[return-value]


def _read(file: BinaryIO, num_bytes: int) -> bytes:
    """Up to so many bytes; fewer only at the end of the file."""
    data = file.read(num_bytes)
    while len(data) < num_bytes:
        more = file.read(num_bytes - len(data))
        if not more:
            break
        data += more
    return data
