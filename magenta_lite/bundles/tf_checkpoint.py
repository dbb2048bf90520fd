"""TensorFlow checkpoints as data, of both formats, without TensorFlow.

V1 is one table file that holds the tensors themselves (what an original
Magenta bundle carries). V2 is a table of names, shapes and places
(`<prefix>.index`) beside files of raw values
(`<prefix>.data-00000-of-00001`). Every checksum is checked, and nothing is
allocated that the file does not hold.
"""

from __future__ import annotations

import abc
import dataclasses
import glob
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from magenta_lite.bundles import table_file
from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.proto_fields import (
    damaged,
    fields,
    message,
    number,
    signed,
    text,
    varint,
)

# The numbers of TensorFlow's DataType, for those that hold weights.
_DTYPES: dict[int, np.dtype] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    9: np.dtype("<i8"),
    10: np.dtype("?"),
    19: np.dtype("<f2"),
}
# The field of a TensorProto that holds packed values of each of them.
_PACKED = {5: np.dtype("<f4"), 6: np.dtype("<f8")}
_VARINTS = {7: np.dtype("<i4"), 10: np.dtype("<i8"), 11: np.dtype("?")}
_CONTENT = 4
_MAX_RANK = 16
_MAX_INDEX_BYTES = 2**28
_MAX_V1_BYTES = 2**31


@dataclasses.dataclass(frozen=True)
class FileRange:
    """A file that lies inside of another, as in an archive.

    Attributes:
      path: the outer file.
      offset: where the inner one begins.
      size: how many bytes it has.
    """

    path: Path
    offset: int
    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Some bytes of the inner file.

        Raises:
          BundleError: `tampered`, if it is too short.
        """
        if offset + size > self.size:
            raise damaged()
        with self.path.open("rb") as file:
            file.seek(self.offset + offset)
            return file.read(size)


Shard = bytes | Path | FileRange
"""A data file of a V2 checkpoint."""


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """What a checkpoint says of a tensor.

    Attributes:
      shape: its shape.
      dtype: its type; None for one that holds no numbers.
    """

    shape: tuple[int, ...]
    dtype: np.dtype | None


class TfCheckpoint(abc.ABC):
    """Tensors by name.

    Attributes:
      tensors: what there is.
    """

    tensors: Mapping[str, TensorInfo]

    def read(self, name: str) -> np.ndarray:
        """The values of a tensor.

        Raises:
          BundleError: if there is no such tensor, or it is damaged.
        """
        if name not in self.tensors:
            raise BundleError(f"it holds no {name}.", "tampered")
        info = self.tensors[name]
        if info.dtype is None:
            raise BundleError(f"{name} holds no numbers.", "tampered")
        return self._read(name, info)

    @abc.abstractmethod
    def _read(self, name: str, info: TensorInfo) -> np.ndarray:
        """`read` of a tensor that is there and holds numbers."""


class CheckpointV1(TfCheckpoint):
    """The older format.

    Args:
      data: the whole file.

    Raises:
      BundleError: `tampered`, if it is damaged.
    """

    def __init__(self, data: bytes) -> None:
        self._slices: dict[str, list[memoryview]] = {}
        self.tensors = {}
        for key, value in table_file.entries(memoryview(data)):
            for field, content in fields(value):
                if field == 1 and not key:
                    self.tensors = _parse_meta(message(content))
                elif field == 2:
                    self._add_slice(message(content))

    def _add_slice(self, saved: memoryview) -> None:
        for field, content in fields(saved):
            if field == 1:
                self._slices.setdefault(text(content), []).append(saved)

    def _read(self, name: str, info: TensorInfo) -> np.ndarray:
        assert info.dtype is not None
        parts = [_parse_slice(s, info) for s in self._slices.get(name, ())]
        num_values = sum(values.size for _, values in parts)
        if num_values != math.prod(info.shape):
            raise damaged()
        if len(parts) == 1:
            return parts[0][1].reshape(info.shape)
        whole = np.zeros(info.shape, info.dtype)
        missing = np.ones(info.shape, bool)
        for place, values in parts:
            whole[place] = values.reshape(_fitting(whole[place], values))
            missing[place] = False
        if missing.any():
            raise damaged()
        return whole


class CheckpointV2(TfCheckpoint):
    """The newer format.

    Args:
      index: the index file.
      shards: the data files, in order.

    Raises:
      BundleError: `tampered`, if the index is damaged.
    """

    def __init__(self, index: bytes, shards: Iterable[Shard]) -> None:
        self._shards = tuple(shards)
        self._entries = {}
        self.tensors = {}
        for key, value in table_file.entries(memoryview(index)):
            if not key:
                continue  # a header: the number of shards, and versions
            try:
                name = key.decode()
            except UnicodeDecodeError as error:
                raise damaged() from error
            entry = _parse_entry(value)
            self._entries[name] = entry
            self.tensors[name] = entry.info

    def _read(self, name: str, info: TensorInfo) -> np.ndarray:
        assert info.dtype is not None
        entry = self._entries[name]
        if entry.num_slices:
            raise BundleError(
                f"{name} is saved in parts, which is not supported; save the "
                "checkpoint from a model without partitioned variables.",
                "foreign",
            )
        wanted = math.prod(info.shape) * info.dtype.itemsize
        if entry.size != wanted or entry.shard >= len(self._shards):
            raise damaged()
        data = _range_of(self._shards[entry.shard], entry.offset, entry.size)
        if len(data) != entry.size or (
            table_file.masked_crc32c(memoryview(data)) != entry.crc32c
        ):
            raise damaged()
        return np.frombuffer(data, info.dtype).reshape(info.shape)


def open_checkpoint(prefix: str | os.PathLike) -> TfCheckpoint:
    """Opens a checkpoint on disk.

    Args:
      prefix: of a V2 checkpoint, such as `model.ckpt-100`, or a V1 file.

    Raises:
      BundleError: if it is missing or damaged.
      OSError: if it cannot be read.
    """
    prefix = Path(prefix)
    index = prefix.with_name(f"{prefix.name}.index")
    if index.is_file():
        pattern = f"{glob.escape(prefix.name)}.data-*"
        shards = sorted(prefix.parent.glob(pattern))
        return CheckpointV2(_small_file(index), shards)
    if not prefix.is_file():
        raise BundleError(f"checkpoint {prefix} does not exist.", "missing")
    if prefix.stat().st_size > _MAX_V1_BYTES:
        raise BundleError(f"{prefix} is too large.", "too_large")
    return CheckpointV1(prefix.read_bytes())


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A BundleEntryProto."""

    info: TensorInfo
    shard: int
    offset: int
    size: int
    crc32c: int
    num_slices: int


def _parse_entry(data: memoryview) -> _Entry:
    dtype = shard = offset = size = crc32c = num_slices = 0
    shape: tuple[int, ...] = ()
    for field, value in fields(data):
        if field == 1:
            dtype = number(value)
        elif field == 2:
            shape = _parse_shape(message(value))
        elif field == 3:
            shard = number(value)
        elif field == 4:
            offset = number(value)
        elif field == 5:
            size = number(value)
        elif field == 6:
            crc32c = _fixed32(message(value))
        elif field == 7:
            num_slices += 1
    info = TensorInfo(shape, _DTYPES.get(dtype))
    return _Entry(info, shard, offset, size, crc32c, num_slices)


def _fixed32(value: memoryview) -> int:
    if len(value) != 4:
        raise damaged()
    return int.from_bytes(value, "little")


def _parse_meta(data: memoryview) -> dict[str, TensorInfo]:
    """A SavedTensorSliceMeta: names, shapes and types."""
    tensors = {}
    for field, value in fields(data):
        if field != 1:
            continue
        name, dtype = "", 0
        shape: tuple[int, ...] = ()
        for inner, content in fields(message(value)):
            if inner == 1:
                name = text(content)
            elif inner == 2:
                shape = _parse_shape(message(content))
            elif inner == 3:
                dtype = number(content)
        tensors[name] = TensorInfo(shape, _DTYPES.get(dtype))
    return tensors


def _parse_slice(
    data: memoryview, info: TensorInfo
) -> tuple[tuple[slice, ...], np.ndarray]:
    """A SavedSlice: where its values belong, and the values."""
    place: list[slice] = []
    values = np.zeros([0], info.dtype)
    for field, value in fields(data):
        if field == 2:
            place = [
                _parse_extent(message(extent))
                for inner, extent in fields(message(value))
                if inner == 1
            ]
        elif field == 3:
            values = _parse_values(message(value), info)
    if len(place) != len(info.shape) or not all(
        0 <= extent.start <= size and (extent.stop or 0) <= size
        for extent, size in zip(place, info.shape, strict=True)
    ):
        raise damaged()
    return tuple(place), values


def _fitting(part: np.ndarray, values: np.ndarray) -> tuple[int, ...]:
    """The shape of a part that has as many values."""
    if part.size != values.size:
        raise damaged()
    return part.shape


def _parse_extent(data: memoryview) -> slice:
    """One dimension of a slice; without a length it is all of it."""
    start, length = 0, None
    for field, value in fields(data):
        if field == 1:
            start = signed(number(value))
        elif field == 2:
            length = signed(number(value))
    return slice(start, None if length is None else start + length)


def _parse_values(data: memoryview, info: TensorInfo) -> np.ndarray:
    """The values of a TensorProto, one after the other."""
    assert info.dtype is not None
    parts = []
    for field, value in fields(data):
        if field == _CONTENT:
            parts.append(_from_bytes(message(value), info.dtype))
        elif _PACKED.get(field) == info.dtype:
            parts.append(_from_bytes(message(value), info.dtype))
        elif _VARINTS.get(field) == info.dtype:
            parts.append(_from_varints(value, info.dtype))
    return np.concatenate(parts) if parts else np.zeros([0], info.dtype)


def _from_bytes(data: memoryview, dtype: np.dtype) -> np.ndarray:
    if len(data) % dtype.itemsize:
        raise damaged()
    return np.frombuffer(data, dtype)


def _from_varints(value: int | memoryview, dtype: np.dtype) -> np.ndarray:
    """Packed whole numbers; a step counter, never a large tensor."""
    if isinstance(value, int):
        return np.array([signed(value)]).astype(dtype)
    found, position = [], 0
    while position < len(value):
        one, position = varint(value, position)
        found.append(signed(one))
    return np.array(found, np.int64).astype(dtype)


def _parse_shape(data: memoryview) -> tuple[int, ...]:
    """A TensorShapeProto."""
    shape = []
    for field, value in fields(data):
        if field == 2:
            sizes = [number(v) for f, v in fields(message(value)) if f == 1]
            shape.append(signed(sizes[-1]) if sizes else 0)
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape):
        raise damaged()
    return tuple(shape)


def _range_of(shard: Shard, offset: int, size: int) -> bytes:
    """Some bytes of a data file; fewer if it is too short."""
    if isinstance(shard, bytes):
        return shard[offset : offset + size]
    if isinstance(shard, Path):
        shard = FileRange(shard, 0, shard.stat().st_size)
    return shard.read(offset, size)


def _small_file(path: Path) -> bytes:
    if path.stat().st_size > _MAX_INDEX_BYTES:
        raise BundleError(f"{path} is too large for an index.", "too_large")
    return path.read_bytes()
