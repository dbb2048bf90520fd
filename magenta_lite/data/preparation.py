"""Runs dataset builders: all or nothing, and only where there is need."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import importlib
import os
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from magenta_lite import datasets, paths
from magenta_lite.data import sources
from magenta_lite.data.preparation_report import PreparationReport
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.data.note_sequence_builder import (
        NoteSequenceBuilder,
        Progress,
    )

_FOLDER_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


class PreparationError(UserError):
    """A dataset cannot be prepared as asked."""


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A dataset that is ready.

    Attributes:
      name: what `PreparedDataset` takes.
      directory: the folder of its files.
      report: what it holds; None if another tool made it.
      is_new: False if it had been prepared before.
    """

    name: str
    directory: pathlib.Path
    report: PreparationReport | None
    is_new: bool


def builder_names() -> list[str]:
    """The datasets that have a builder; none of them is imported."""
    return sorted(
        path.parent.name
        for folder in datasets.__path__
        for path in pathlib.Path(folder).glob("*/*_dataset_builder.py")
        if path.name == f"{path.parent.name}_dataset_builder.py"
    )


def prepare_dataset(
    name: str,
    data_dir: str | os.PathLike | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    on_start: Callable[[], None] | None = None,
) -> Prepared:
    """Prepares a dataset that has a builder, unless it is prepared already.

    Args:
      name: "folk_tunes" or, with a config, "folk_tunes/oneills_1850".
      data_dir: where it is written; `paths.default_data_dir()` if None.
      num_workers: processes to read with; one for each core if None.
      progress: told how far the work is.
      overwrite: makes it anew; the old one stays until the new one is there.
      on_start: called when it is clear that there is something to do, before
        TensorFlow is imported.

    Raises:
      UserError: if there is no such dataset, or its corpus is not there.
    """
    builder_name, _, config = name.partition("/")
    if builder_name == sources.FOLDER_BUILDER:
        raise PreparationError(
            f"{builder_name} reads a folder: pass --input_dir and --name "
            "instead of --dataset."
        )
    if builder_name not in builder_names():
        raise PreparationError(_unknown(builder_name, builder_names()))
    existing = sources.find_dataset_dir(name, data_dir)
    if existing and not overwrite:
        report = PreparationReport.load(existing)
        return Prepared(name, existing, report, is_new=False)
    _call(on_start)
    builder_class = _builder_class(builder_name)
    configs = sorted(builder_class.builder_configs)
    if config and config not in configs:
        raise PreparationError(_unknown(config, configs, f"{builder_name}/"))

    def make(data_dir: str) -> NoteSequenceBuilder:
        return builder_class(data_dir=data_dir, config=config or None)

    return _build(name, make, data_dir, num_workers, progress)


def prepare_folder(
    input_dir: str | os.PathLike,
    name: str,
    data_dir: str | os.PathLike | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    on_start: Callable[[], None] | None = None,
) -> Prepared:
    """Makes a dataset of a folder, unless that has been done already.

    Args:
      input_dir: searched recursively for music files.
      name: what to call the dataset.
      data_dir: where it is written; `paths.default_data_dir()` if None.
      num_workers: processes to read with; one for each core if None.
      progress: told how far the work is.
      overwrite: makes it anew; the old one stays until the new one is there.
      on_start: called when it is clear that there is something to do, before
        TensorFlow is imported.

    Raises:
      UserError: if the folder holds no usable music, if the name is taken, or
        if a dataset of this name was made of other files.
    """
    from magenta_lite.datasets.note_sequence_folder import files

    if not _FOLDER_NAME.fullmatch(name):
        raise PreparationError(
            f"--name={name}: use letters, digits, `_`, `-` and `.` only."
        )
    if name in builder_names():
        raise PreparationError(
            f"--name={name} is the name of a built-in dataset; take another."
        )
    found = files.find_music_files(input_dir)
    existing = sources.find_dataset_dir(name, data_dir)
    if existing and not overwrite:
        report = PreparationReport.load(existing)
        if not report or report.source_fingerprint != files.fingerprint(found):
            raise PreparationError(
                f"{existing} was made of other files than {input_dir} holds "
                "now; pass --overwrite to make it anew, or another --name."
            )
        return Prepared(name, existing, report, is_new=False)
    _call(on_start)
    builder_class = _builder_class(sources.FOLDER_BUILDER)

    def make(data_dir: str) -> NoteSequenceBuilder:
        return builder_class.for_folder(input_dir, name, data_dir=data_dir)

    return _build(name, make, data_dir, num_workers, progress)


def _call(function: Callable[[], None] | None) -> None:
    if function:
        function()


def _builder_class(name: str) -> type[NoteSequenceBuilder]:
    module = f"magenta_lite.datasets.{name}.{name}_dataset_builder"
    return importlib.import_module(module).Builder


def _build(
    name: str,
    make_builder: Callable[[str], NoteSequenceBuilder],
    data_dir: str | os.PathLike | None,
    num_workers: int | None,
    progress: Progress | None,
) -> Prepared:
    """Writes a dataset beside its place, then moves it there."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    root = pathlib.Path(data_dir or paths.default_data_dir()).expanduser()
    with _scratch_dir(root) as scratch:
        with _quiet_library():
            builder = make_builder(str(scratch))
            builder.num_workers = num_workers
            builder.progress = progress
            builder.download_and_prepare(
                download_dir=str(scratch / "downloads"),
                download_config=tfds.download.DownloadConfig(
                    try_download_gcs=False
                ),
            )
        built = pathlib.Path(builder.data_dir)
        target = root / built.relative_to(scratch)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.rename(scratch / "replaced")
        built.rename(target)
        _keep_default_config(scratch / builder.name, root / builder.name)
    return Prepared(name, target, PreparationReport.load(target), is_new=True)


@contextlib.contextmanager
def _scratch_dir(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder in `root` that goes away, and `root`, too, if new and empty."""
    missing = [path for path in (root, *root.parents) if not path.exists()]
    root.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(
            prefix=".preparing_", dir=root
        ) as folder:
            yield pathlib.Path(folder)
    finally:
        for path in missing:
            with contextlib.suppress(OSError):
                path.rmdir()  # Fails where something has been written.


@contextlib.contextmanager
def _quiet_library() -> Iterator[None]:
    """Silences TFDS, but says a full disk and the like in one line."""
    import tensorflow as tf
    from absl import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    except Exception as error:
        for cause in _causes(error):  # TFDS wraps errors of writing.
            if isinstance(cause, tf.errors.OpError):
                problem = f"writing failed: {cause.message}"
                raise PreparationError(problem) from error
        raise
    finally:
        logging.set_verbosity(verbosity)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that."""
    while error:
        yield error
        error = error.__cause__ or error.__context__


def _keep_default_config(built: pathlib.Path, target: pathlib.Path) -> None:
    path = built / ".config" / "metadata.json"
    if path.exists():
        (target / ".config").mkdir(exist_ok=True)
        os.replace(path, target / ".config" / path.name)


def _unknown(name: str, known: list[str], prefix: str = "") -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" did you mean {prefix}{near[0]}?" if near else ""
    listed = ", ".join(
        prefix + other for other in known if other != sources.FOLDER_BUILDER
    )
    return f"--dataset={prefix}{name} does not exist;{hint} known: {listed}."
