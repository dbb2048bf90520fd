"""Serialized messages of one size and one layout, read as a table.

Most notes of a piece are such: the same fields are set, each number takes as
many bytes as in the note before. Then columns of bytes are columns of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

_CONTINUES = 0x80
_DOUBLE_BYTES = 8
_ALL, _NONE = 0xFF, 0

_AT_FIRST = 256
"""Messages that are looked at together; twice as many each time."""


def count_alike(table: np.ndarray, place: int) -> int:
    """How many messages from a place on have its tag and its size.

    Args:
      table: all bytes, uint8.
      place: of a message's tag; its size follows in one byte.
    """
    width = 2 + int(table[place + 1])
    most = (len(table) - place) // width
    count, at_once = 1, _AT_FIRST
    while count < most:
        # Looking at all that follows would be quadratic where sizes change.
        end = min(count + at_once, most)
        ahead = table[place + count * width : place + end * width]
        heads = ahead.reshape([-1, width])[:, :2]
        differs = (heads != table[place : place + 2]).any(axis=1)
        if differs.any():
            return count + int(differs.argmax())
        count, at_once = end, 2 * at_once
    return count


def read_columns(
    data: bytes,
    starts: np.ndarray,
    ends: np.ndarray,
    fields: Mapping[int, tuple[str, type]],
    names: Sequence[str],
) -> dict[str, np.ndarray] | None:
    """Reads messages of numbers, if they all have the layout of the first.

    Args:
      data: what holds them.
      starts: where messages start, equally far apart: int64, one at least.
      ends: where they end, all of one size.
      fields: name and dtype of each field by its tag.
      names: which of them to read.

    Returns:
      As `wire.decode_repeated`; None if the messages differ, or have fields
      that are not in `fields`.
    """
    first, count = int(starts[0]), len(starts)
    size = int(ends[0]) - first
    stride = int(starts[1]) - first if count > 1 else size
    found = _layout(data[first : first + size], fields)
    if found is None:
        return None
    places, mask = found
    rows = np.ndarray([count, size], np.uint8, data, first, (stride, 1))
    if ((rows ^ rows[:1]) & mask).any():
        return None
    columns: dict[str, np.ndarray] = {}
    for name, dtype in fields.values():
        if name not in names:
            continue
        if name not in places:
            columns[name] = np.zeros(count, dtype)
            continue
        begin, end = places[name]
        if dtype is np.float64:
            at = first + begin
            columns[name] = np.ndarray(count, "<f8", data, at, stride).copy()
        else:
            columns[name] = _varints(rows[:, begin:end]).astype(dtype)
    return columns


def _layout(
    message: bytes, fields: Mapping[int, tuple[str, type]]
) -> tuple[dict[str, tuple[int, int]], np.ndarray] | None:
    """Where the fields of a message lie, and which bits make its layout.

    None if it has fields that are not known, or is cut off.
    """
    places: dict[str, tuple[int, int]] = {}
    mask = bytearray()
    while len(mask) < len(message):
        name, dtype = fields.get(message[len(mask)], (None, None))
        if name is None:
            return None
        mask.append(_ALL)
        begin = len(mask)
        if dtype is np.float64:
            mask += bytes([_NONE] * _DOUBLE_BYTES)
        else:
            while message[len(mask) : len(mask) + 1] >= bytes([_CONTINUES]):
                mask.append(_CONTINUES)
            mask.append(_CONTINUES)
        places[name] = (begin, len(mask))
    if len(mask) > len(message):
        return None
    return places, np.frombuffer(bytes(mask), np.uint8)


def _varints(digits: np.ndarray) -> np.ndarray:
    """int64 of base-128 numbers `[rows, bytes]`, low digits first."""
    values = (digits[:, 0] & (_CONTINUES - 1)).astype(np.int64)
    for place in range(1, digits.shape[1]):
        digit = (digits[:, place] & (_CONTINUES - 1)).astype(np.int64)
        values |= digit << (7 * place)
    return values
