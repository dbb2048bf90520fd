"""Events of a data set: encoded once, in parallel, then opened from disk."""

from __future__ import annotations

import collections
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import magenta_lite.codecs
import magenta_lite.notes
from magenta_lite.codecs.base import Codec
from magenta_lite.data import (
    cache_files,
    extraction_report,
    parallel_encode,
    worker_pool,
)
from magenta_lite.data.cache_files import EventCache as EventCache
from magenta_lite.data.delayed_progress import DelayedProgress
from magenta_lite.errors import UserError


class Dataset(Protocol):
    """Where NoteSequences come from: a prepared corpus or a synthetic one."""

    @property
    def name(self) -> str:
        """A short name for messages and file names."""

    @property
    def splits(self) -> Sequence[str]:
        """The names of the splits, e.g. `("train", "validation", "test")`."""

    def sequences(self, split: str) -> Iterator[tuple[str, bytes]]:
        """Id and serialized NoteSequence, always in the same order."""

    def num_sequences(self, split: str) -> int:
        """How many `sequences(split)` yields."""

    def fingerprint(self, split: str) -> str:
        """A string that changes whenever the split's content does."""


class EmptyDatasetError(UserError):
    """A codec found nothing to use in a split of a data set.

    Attributes:
      split: which one.
    """

    def __init__(self, split: str, message: str) -> None:
        self.split = split
        super().__init__(message)


def build_event_cache(
    dataset: Dataset,
    split: str,
    codec: Codec,
    cache_dir: str | os.PathLike,
    num_workers: int | None = None,
    progress: bool = True,
) -> EventCache:
    """As `encode_split`, for those who need examples.

    Raises:
      EmptyDatasetError: if no example came out; it says why.
    """
    cache = encode_split(
        dataset, split, codec, cache_dir, num_workers, progress
    )
    if cache.num_examples:
        return cache
    if not cache.num_sequences:
        raise EmptyDatasetError(
            split,
            f"split {split!r} of {dataset.name!r} holds no sequences; prepare "
            "it again from more files.",
        )
    report = extraction_report.make_report(cache, codec)
    raise EmptyDatasetError(
        split,
        f"split {split!r} of {dataset.name!r} gives no example: "
        f"{report.line()}",
    )


def encode_split(
    dataset: Dataset,
    split: str,
    codec: Codec,
    cache_dir: str | os.PathLike,
    num_workers: int | None = None,
    progress: bool = True,
) -> EventCache:
    """Encodes a split, or opens the cache that an earlier call left.

    The content does not depend on `num_workers`, and memory is bounded
    whatever the size of the corpus. A cache is built under another name and
    renamed once complete, so a killed build leaves nothing that is ever
    opened. It is rebuilt if the data, the codec's class or configuration, or
    the code of the codecs changes, or if its files are damaged.

    Args:
      dataset: where the NoteSequences come from.
      split: which of its splits.
      codec: what makes events of them.
      cache_dir: the folder that holds all caches; made if missing.
      num_workers: processes; one per processor if None.
      progress: whether to show a bar if it takes more than two seconds.

    Returns:
      The cache, which is empty if the codec can use nothing.
    """
    identity = _identity(dataset, split, codec)
    path = pathlib.Path(cache_dir) / _folder_name(dataset, split, identity)
    cache = cache_files.open_cache(path, identity)
    if cache is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        workers = num_workers or worker_pool.default_num_workers()
        with _scratch_folder(path) as scratch:
            _encode(scratch, dataset, split, codec, identity, workers, progress)
            _move_into_place(scratch, path, identity)
        cache = cache_files.open_cache(path, identity)
    if cache is None:
        raise OSError(f"the event cache changes while it is read: {path}")
    return cache


def _encode(
    folder: pathlib.Path,
    dataset: Dataset,
    split: str,
    codec: Codec,
    identity: dict[str, Any],
    num_workers: int,
    progress: bool,
) -> None:
    """Encodes a whole split into the files of a cache."""
    dtype = parallel_encode.event_dtype(codec.num_events)
    writer = cache_files.CacheWriter(
        folder, dtype, codec.event_shape, cache_files.MAX_SHARD_VALUES
    )
    ids: collections.deque[str] = collections.deque()  # read ahead

    def records() -> Iterator[bytes]:
        for sequence_id, record in dataset.sequences(split):
            ids.append(sequence_id)
            yield record

    with DelayedProgress(
        f"encoding {split}", dataset.num_sequences(split), progress
    ) as bar:
        for encoded in parallel_encode.encode_in_order(
            codec, records(), dataset.num_sequences(split), num_workers
        ):
            writer.write(encoded.examples, ids.popleft(), encoded.rejects)
            bar.advance(1)
    writer.finish(identity)


def _identity(dataset: Dataset, split: str, codec: Codec) -> dict[str, Any]:
    """Everything that the content of a cache depends on, as JSON values."""
    kind = type(codec)
    identity = {
        "schema_version": cache_files.SCHEMA_VERSION,
        "dataset": dataset.name,
        "split": split,
        "dataset_fingerprint": dataset.fingerprint(split),
        "codec": f"{kind.__module__}:{kind.__qualname__}",
        "codec_config": codec.get_config(),
        "code": _code_hash(sys.modules[kind.__module__].__file__),
    }
    return json.loads(json.dumps(identity))  # tuples become lists


@functools.cache
def _code_hash(codec_file: str | None) -> str:
    """A hash of the source that turns notes into events."""
    packages = (magenta_lite.codecs, magenta_lite.notes)
    files = {p for m in packages for p in _python_files(m.__path__[0])}
    if codec_file:
        files.add(pathlib.Path(codec_file))
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda path: path.name):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _python_files(folder: str) -> list[pathlib.Path]:
    return list(pathlib.Path(folder).rglob("*.py"))


def _folder_name(dataset: Dataset, split: str, identity: dict[str, Any]) -> str:
    canonical = json.dumps(identity, sort_keys=True).encode()
    digest = hashlib.sha256(canonical).hexdigest()[:16]
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", f"{dataset.name}-{split}")
    return f"{readable[:80]}-{digest}"


@contextlib.contextmanager
def _scratch_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """An empty folder beside `path`, gone at the end if it is still there."""
    mark = f".building-{socket.gethostname()}-"
    for leftover in path.parent.glob(f"*{mark}*"):
        if not _is_running(leftover.name.rpartition("-")[2]):
            shutil.rmtree(leftover, ignore_errors=True)
    scratch = path.with_name(f"{path.name}{mark}{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_running(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _move_into_place(
    scratch: pathlib.Path, path: pathlib.Path, identity: dict[str, Any]
) -> None:
    """Renames a finished cache, unless another process was faster."""
    if path.exists() and cache_files.open_cache(path, identity) is None:
        shutil.rmtree(path)
    with contextlib.suppress(FileExistsError):
        try:
            os.rename(scratch, path)
        except OSError as error:
            # Linux answers ENOTEMPTY where others say EEXIST.
            if not path.exists():
                raise
            raise FileExistsError(str(path)) from error
