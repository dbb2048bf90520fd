"""Prepared datasets on disk, read back."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from magenta_lite import paths
from magenta_lite.data.preparation_report import PreparationReport
from magenta_lite.errors import UserError

FOLDER_BUILDER = "note_sequence_folder"
"""The builder of datasets made from a user's folder."""

_INFO_NAME = "dataset_info.json"
_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_READ_BATCH = 64


class DatasetError(UserError):
    """A prepared dataset is missing, damaged or has no such split."""


class PreparedDataset:
    """A dataset that `bin/prepare.py`, or TFDS itself, wrote to disk.

    Only its folder is read, the builder is not needed. Making one is quick and
    imports no TensorFlow; `sequences` does.

    Args:
      name: "folk_tunes", "folk_tunes/oneills_1850", or the `--name` of a
        folder.
      data_dir: where datasets lie; `paths.default_data_dir()` if None.

    Raises:
      DatasetError: if there is no such dataset.
    """

    def __init__(
        self, name: str, data_dir: str | os.PathLike | None = None
    ) -> None:
        self._name = name
        directory = find_dataset_dir(name, data_dir)
        if directory is None:
            raise DatasetError(_not_prepared(name, _data_dir(data_dir)))
        self._dir = directory

    @property
    def name(self) -> str:
        """The name that was asked for."""
        return self._name

    @property
    def directory(self) -> pathlib.Path:
        """The folder of the dataset's files."""
        return self._dir

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, e.g. `("train", "validation", "test")`."""
        return tuple(self._infos)

    @property
    def report(self) -> PreparationReport | None:
        """How it was made; None if another tool made it."""
        return PreparationReport.load(self._dir)

    def num_sequences(self, split: str) -> int:
        """How many NoteSequences a split holds."""
        return sum(map(int, self._info(split)["shardLengths"]))

    def fingerprint(self, split: str) -> str:
        """64 hex digits that change whenever the split's content does.

        Computed from checksums made when the dataset was prepared, or else from
        the sizes and times of its files: quick for any size.
        """
        state = [json.dumps(self._info(split), sort_keys=True)]
        report = self.report
        if report and split in report.splits:
            state.append(report.splits[split].sha256)
        else:
            for path in self._shards(split):
                status = path.stat()
                state.append(f"{status.st_size} {status.st_mtime_ns}")
        return hashlib.sha256("\0".join(state).encode()).hexdigest()

    def sequences(self, split: str) -> Iterator[tuple[str, bytes]]:
        """Yields id and serialized NoteSequence, always in the same order.

        Args:
          split: one of `splits`.

        Raises:
          DatasetError: if there is no such split, or a file is damaged.
        """
        import tensorflow as tf

        files = [str(path) for path in self._shards(split)]
        features = {
            key: tf.io.FixedLenFeature([], tf.string)
            for key in ("id", "sequence")
        }
        records = (
            tf.data.TFRecordDataset(files)
            .batch(_READ_BATCH)
            .map(lambda batch: tf.io.parse_example(batch, features))
            .prefetch(1)
        )
        try:
            for batch in records.as_numpy_iterator():
                for key, sequence in zip(
                    batch["id"], batch["sequence"], strict=True
                ):
                    yield key.decode(), sequence
        except tf.errors.OpError as error:
            raise DatasetError(
                f"{self._dir} is damaged ({error.message}); prepare it again "
                "with `--overwrite`."
            ) from error

    @functools.cached_property
    def _metadata(self) -> dict[str, Any]:
        path = self._dir / _INFO_NAME
        try:
            metadata = json.loads(path.read_text(encoding="utf-8"))
            if metadata["fileFormat"] == "tfrecord":
                return metadata
            problem = f"is stored as {metadata['fileFormat']}, not as tfrecord"
        except (ValueError, KeyError, TypeError):
            problem = "is damaged"
        raise DatasetError(f"{path} {problem}; prepare the dataset again.")

    @functools.cached_property
    def _infos(self) -> dict[str, dict]:
        return {split["name"]: split for split in self._metadata["splits"]}

    def _info(self, split: str) -> dict:
        if split not in self._infos:
            raise DatasetError(
                f"dataset {self._name} has no split {split!r}; it has: "
                f"{', '.join(self._infos)}."
            )
        return self._infos[split]

    def _shards(self, split: str) -> list[pathlib.Path]:
        num_shards = len(self._info(split)["shardLengths"])
        stem = f"{self._metadata['name']}-{split}.tfrecord"
        return [
            self._dir / f"{stem}-{index:05d}-of-{num_shards:05d}"
            for index in range(num_shards)
        ]


def find_dataset_dir(
    name: str, data_dir: str | os.PathLike | None = None
) -> pathlib.Path | None:
    """The folder of a prepared dataset's newest version; None if missing.

    Args:
      name: see `PreparedDataset`.
      data_dir: see `PreparedDataset`.
    """
    if not _NAME.fullmatch(name):
        return None
    root = _data_dir(data_dir)
    for base in (root / name, root / FOLDER_BUILDER / name):
        for folder in (base, _default_config_dir(base)):
            versions = _version_dirs(folder) if folder else []
            if versions:
                return versions[-1]
    return None


def prepared_names(data_dir: str | os.PathLike | None = None) -> list[str]:
    """The datasets in a folder, by the names that `PreparedDataset` takes."""
    root = _data_dir(data_dir)
    infos = [*root.glob(f"*/*/{_INFO_NAME}"), *root.glob(f"*/*/*/{_INFO_NAME}")]
    names = {path.parents[1].relative_to(root).as_posix() for path in infos}
    return sorted(name.removeprefix(f"{FOLDER_BUILDER}/") for name in names)


def _data_dir(data_dir: str | os.PathLike | None) -> pathlib.Path:
    if data_dir is None:
        return paths.default_data_dir()
    return pathlib.Path(data_dir).expanduser()


def _default_config_dir(base: pathlib.Path) -> pathlib.Path | None:
    """TFDS notes which config `tfds.load` takes if none is named."""
    path = base / ".config" / "metadata.json"
    try:
        config = json.loads(path.read_text())["default_config_name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return base / config


def _version_dirs(folder: pathlib.Path) -> list[pathlib.Path]:
    found = [
        path.parent
        for path in folder.glob(f"*/{_INFO_NAME}")
        if _VERSION.fullmatch(path.parent.name)
    ]
    return sorted(found, key=lambda p: [int(n) for n in p.name.split(".")])


def _not_prepared(name: str, data_dir: pathlib.Path) -> str:
    there = ", ".join(prepared_names(data_dir)) or "nothing"
    how = (
        f"`bin/prepare.py --dataset={name}`"
        if (paths.datasets_dir() / name.split("/")[0]).is_dir()
        else f"`bin/prepare.py --input_dir=FOLDER --name={name}`"
    )
    return (
        f"dataset {name!r} is not prepared in {data_dir} (there: {there}); "
        f"run {how} with the same --data_dir."
    )
