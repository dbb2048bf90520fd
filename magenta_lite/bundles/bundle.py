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

from google.protobuf.message import DecodeError

import magenta_lite
from magenta_lite.bundles import manifest as manifests
from magenta_lite.bundles import original, table_file, weights, wire
from magenta_lite.bundles.errors import BundleError
from magenta_lite.codecs.base import Codec
from magenta_lite.encodings.base import Encoding
from magenta_lite.models.base import Model
from magenta_lite.notes.proto import generator_pb2

SCHEMA_VERSION = 1
"""The version of the manifest; newer ones are refused."""

MAX_BYTES = 2**31 - 1
"""No proto can be longer."""

_MAX_MANIFEST_BYTES = 2**23


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
    """

    model: Model
    codec: Codec
    encoding: Encoding
    id: str
    description: str
    manifest: dict[str, Any]


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
    path: str | os.PathLike, extra_classes: Iterable[type] = ()
) -> Bundle:
    """Reads a bundle.

    Args:
      path: the file.
      extra_classes: codecs, encodings and models outside magenta_lite that
        the bundle may name.

    Raises:
      BundleError: if it is missing, truncated, tampered with, foreign or
        newer than this package; `reason` says which.
      OSError: if the file cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise BundleError(f"bundle {path} {what}.", "missing")
    if path.stat().st_size > MAX_BYTES:
        raise BundleError(f"{path} is too large for a bundle.", "too_large")
    try:
        return from_bytes(path.read_bytes(), extra_classes)
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
        "schema_version": SCHEMA_VERSION,
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
    manifest["manifest_sha256"] = _manifest_sha256(manifest, proto)
    proto.metagraph_file = json.dumps(
        manifest, sort_keys=True, allow_nan=False
    ).encode()
    return proto.SerializeToString(deterministic=True)


def from_bytes(data: bytes, extra_classes: Iterable[type] = ()) -> Bundle:
    """Reads the bytes of a bundle; see `read_bundle`."""
    fields = wire.check(data)
    proto = generator_pb2.GeneratorBundle()
    try:
        proto.ParseFromString(data)
    except DecodeError as error:
        raise BundleError("it is damaged; get it anew.", "tampered") from error
    if _is_original(proto):
        return _from_original(proto)
    manifest = _read_manifest(proto)
    if wire.BUNDLE_DETAILS not in fields:
        raise wire.truncated()
    _check_sums(manifest, proto)
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


def _is_original(proto: generator_pb2.GeneratorBundle) -> bool:
    files = proto.checkpoint_file
    return len(files) == 1 and table_file.is_table(files[0])


def _from_original(proto: generator_pb2.GeneratorBundle) -> Bundle:
    """A bundle of the original Magenta."""
    details = proto.generator_details
    model, codec = original.convert(proto)
    manifest = {
        "codec": manifests.describe(codec),
        "encoding": manifests.describe(model.encoding),
        "model": manifests.describe(model),
        "provenance": {"made_by": "the original Magenta"},
    }
    return Bundle(
        model=model,
        codec=codec,
        encoding=model.encoding,
        id=details.id,
        description=proto.bundle_details.description or details.description,
        manifest=manifest,
    )


def _read_manifest(proto: generator_pb2.GeneratorBundle) -> dict[str, Any]:
    """The manifest, if it is one that this version understands."""
    _check_kind(proto)
    if len(proto.metagraph_file) > _MAX_MANIFEST_BYTES:
        raise BundleError("its manifest is too large.", "too_large")
    try:
        manifest = json.loads(proto.metagraph_file, parse_constant=_refuse)
        version = manifest["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(
            "its manifest is damaged; get it anew.", "tampered"
        ) from error
    if isinstance(version, int) and version > SCHEMA_VERSION:
        maker = str(manifest.get("package_version"))[:40]
        raise BundleError(
            f"it was written by a newer magenta_lite ({maker}); update with "
            "`pip install -U magenta_lite`.",
            "newer",
        )
    return manifest


def _check_kind(proto: generator_pb2.GeneratorBundle) -> None:
    """Tells our bundles from other protos."""
    if proto.metagraph_file.startswith(b"{"):
        if len(proto.checkpoint_file) == 1:
            return
        raise BundleError("it holds no weights.", "tampered")
    raise wire.foreign()


def _check_sums(
    manifest: dict[str, Any], proto: generator_pb2.GeneratorBundle
) -> None:
    weights_sum = hashlib.sha256(proto.checkpoint_file[0]).hexdigest()
    if manifest.get("weights_sha256") != weights_sum or manifest.get(
        "manifest_sha256"
    ) != _manifest_sha256(manifest, proto):
        raise BundleError(
            "it was changed after it was written (a checksum differs); get "
            "it anew.",
            "tampered",
        )


def _manifest_sha256(
    manifest: Mapping[str, Any], proto: generator_pb2.GeneratorBundle
) -> str:
    content = {k: v for k, v in manifest.items() if k != "manifest_sha256"}
    details = proto.generator_details
    words = [details.id, details.description, proto.bundle_details.description]
    text = json.dumps([content, words], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
