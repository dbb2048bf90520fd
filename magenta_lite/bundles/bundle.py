"""Bundles: a trained model and all that it needs, in one `.mag` file.

A bundle is a `GeneratorBundle` proto, as in the original Magenta, whose
checkpoint is safetensors and whose metagraph is a JSON manifest:

    {"schema_version": 1, "package_version": "0.1.0",
     "codec": ..., "encoding": ..., "model": ...,   (see `manifest.describe`)
     "weights_sha256": ..., "provenance": {...}, "manifest_sha256": ...}

`manifest_sha256` covers the rest of the manifest, the id and the description.
Reading a bundle runs nothing that it holds. Bundles of the original Magenta
are converted when they are read, see `original.py`.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import magenta_lite
from magenta_lite.bundles import container, original, original_source, weights
from magenta_lite.bundles import manifest as manifests
from magenta_lite.bundles.errors import BundleError
from magenta_lite.codecs.base import Codec
from magenta_lite.encodings.base import Encoding
from magenta_lite.models.base import Model
from magenta_lite.notes.proto import generator_pb2


@dataclasses.dataclass(frozen=True)
class Bundle:
    """What a bundle holds.

    Attributes:
      model: with its trained weights.
      codec: NoteSequences to events and back.
      encoding: the model's own.
      id: names the kind of model, e.g. "basic_rnn".
      description: for people.
      manifest: see the module.
      notes: what an original model did not say, and what is assumed.
    """

    model: Model
    codec: Codec
    encoding: Encoding
    id: str
    description: str
    manifest: dict[str, Any]
    notes: tuple[str, ...] = ()


def write_bundle(
    path: str | os.PathLike,
    *,
    model: Model,
    codec: Codec,
    bundle_id: str,
    description: str = "",
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a bundle; the same arguments give the same bytes.

    The file appears whole or not at all; missing folders are made.

    Args:
      path: where to, usually `<something>.mag`.
      model: the model; its encoding is written as well.
      codec: the codec that it was trained with.
      bundle_id: names the kind of model.
      description: for people.
      provenance: how the weights came about, as JSON values.
      overwrite: whether a file that is there may be replaced.

    Raises:
      BundleError: if there is a file already or the weights are not finite.
      OSError: if the file cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise BundleError(f"{path} is a folder; name a file.", "exists")
    if path.exists() and not overwrite:
        raise BundleError(
            f"{path} exists; choose another name or allow to overwrite it.",
            "exists",
        )
    data = to_bytes(model, codec, bundle_id, description, provenance)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_bundle(
    path: str | os.PathLike,
    extra_classes: Iterable[type] = (),
    *,
    config: str = "",
    attention_length: int | None = None,
) -> Bundle:
    """Reads a bundle, or a checkpoint of the original Magenta.

    Args:
      path: the file; or a folder, a prefix or an archive of checkpoints, see
        `original_source`.
      extra_classes: codecs, encodings and models outside magenta_lite that
        the bundle may name.
      config: the id of a model of the original, where nothing says it.
      attention_length: of such a model, where no graph says it.

    Raises:
      BundleError: if it is missing, truncated, tampered with, foreign or
        newer than this package; `reason` says which.
      OSError: if the file cannot be read.
    """
    path = Path(path)
    if original_source.is_original(path):
        return from_original(
            original.plan_of_path(path, config, attention_length)
        )
    data = container.read_file(path)
    try:
        return from_bytes(data, extra_classes, config, attention_length)
    except BundleError as error:
        raise BundleError(f"bundle {path}: {error}", error.reason) from error


def to_bytes(
    model: Model,
    codec: Codec,
    bundle_id: str,
    description: str = "",
    provenance: Mapping[str, Any] | None = None,
) -> bytes:
    """The bytes of a bundle; see `write_bundle`."""
    weight_bytes = weights.to_bytes(model)
    manifest = {
        "schema_version": container.SCHEMA_VERSION,
        "package_version": magenta_lite.__version__,
        "codec": manifests.describe(codec),
        "encoding": manifests.describe(model.encoding),
        "model": manifests.describe(model),
        "weights_sha256": hashlib.sha256(weight_bytes).hexdigest(),
        "provenance": dict(provenance or {}),
    }
    proto = generator_pb2.GeneratorBundle()
    proto.generator_details.id = bundle_id
    proto.generator_details.description = description
    proto.bundle_details.description = description
    proto.bundle_details.SetInParent()
    proto.checkpoint_file.append(weight_bytes)
    manifest["manifest_sha256"] = container.manifest_sha256(manifest, proto)
    proto.metagraph_file = json.dumps(
        manifest, sort_keys=True, allow_nan=False
    ).encode()
    return proto.SerializeToString(deterministic=True)


def from_bytes(
    data: bytes,
    extra_classes: Iterable[type] = (),
    config: str = "",
    attention_length: int | None = None,
) -> Bundle:
    """Reads the bytes of a bundle; see `read_bundle`."""
    proto = container.parse(data)
    if container.is_original(proto):
        source = original.source_of(proto)
        return from_original(original.plan(source, config, attention_length))
    manifest = container.read_manifest(proto)
    extra_classes = tuple(extra_classes)
    codec = manifests.build_codec(manifest.get("codec"), extra_classes)
    encoding = manifests.build_encoding(manifest.get("encoding"), extra_classes)
    for name, size in codec.encoding_sizes().items():
        encoded = getattr(encoding, name, size)
        if encoded != size:
            raise BundleError(
                f"its codec has {name} {size}, its encoding {encoded}."
            )
    model = weights.build_checked(
        functools.partial(
            manifests.build_model,
            manifest.get("model"),
            encoding,
            extra_classes,
        ),
        weights.from_bytes(proto.checkpoint_file[0]),
    )
    return Bundle(
        model=model,
        codec=codec,
        encoding=encoding,
        id=proto.generator_details.id,
        description=proto.bundle_details.description,
        manifest=manifest,
    )


def from_original(planned: original.Plan) -> Bundle:
    """Makes what was planned of a model of the original Magenta."""
    model = planned.build_fn()
    return Bundle(
        model=model,
        codec=planned.codec,
        encoding=model.encoding,
        id=planned.model_id,
        description=planned.description,
        manifest=planned.manifest,
        notes=planned.notes,
    )
