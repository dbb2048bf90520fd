"""The bytes of a bundle, looked at before the proto is parsed.

The proto parser says no more than that it failed; walking over the top-level
fields tells a file that was cut from one that never was a bundle.
"""

from __future__ import annotations

from magenta_lite.bundles.errors import BundleError

BUNDLE_DETAILS = 4
"""The last field of a bundle; ours always have it."""

_FIELDS = range(1, 5)
_METAGRAPH = 3
_LENGTH_DELIMITED = 2
_MAX_VARINT_BYTES = 10
_MAX_FIELDS = 1000


def check(data: bytes) -> set[int]:
    """The numbers of the fields in a bundle.

    Args:
      data: the whole file.

    Raises:
      BundleError: if the file was cut (`truncated`) or is something else
        (`foreign`).
    """
    seen = set()
    position = num_fields = 0
    while position < len(data):
        num_fields += 1
        if num_fields > _MAX_FIELDS:
            raise foreign()
        tag, position = _varint(data, position)
        field, kind = tag >> 3, tag & 7
        if field not in _FIELDS or kind != _LENGTH_DELIMITED:
            raise foreign()
        length, position = _varint(data, position)
        position += length
        seen.add(field)
    if position > len(data) or _METAGRAPH not in seen:
        raise truncated()
    return seen


def truncated() -> BundleError:
    """The error for a file whose end is missing."""
    return BundleError(
        "it is truncated: its end is missing; get it anew.", "truncated"
    )


def foreign() -> BundleError:
    """The error for a file that never was a bundle."""
    return BundleError(
        "this is not a generator bundle; `bin/export.py` writes them.",
        "foreign",
    )


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A base-128 number at a position, and where it ends."""
    value = 0
    for i in range(_MAX_VARINT_BYTES):
        if position + i >= len(data):
            raise truncated()
        byte = data[position + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, position + i + 1
    raise foreign()
