"""What a bundle or a checkpoint holds, told without loading TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import struct
from pathlib import Path
from typing import Any

from magenta_lite.bundles import container, original, original_source
from magenta_lite.bundles.errors import BundleError

_LENGTH_BYTES = 8


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a bundle holds.

    Attributes:
      id: names the kind of model; "" if nothing says so.
      description: for people.
      made_by: "magenta_lite", "the original Magenta" or "Magenta.js".
      model, encoding, codec: classes and their arguments.
      num_parameters: how many numbers were trained.
      provenance: how the weights came about, as far as it says.
      notes: what is not sure.
    """

    id: str
    description: str
    made_by: str
    model: dict[str, Any]
    encoding: dict[str, Any]
    codec: dict[str, Any]
    num_parameters: int
    provenance: dict[str, Any]
    notes: tuple[str, ...] = ()


def summarize(
    path: str | os.PathLike,
    config: str = "",
    attention_length: int | None = None,
) -> Summary:
    """Looks at a bundle, or at a checkpoint of the original Magenta.

    Checksums are checked; weights are not read as numbers.

    Args:
      path: see `bundle.read_bundle`.
      config: the id of a model of the original, where nothing says it.
      attention_length: of such a model.

    Raises:
      BundleError: as `read_bundle` does, where only the weights' numbers
        are not looked at.
      OSError: if it cannot be read.
    """
    path = Path(path)
    if original_source.is_original(path):
        return _of_plan(original.plan_of_path(path, config, attention_length))
    data = container.read_file(path)
    try:
        proto = container.parse(data)
        if container.is_original(proto):
            source = original.source_of(proto)
            return _of_plan(original.plan(source, config, attention_length))
        manifest = container.read_manifest(proto)
        return Summary(
            id=proto.generator_details.id,
            description=proto.bundle_details.description,
            made_by=f"magenta_lite {manifest.get('package_version')}",
            model=_object(manifest, "model"),
            encoding=_object(manifest, "encoding"),
            codec=_object(manifest, "codec"),
            num_parameters=_num_parameters(proto.checkpoint_file[0]),
            provenance=_object(manifest, "provenance"),
        )
    except BundleError as error:
        raise BundleError(f"bundle {path}: {error}", error.reason) from error


def _of_plan(planned: original.Plan) -> Summary:
    manifest = planned.manifest
    return Summary(
        id=planned.model_id,
        description=planned.description,
        made_by=planned.made_by,
        model=manifest["model"],
        encoding=manifest["encoding"],
        codec=manifest["codec"],
        num_parameters=planned.num_parameters,
        provenance=manifest["provenance"],
        notes=planned.notes,
    )


def _object(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    value = manifest.get(name)
    if not isinstance(value, dict):
        raise BundleError(f"its manifest holds no {name}.", "tampered")
    return value


def _num_parameters(weights: bytes) -> int:
    """By the header of safetensors: a length, then JSON with shapes."""
    try:
        (length,) = struct.unpack("<Q", weights[:_LENGTH_BYTES])
        header = json.loads(weights[_LENGTH_BYTES : _LENGTH_BYTES + length])
        return sum(
            math.prod(tensor["shape"])
            for name, tensor in header.items()
            if name != "__metadata__"
        )
    except (
        struct.error,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise BundleError("its weights cannot be read.", "tampered") from error
