"""Sorted tables of keys and values, in which TensorFlow keeps checkpoints.

The format is LevelDB's: blocks of entries whose keys share prefixes, each with
a checksum, an index block, and a footer that says where that lies.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from magenta_lite.bundles.proto_fields import damaged, varint

MAGIC = bytes.fromhex("57fb808b247547db")
"""The last bytes of every table."""

_FOOTER_BYTES = 48
_TRAILER_BYTES = 5
_MASK_DELTA = 0xA282EAD8
# Keys share prefixes, so a few bytes of a file could stand for many of memory.
_MAX_KEY_BYTES = 4096
_MAX_ENTRIES = 1_000_000


def is_table(data: bytes | memoryview) -> bool:
    """Whether these bytes end like a table."""
    return len(data) >= _FOOTER_BYTES and bytes(data[-len(MAGIC) :]) == MAGIC


def entries(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """All entries of a table, in the order of their keys.

    Args:
      data: the whole file.

    Raises:
      BundleError: `tampered`, if it is damaged, or compressed, which
        TensorFlow never does.
    """
    if not is_table(data):
        raise damaged()
    footer = data[-_FOOTER_BYTES:]
    position = 0
    for _ in range(2):  # the block of metadata, which is empty
        _, position = varint(footer, position)
    num_bytes = num_entries = 0
    for _, handle in _block(data, *_handle(footer, position)):
        offset, size = _handle(handle, 0)
        # Blocks do not overlap, or a small file could hold endless entries.
        num_bytes += size
        if num_bytes > len(data):
            raise damaged()
        for entry in _block(data, offset, size):
            num_entries += 1
            if num_entries > _MAX_ENTRIES:
                raise damaged()
            yield entry


def masked_crc32c(data: memoryview) -> int:
    """The checksum of TensorFlow's files (Castagnoli, rotated and shifted)."""
    # Imported here: only who reads such a file needs it.
    import google_crc32c

    crc = google_crc32c.value(bytes(data))
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def _handle(data: memoryview, position: int) -> tuple[int, int]:
    """Offset and size of a block."""
    offset, position = varint(data, position)
    size, _ = varint(data, position)
    return offset, size


def _block(
    data: memoryview, offset: int, size: int
) -> Iterator[tuple[bytes, memoryview]]:
    """The entries of the block at a place."""
    end = offset + size
    if end + _TRAILER_BYTES > len(data) - _FOOTER_BYTES or size < 4:
        raise damaged()
    (checksum,) = struct.unpack("<I", data[end + 1 : end + _TRAILER_BYTES])
    if data[end] != 0 or masked_crc32c(data[offset : end + 1]) != checksum:
        raise damaged()
    block = data[offset:end]
    (num_restarts,) = struct.unpack("<I", block[-4:])
    limit = size - 4 * (num_restarts + 1)
    key, position = b"", 0
    while position < limit:
        shared, position = varint(block, position)
        own, position = varint(block, position)
        length, position = varint(block, position)
        if shared > len(key) or position + own + length > limit:
            raise damaged()
        if shared + own > _MAX_KEY_BYTES:
            raise damaged()
        key = key[:shared] + bytes(block[position : position + own])
        position += own
        yield key, block[position : position + length]
        position += length
