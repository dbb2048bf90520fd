"""Where the weights of an original model lie: bundles, checkpoints, archives.

    model.mag                      a bundle of the original Magenta
    train/, run_dir/               a folder of checkpoints; the latest is taken
    model.ckpt-100                 the prefix of a checkpoint, V1 or V2
    model.tar                      an archive with such a checkpoint
    basic_rnn/weights_manifest.json    a checkpoint of Magenta.js

Everything is read as data; archives are not unpacked, and no TensorFlow is
loaded.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tarfile
from pathlib import Path, PurePosixPath

from magenta_lite.bundles import magenta_js, table_file
from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.metagraph import attention_length
from magenta_lite.bundles.tf_checkpoint import (
    CheckpointV2,
    FileRange,
    TfCheckpoint,
    open_checkpoint,
)

MAX_ATTENTION_LENGTH = 4096
"""Longer ones are no music model's."""

_MAX_GRAPH_BYTES = 2**25
_MAX_INDEX_BYTES = 2**26
_MAX_MEMBERS = 1000
_MAX_NOTE_BYTES = 2**16
_ENDINGS = (".index", ".meta")
_LATEST = re.compile(r'^model_checkpoint_path:\s*"([^"]+)"', re.MULTILINE)
_SHARD = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")


@dataclasses.dataclass(frozen=True)
class OriginalSource:
    """An original model's variables, and what is said beside them.

    Attributes:
      checkpoint: the variables.
      made_by: who wrote them.
      model_id: what kind of model it is; "" if nothing says so.
      description: for people.
      attention_length: of its graph; None if there is none or no graph.
      path: the last folder and the name, which may say what it is.
    """

    checkpoint: TfCheckpoint
    made_by: str = "the original Magenta"
    model_id: str = ""
    description: str = ""
    attention_length: int | None = None
    path: str = ""


def checked_attention_length(metagraph: bytes) -> int | None:
    """The attention length in a graph, if it is one that can be.

    Raises:
      BundleError: if it cannot, or the graph is damaged.
    """
    length = attention_length(metagraph)
    if length is not None and not 0 < length <= MAX_ATTENTION_LENGTH:
        raise BundleError(f"its attention length is {length}.", "tampered")
    return length


def is_original(path: Path) -> bool:
    """Whether a path names something of the original other than a bundle."""
    if path.is_dir() or path.with_name(f"{path.name}.index").is_file():
        return True
    if not path.is_file():
        return False
    if path.suffix == ".json" or path.name.endswith(_ENDINGS):
        return True
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(max(0, size - 48))
        if table_file.is_table(file.read(48)):
            return True
    return _is_archive(path)


def open_source(path: Path) -> OriginalSource:
    """Opens what `is_original` knows.

    Raises:
      BundleError: if it is damaged or something else.
      OSError: if it cannot be read.
    """
    source = _open(path)
    # A prefix is named after the step; its folder may tell more.
    resolved = path.resolve()
    short = f"{resolved.parent.name}/{resolved.name}"
    return dataclasses.replace(source, path=short)


def _open(path: Path) -> OriginalSource:
    if path.name in (magenta_js.CONFIG, magenta_js.MANIFEST):
        path = path.parent
    if path.is_dir():
        if (path / magenta_js.MANIFEST).is_file():
            return _magenta_js(path)
        return _checkpoint(_latest_in(path))
    if path.name.endswith(_ENDINGS):
        return _checkpoint(path.with_suffix(""))
    if path.is_file() and _is_archive(path):
        return OriginalSource(_in_archive(path))
    return _checkpoint(path)


def _magenta_js(folder: Path) -> OriginalSource:
    js = magenta_js.read(folder)
    return OriginalSource(
        js, made_by="Magenta.js", attention_length=js.attention_length
    )


def _checkpoint(prefix: Path) -> OriginalSource:
    """A checkpoint with the graph beside it, if there is one."""
    graph = prefix.with_name(f"{prefix.name}.meta")
    length = None
    if graph.is_file() and graph.stat().st_size <= _MAX_GRAPH_BYTES:
        length = checked_attention_length(graph.read_bytes())
    return OriginalSource(open_checkpoint(prefix), attention_length=length)


def _latest_in(folder: Path) -> Path:
    """The prefix of the checkpoint that a training wrote last."""
    for place in (folder, folder / "train"):
        note = place / "checkpoint"
        if note.is_file():
            with note.open("rb") as file:
                text = file.read(_MAX_NOTE_BYTES).decode(errors="replace")
            match = _LATEST.search(text)
            # Only the name: the folder may have moved since.
            if match and (name := os.path.basename(match[1])):
                return place / name
        prefixes = sorted(
            path.with_suffix("") for path in place.glob("*.index")
        )
        if len(prefixes) > 1:
            raise BundleError(
                f"{place} holds {len(prefixes)} checkpoints; name one of them, "
                f"such as {prefixes[-1]}.",
                "missing",
            )
        if prefixes:
            return prefixes[0]
    raise BundleError(
        f"{folder} holds no checkpoint of TensorFlow and no "
        f"{magenta_js.MANIFEST} of Magenta.js.",
        "missing",
    )


def _in_archive(path: Path) -> TfCheckpoint:
    """The V2 checkpoint in an archive, read in place."""
    files = _members(path)
    indices = [name for name in files if name.endswith(".index")]
    if len(indices) != 1:
        raise BundleError(
            f"the archive holds {len(indices)} checkpoints, not one.", "foreign"
        )
    prefix = indices[0].removesuffix(".index")
    shards = sorted(
        name
        for name in files
        if (match := _SHARD.fullmatch(name)) and match[1] == prefix
    )
    index = files[indices[0]]
    if index.size > _MAX_INDEX_BYTES:
        raise BundleError("its index is too large.", "too_large")
    return CheckpointV2(
        index.read(0, index.size), [files[name] for name in shards]
    )


def _is_archive(path: Path) -> bool:
    """Whether it is a tar that is not compressed.

    A compressed one is not even looked at: a few bytes of it could stand for
    endless ones.
    """
    try:
        with tarfile.open(path, "r:"):
            return True
    except (tarfile.TarError, ValueError, OverflowError):
        return False


def _members(path: Path) -> dict[str, FileRange]:
    """Plain files of an archive and where they lie in it."""
    files = {}
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            for number, member in enumerate(archive):
                if number >= _MAX_MEMBERS:
                    raise BundleError("the archive is too long.", "too_large")
                if not member.isreg() or member.issparse():
                    continue
                if not 0 <= member.size <= size - member.offset_data:
                    raise BundleError(
                        "the archive is truncated; get it anew.", "truncated"
                    )
                name = PurePosixPath(member.name).name
                if name in files:
                    raise BundleError(
                        f"the archive holds {name[:80]} twice.", "tampered"
                    )
                files[name] = FileRange(path, member.offset_data, member.size)
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise BundleError(
            "the archive is damaged; get it anew.", "tampered"
        ) from error
    return files
