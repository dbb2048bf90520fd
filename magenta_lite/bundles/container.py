"""The file around a bundle: which kind it is, its manifest, its checksums.

Loads no TensorFlow, so that looking at a bundle is quick.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from magenta_lite.bundles import table_file, wire
from magenta_lite.bundles.errors import BundleError
from magenta_lite.notes.proto import generator_pb2

SCHEMA_VERSION = 1
"""The version of the manifest; newer ones are refused."""

MAX_BYTES = 2**31 - 1
"""No proto can be longer."""

_MAX_MANIFEST_BYTES = 2**23
# How gzip, bzip2, xz and zip begin.
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PK\x03\x04")


def read_file(path: Path) -> bytes:
    """The bytes of a bundle, if it is there and not too long.

    Raises:
      BundleError: if it is not.
      OSError: if it cannot be read.
    """
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise BundleError(f"bundle {path} {what}.", "missing")
    if path.stat().st_size > MAX_BYTES:
        raise BundleError(f"{path} is too large for a bundle.", "too_large")
    return path.read_bytes()


def parse(data: bytes) -> generator_pb2.GeneratorBundle:
    """The proto of a bundle, of ours or of the original Magenta.

    Raises:
      BundleError: if it is truncated, damaged or something else.
    """
    if data.startswith(_COMPRESSED):
        raise BundleError(
            "it is compressed; unpack it and name what was in it.", "foreign"
        )
    fields = wire.check(data)
    proto = generator_pb2.GeneratorBundle()
    try:
        proto.ParseFromString(data)
    except DecodeError as error:
        raise BundleError("it is damaged; get it anew.", "tampered") from error
    if not is_original(proto):
        _check_kind(proto)
        if wire.BUNDLE_DETAILS not in fields:
            raise wire.truncated()
    return proto


def is_original(proto: generator_pb2.GeneratorBundle) -> bool:
    """Whether the original Magenta wrote it."""
    files = proto.checkpoint_file
    return len(files) == 1 and table_file.is_table(files[0])


def read_manifest(proto: generator_pb2.GeneratorBundle) -> dict[str, Any]:
    """The manifest of a bundle of ours, with its checksums checked.

    Raises:
      BundleError: if it is damaged, changed or newer than this version.
    """
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
    _check_sums(manifest, proto)
    return manifest


def manifest_sha256(
    manifest: Mapping[str, Any], proto: generator_pb2.GeneratorBundle
) -> str:
    """The checksum of a manifest, an id and the descriptions."""
    content = {k: v for k, v in manifest.items() if k != "manifest_sha256"}
    details = proto.generator_details
    words = [details.id, details.description, proto.bundle_details.description]
    text = json.dumps([content, words], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


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
    ) != manifest_sha256(manifest, proto):
        raise BundleError(
            "it was changed after it was written (a checksum differs); get "
            "it anew.",
            "tampered",
        )


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
