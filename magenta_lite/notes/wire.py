"""Many small protobuf messages at once, as arrays.

A piece holds tens of thousands of notes and control changes, and building or
reading their protos one by one takes far longer than parsing the MIDI file.
This module writes and reads the repeated messages of a NoteSequence in their
serialized form (https://protobuf.dev/programming-guides/encoding), each field
one array. It covers messages of numbers; the bytes equal those of protobuf's
own serializer.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from magenta_lite.notes import wire_alike
from magenta_lite.notes.chain import Chains
from magenta_lite.notes.proto import NoteSequence

_ROWS_AT_ONCE = 2**16
"""Bounds the memory on top of the result, to some ten megabytes."""

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_VARINT_TYPES = (
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_BOOL,
    FieldDescriptor.TYPE_ENUM,
)
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES = 10
_CONTINUES = 0x80
"""This bit of a byte says that the number goes on in the next one."""

_FEW = 4
"""So many messages are written one by one: arrays would take longer."""

_SMALL_RUN, _MAX_SMALL_RUNS = 64, 8
"""After so many runs of fewer messages of one size, sizes are seen to mix."""

_Part: TypeAlias = tuple[np.ndarray, "int | np.ndarray"]
"""Bytes `[rows or 1, width]`, and how many of them are written in each row:
`[rows]`, or one number for all."""


def add_messages(
    sequence: NoteSequence, name: str, columns: Mapping[str, np.ndarray | int]
) -> None:
    """Appends many messages to a repeated field of a sequence.

    Args:
      sequence: changed in place.
      name: e.g. "notes".
      columns: as for `encode_repeated`.
    """
    num_rows = _num_rows(columns)
    if num_rows > _FEW:
        field = sequence.DESCRIPTOR.fields_by_name[name]
        sequence.MergeFromString(encode_repeated(field, columns))
        return
    rows = [np.broadcast_to(c, num_rows).tolist() for c in columns.values()]
    for values in zip(*rows, strict=True):
        getattr(sequence, name).add(**dict(zip(columns, values, strict=True)))


def read_messages(
    sequence: NoteSequence, name: str, columns: Sequence[str]
) -> dict[str, np.ndarray]:
    """All messages of a repeated field of a sequence.

    Args:
      sequence: what to read.
      name: e.g. "notes".
      columns: which of the messages' fields to read, numbers all.

    Returns:
      As `decode_repeated`.
    """
    field = sequence.DESCRIPTOR.fields_by_name[name]
    return decode_repeated(sequence.SerializeToString(), field, columns)


def encode_repeated(
    field: FieldDescriptor, columns: Mapping[str, np.ndarray | int]
) -> bytes:
    """Serializes all messages of a repeated field.

    Pieces of one field or of several, one after the other, make up a message:
    protobuf reads concatenated bytes as one.

    Args:
      field: a repeated field of messages.
      columns: the messages' fields by name, `[messages]` each, or one integer
        for all; floating point for doubles, else integers or bool. Fields that
        are not named are unset.

    Raises:
      ValueError: if the columns differ in length.
    """
    fields = sorted(
        (field.message_type.fields_by_name[name] for name in columns),
        key=lambda one: one.number,
    )
    arrays = [np.asarray(columns[one.name]) for one in fields]
    num_rows = _num_rows(columns)
    return b"".join(
        _encode_rows(
            field,
            fields,
            [
                array[start : start + _ROWS_AT_ONCE] if array.ndim else array
                for array in arrays
            ],
            min(_ROWS_AT_ONCE, num_rows - start),
        )
        for start in range(0, num_rows, _ROWS_AT_ONCE)
    )


def _num_rows(columns: Mapping[str, np.ndarray | int]) -> int:
    """How many messages there are; one number may stand for all."""
    sizes = {len(c) for c in columns.values() if isinstance(c, np.ndarray)}
    if len(sizes) != 1:
        raise ValueError(f"columns of {sorted(sizes)} rows")
    return sizes.pop()


def _encode_rows(
    field: FieldDescriptor,
    fields: list[FieldDescriptor],
    arrays: list[np.ndarray],
    num_rows: int,
) -> bytes:
    parts: list[_Part] = []
    body_bytes: int | np.ndarray = 0
    for one, array in zip(fields, arrays, strict=True):
        values, num_bytes = _encode_values(one, array)
        if isinstance(num_bytes, int):
            if num_bytes:
                parts += [(_tag(one), 1), (values, num_bytes)]
                body_bytes = body_bytes + num_bytes + 1
        else:
            is_set = num_bytes > 0
            parts += [(_tag(one), is_set), (values, num_bytes)]
            body_bytes = body_bytes + num_bytes + is_set
    sizes = _encode_varints(np.atleast_1d(body_bytes))
    parts = [(_tag(field), 1), sizes, *parts]
    ends = list(itertools.accumulate(values.shape[1] for values, _ in parts))
    table = np.empty([num_rows, ends[-1]], np.uint8)
    kept = None
    for (values, num_bytes), end in zip(parts, ends, strict=True):
        width = values.shape[1]
        table[:, end - width : end] = values
        if not isinstance(num_bytes, int):
            kept = np.ones(table.shape, bool) if kept is None else kept
            used = np.arange(width) < num_bytes[:, None]
            kept[:, end - width : end] = used
    return (table if kept is None else table[kept]).tobytes()


@functools.cache
def _tag(field: FieldDescriptor) -> np.ndarray:
    """uint8 `[1, 1]`: what stands in front of a field's value."""
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        wire_type = _LENGTH_DELIMITED
    elif field.type == FieldDescriptor.TYPE_DOUBLE:
        wire_type = _FIXED64
    elif field.type in _VARINT_TYPES:
        wire_type = _VARINT
    else:
        raise ValueError(f"{field.full_name} is no number")
    key = field.number << 3 | wire_type
    assert key < _CONTINUES, field.full_name  # One byte, as in all of music.
    return np.array([[key]], np.uint8)


def _encode_values(field: FieldDescriptor, array: np.ndarray) -> _Part:
    """As `_encode_varints`; zeros take no bytes, they are left out."""
    if not array.ndim:
        values, _ = _encode_varints(array.astype(np.int64)[np.newaxis])
        return values, values.shape[1] if array else 0
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        # All bits count: minus zero is written.
        bits = np.ascontiguousarray(array, "<f8").view("<i8")
        part: _Part = bits.view(np.uint8).reshape([-1, 8]), 8
        array = bits
    else:
        part = _encode_varints(array.astype(np.int64))
    values, num_bytes = part
    is_set = array != 0
    if is_set.all():
        return values, num_bytes
    return values, num_bytes * is_set if is_set.any() else 0


def _encode_varints(values: np.ndarray) -> _Part:
    """Base-128 numbers, low digits first.

    Args:
      values: int64 `[rows]`; negative ones have their sign in all 64 bits.
    """
    unsigned = values.view(np.uint64)
    largest = int(unsigned.max(initial=0))
    if largest < _CONTINUES:
        return values.astype(np.uint8)[:, None], 1
    width = -(-largest.bit_length() // 7)
    digits = np.empty([len(values), width], np.uint8)
    num_bytes = np.ones(len(values), np.int64)
    for place in range(width):
        rest = unsigned >> np.uint64(7 * place)
        digits[:, place] = rest & np.uint64(_CONTINUES - 1)
        if place:
            goes_on = rest != 0
            digits[:, place - 1] |= goes_on * np.uint8(_CONTINUES)
            num_bytes += goes_on
    return digits, num_bytes


def decode_repeated(
    data: bytes, field: FieldDescriptor, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Reads all messages of a repeated field.

    Args:
      data: what protobuf's `SerializeToString` gave for the message that the
        field belongs to.
      field: a repeated field of messages of numbers.
      names: which fields of these messages to read.

    Returns:
      The fields by name, `[messages]` each: float64 for doubles, bool, else
      int64.
    """
    fields = _fields(field.message_type)
    parts = []
    for run in _runs_of(data, field):
        columns = None
        if run.is_alike:
            columns = wire_alike.read_columns(data, *run.bounds, fields, names)
        parts.append(columns or _read_any(data, *run.bounds, fields, names))
    if len(parts) == 1:
        return parts[0]
    return {
        name: np.concatenate(
            [np.zeros(0, dtype), *(columns[name] for columns in parts)]
        )
        for name, dtype in fields.values()
        if name in names
    }


def _read_any(
    data: bytes,
    places: np.ndarray,
    ends: np.ndarray,
    fields: Mapping[int, tuple[str, type]],
    names: Sequence[str],
) -> dict[str, np.ndarray]:
    """Reads messages of any layout, from `places` to `ends`."""
    padded = data + bytes(_MAX_VARINT_BYTES)
    table = _window(padded, np.uint8)
    columns: dict[str, np.ndarray] = {}
    # protobuf writes fields by number, and behind them those it knows not.
    for tag, (name, dtype) in fields.items():
        if name in names:
            columns[name] = np.zeros(len(places), dtype)
        here = (table[places] == tag) & (places < ends)
        if not here.any():
            continue
        rows = slice(None) if here.all() else np.flatnonzero(here)
        decode = _decode_doubles if dtype is np.float64 else _decode_varints
        values, places[rows] = decode(padded, places[rows] + 1)
        if name in columns:
            columns[name][rows] = values
    return columns


@functools.cache
def _fields(message_type: Descriptor) -> dict[int, tuple[str, type]]:
    """Name and dtype of a message's fields by their tags, by number."""
    kinds = {
        FieldDescriptor.TYPE_DOUBLE: np.float64,
        FieldDescriptor.TYPE_BOOL: np.bool_,
    }
    return {
        int(_tag(one)[0, 0]): (one.name, kinds.get(one.type, np.int64))
        for one in sorted(message_type.fields, key=lambda one: one.number)
    }


class _Run(NamedTuple):
    """Messages of one field, one behind the other.

    Attributes:
      bounds: where they start and where they end: int64 `[messages]` both.
      is_alike: whether they are of one size.
    """

    bounds: tuple[np.ndarray, np.ndarray]
    is_alike: bool


def _runs_of(data: bytes, field: FieldDescriptor) -> Iterator[_Run]:
    """All messages of a field, in order.

    Those of one size together, or of any where sizes change again and again.
    """
    tag = int(_tag(field)[0, 0])
    table = np.frombuffer(data, np.uint8)
    place = num_small = 0
    while place < len(data):
        start = place
        key, place = _read_varint(data, place)
        if key > tag:
            return  # protobuf writes fields by number.
        kind = key & 7
        if kind == _LENGTH_DELIMITED:
            size, place = _read_varint(data, place)
            behind = place + size
            if size < _CONTINUES and data[behind : behind + 1] == bytes([key]):
                is_alike = num_small < _MAX_SMALL_RUNS
                find = _run_of_one_size if is_alike else _run_of_short
                bounds = find(table, start)
                num_small += len(bounds[0]) < _SMALL_RUN
                place = int(bounds[1][-1])
                if key == tag:
                    yield _Run(bounds, is_alike)
                continue
        elif kind == _VARINT:
            _, behind = _read_varint(data, place)
        else:
            behind = place + _FIXED_BYTES[kind]
        if key == tag:
            yield _Run((np.array([place]), np.array([behind])), is_alike=True)
        place = behind


def _run_of_one_size(
    table: np.ndarray, place: int
) -> tuple[np.ndarray, np.ndarray]:
    """The messages from a place on that have its tag and its size."""
    size = int(table[place + 1])
    count = wire_alike.count_alike(table, place)
    starts = place + 2 + (size + 2) * np.arange(count)
    return starts, starts + size


def _run_of_short(
    table: np.ndarray, place: int
) -> tuple[np.ndarray, np.ndarray]:
    """All messages from a place on that have its tag and less than 128 bytes.

    Every byte that looks like the tag is taken as a start; those that the chain
    from the first one reaches are true.
    """
    looks = np.flatnonzero(table[place:-1] == table[place]) + place
    looks = looks[table[looks + 1] < _CONTINUES]
    ends = looks + 2 + table[looks + 1]
    following = np.searchsorted(looks, ends)
    is_one = np.append(looks, -1)[following] == ends
    here = np.arange(len(looks))
    true = Chains(np.where(is_one, following, here)).follow(0)
    return looks[true] + 2, ends[true]


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    """A number, and the place behind it."""
    value = shift = 0
    while data[place] & _CONTINUES:
        value |= (data[place] & ~_CONTINUES) << shift
        place, shift = place + 1, shift + 7
    return value | data[place] << shift, place + 1


def _window(data: bytes, dtype: type) -> np.ndarray:
    """`data` seen as a number that starts at each of its bytes."""
    num_places = len(data) - np.dtype(dtype).itemsize + 1
    return np.ndarray(num_places, dtype, data, strides=1)


def _decode_doubles(
    data: bytes, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return _window(data, np.float64)[places], places + 8


def _decode_varints(
    data: bytes, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """int64 `[rows]`, and the places behind them."""
    table = _window(data, np.uint8)
    digits = table[places]
    values = digits.astype(np.int64)
    places = places + 1
    rows = np.flatnonzero(digits >= _CONTINUES)
    shift = 0
    while len(rows):
        # Takes away the bit that says so, and adds the next digit.
        shift += 7
        digits = table[places[rows]].astype(np.int64)
        values[rows] += (digits - 1) << shift
        places[rows] += 1
        rows = rows[digits >= _CONTINUES]
    return values, places
