"""Protobuf messages of others, read field by field.

TensorFlow's own message classes would import all of TensorFlow, and parse a
whole checkpoint before anything is checked. What is needed of them is little.
"""

from __future__ import annotations

from collections.abc import Iterator

from magenta_lite.bundles.errors import BundleError

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5

_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}
_MAX_VARINT_BYTES = 10


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message in order.

    Args:
      data: the bytes of the message.

    Yields:
      (field number, value): a whole number for a varint, else the bytes.

    Raises:
      BundleError: `tampered`, if it is no message.
    """
    position = 0
    while position < len(data):
        tag, position = varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, position = varint(data, position)
            yield number, value
            continue
        if kind == LENGTH_DELIMITED:
            size, position = varint(data, position)
        elif kind in _FIXED_BYTES:
            size = _FIXED_BYTES[kind]
        else:
            raise damaged()
        if size > len(data) - position:
            raise damaged()
        yield number, data[position : position + size]
        position += size


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """A base-128 number at a position, and where it ends.

    Raises:
      BundleError: `tampered`, if there is none.
    """
    value = 0
    for i, byte in enumerate(data[position : position + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, position + i + 1
    raise damaged()


def signed(value: int) -> int:
    """What an int32 or int64 field means by a varint."""
    return value - 2**64 if value >= 2**63 else value


def text(value: int | memoryview) -> str:
    """A string field.

    Raises:
      BundleError: `tampered`, if it is not text.
    """
    try:
        return str(message(value), "utf-8")
    except UnicodeDecodeError as error:
        raise damaged() from error


def message(value: int | memoryview) -> memoryview:
    """The bytes of a field that must have some.

    Raises:
      BundleError: `tampered`, if it is a number.
    """
    if isinstance(value, int):
        raise damaged()
    return value


def number(value: int | memoryview) -> int:
    """A field that must be a varint.

    Raises:
      BundleError: `tampered`, if it is not.
    """
    if not isinstance(value, int):
        raise damaged()
    return value


def damaged() -> BundleError:
    """The error for bytes that mean nothing."""
    return BundleError("it is damaged; get it anew.", "tampered")
