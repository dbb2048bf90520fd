"""Checkpoints of Magenta.js: a manifest of weights beside files of numbers.

    config.json              the type of the model
    weights_manifest.json    [{"paths": [...], "weights": [{"name", "shape",
                             "dtype", "quantization": {"scale", "min",
                             "dtype"}}, ...]}, ...]

The files of a group hold its weights one after the other; a quantised weight
is `scale * number + min`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.tf_checkpoint import TensorInfo, TfCheckpoint

CONFIG = "config.json"
MANIFEST = "weights_manifest.json"

_DTYPES: dict[str, np.dtype] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "int32": np.dtype("<i4"),
    "uint16": np.dtype("<u2"),
    "uint8": np.dtype("u1"),
    "bool": np.dtype("u1"),
}
_FLOAT = np.dtype("<f4")
_MAX_JSON_BYTES = 2**24
_MAX_RANK = 16
_MAX_ATTENTION_LENGTH = 4096


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where the numbers of a weight lie in its group's files."""

    group: int
    offset: int
    dtype: np.dtype
    scale: float | None
    minimum: float


class JsCheckpoint(TfCheckpoint):
    """A folder as Magenta.js reads it.

    Attributes:
      config: what `config.json` says.
      attention_length: as far as it says.
    """

    def __init__(self, folder: Path) -> None:
        self.config = _json_of(folder / CONFIG, dict)
        self.tensors: dict[str, TensorInfo] = {}
        self._places: dict[str, _Place] = {}
        self._groups: list[list[Path]] = []
        for group in _json_of(folder / MANIFEST, list):
            self._add_group(folder, group)
        length = self.config.get("attentionLength")
        if length is not None and (
            type(length) is not int or not 0 < length <= _MAX_ATTENTION_LENGTH
        ):
            raise _wrong("attentionLength")
        self.attention_length: int | None = length

    def _add_group(self, folder: Path, group: Any) -> None:
        if not isinstance(group, dict):
            raise _wrong(MANIFEST)
        names, weights = group.get("paths"), group.get("weights")
        if not isinstance(names, list) or not isinstance(weights, list):
            raise _wrong(MANIFEST)
        paths = [_beside(folder, name) for name in names]
        offset = 0
        for weight in weights:
            name, info, place = _weight(weight, len(self._groups), offset)
            if name in self.tensors:
                raise _wrong(f"{name[:80]}, there twice,")
            offset += math.prod(info.shape) * place.dtype.itemsize
            self.tensors[name], self._places[name] = info, place
        if offset != sum(path.stat().st_size for path in paths):
            raise BundleError(
                f"its files should hold {offset} bytes and do not; get it "
                "anew.",
                "truncated",
            )
        self._groups.append(paths)

    def _read(self, name: str, info: TensorInfo) -> np.ndarray:
        place = self._places[name]
        size = math.prod(info.shape) * place.dtype.itemsize
        data = _range_of(self._groups[place.group], place.offset, size)
        values = np.frombuffer(data, place.dtype).reshape(info.shape)
        if place.scale is not None:
            values = values * np.float32(place.scale)
            values = values + np.float32(place.minimum)
        return values.astype(info.dtype)


def read(folder: Path) -> JsCheckpoint:
    """Reads a folder.

    Raises:
      BundleError: if it is incomplete, or says what cannot be.
      OSError: if it cannot be read.
    """
    return JsCheckpoint(folder)


def _weight(
    weight: Any, group: int, offset: int
) -> tuple[str, TensorInfo, _Place]:
    if not isinstance(weight, dict):
        raise _wrong(MANIFEST)
    name, shape = weight.get("name"), weight.get("shape")
    dtype = _DTYPES.get(str(weight.get("dtype")))
    if (
        not isinstance(name, str)
        or not isinstance(shape, list)
        or len(shape) > _MAX_RANK
        or not all(type(n) is int and 0 <= n < 2**31 for n in shape)
        or dtype is None
    ):
        raise _wrong(f"the weight {str(name)[:80]}")
    stored, scale, minimum = dtype, None, 0.0
    if (quantization := weight.get("quantization")) is not None:
        if not isinstance(quantization, Mapping) or dtype != _FLOAT:
            raise _wrong(f"the quantization of {name[:80]}")
        found = _DTYPES.get(str(quantization.get("dtype")))
        if found is None:
            raise _wrong(f"the quantization of {name[:80]}")
        stored = found
        if stored.kind == "u":
            scale = _number(quantization.get("scale"), name)
            minimum = _number(quantization.get("min"), name)
    info = TensorInfo(tuple(shape), dtype)
    return name, info, _Place(group, offset, stored, scale, minimum)


def _number(value: Any, name: str) -> float:
    if type(value) not in (int, float) or not abs(value) < 1e30:
        raise _wrong(f"the quantization of {name[:80]}")
    return float(value)


def _beside(folder: Path, name: Any) -> Path:
    """A file of the folder itself; names that lead out of it are refused."""
    if (
        not isinstance(name, str)
        or not name
        or name in (".", "..")
        or os.path.basename(name) != name
        or "\0" in name
    ):
        raise _wrong(f"the file {str(name)[:80]!r}")
    path = folder / name
    if not path.is_file():
        raise BundleError(f"{path} is missing.", "missing")
    return path


def _range_of(paths: list[Path], offset: int, size: int) -> bytes:
    """Bytes of files that are read as one."""
    parts = []
    for path in paths:
        length = path.stat().st_size
        if offset < length and size:
            with path.open("rb") as file:
                file.seek(offset)
                parts.append(file.read(min(size, length - offset)))
            size -= len(parts[-1])
        offset = max(0, offset - length)
    return b"".join(parts)


def _json_of(path: Path, kind: type) -> Any:
    if not path.is_file():
        raise BundleError(f"{path} is missing.", "missing")
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise BundleError(f"{path} is too large.", "too_large")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not JSON.", "tampered") from error
    if not isinstance(value, kind):
        raise _wrong(path.name)
    return value


def _wrong(what: str) -> BundleError:
    return BundleError(f"{what} is not as in Magenta.js.", "tampered")
