"""Runs dataset builders: all or nothing, and only where there is need."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import importlib
import os
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from magenta_lite import datasets, paths
from magenta_lite.data import sources, work_dir
from magenta_lite.data.preparation_report import PreparationReport
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.data.note_sequence_builder import (
        NoteSequenceBuilder,
        Progress,
    )

_MAX_SHUFFLE_BYTES = 2**26
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
    manual_dir: str | os.PathLike | None = None,
    beam_flags: Sequence[str] = (),
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
      manual_dir: where the corpus lies, or its archive; None downloads it.
      beam_flags: Apache Beam's, such as "--runner=FlinkRunner", to prepare the
        dataset with it; none prepares it without.

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
        builder = builder_class(data_dir=data_dir, config=config or None)
        if manual_dir is not None:
            builder.manual_dir = pathlib.Path(manual_dir)
        return builder

    return _build(name, make, data_dir, num_workers, progress, beam_flags)


def prepare_folder(
    input_dir: str | os.PathLike,
    name: str,
    data_dir: str | os.PathLike | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
    on_start: Callable[[], None] | None = None,
    beam_flags: Sequence[str] = (),
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
      beam_flags: see `prepare_dataset`.

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
        return builder_class.for_folder(
            input_dir, name, found, data_dir=data_dir
        )

    return _build(name, make, data_dir, num_workers, progress, beam_flags)


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
    beam_flags: Sequence[str],
) -> Prepared:
    """Writes a dataset beside its place, then moves it there."""
    import tensorflow_datasets as tfds

    from magenta_lite.data import beam_preparation

    tfds.disable_progress_bar()
    root = pathlib.Path(data_dir or paths.default_data_dir()).expanduser()
    place = root / f".preparing_{name.replace('/', '__')}"
    with work_dir.locked(place, name) as work:
        built_dir = work / "built"
        shutil.rmtree(built_dir, ignore_errors=True)  # Of a killed process.
        with _quiet_library(), _clear_errors(work), _changed_library():
            builder = make_builder(str(built_dir))
            builder.num_workers = num_workers
            builder.progress = progress
            builder.work_dir = work
            builder.download_dir = root / "downloads"
            if beam_flags:
                builder.beam_options = beam_preparation.pipeline_options(
                    beam_flags
                )
            builder.download_and_prepare(
                download_dir=str(work / "downloads"),
                download_config=tfds.download.DownloadConfig(
                    try_download_gcs=False,
                    beam_options=builder.beam_options,
                ),
            )
        built = pathlib.Path(builder.data_dir)
        target = root / built.relative_to(built_dir)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            replaced = work / "replaced"
            shutil.rmtree(replaced, ignore_errors=True)
            target.rename(replaced)
        built.rename(target)
        _keep_default_config(built_dir / builder.name, root / builder.name)
    return Prepared(name, target, PreparationReport.load(target), is_new=True)


@contextlib.contextmanager
def _changed_library() -> Iterator[None]:
    """Changes what TFDS does with what is large, or new in every process.

    It would hold a gigabyte of each split in memory before it shuffles on disk;
    leave the order of features to protobuf, where it is another one in each
    process, and take longer over them than over all the rest; and read the
    checksums of every dataset that it knows: a quarter of a second, and our
    downloads are not its affair (`magenta_lite.download`).
    """
    from tensorflow_datasets.core import example_serializer, shuffle
    from tensorflow_datasets.core.download import checksums

    with contextlib.ExitStack() as stack:
        for owner, name, value in (
            (shuffle, "MAX_MEM_BUFFER_SIZE", _MAX_SHUFFLE_BYTES),
            (
                example_serializer.ExampleSerializer,
                "serialize_example",
                _serialize_texts,
            ),
            (checksums, "get_all_url_infos", dict),
        ):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        yield


def _serialize_texts(serializer: Any, example: dict[str, Any]) -> bytes:
    """What all builders here write: texts and bytes, by name."""
    import tensorflow as tf

    del serializer  # It knows of all kinds of features.
    serialized = tf.train.Example()
    for name, value in _flat(example):
        text = value.item() if isinstance(value, np.ndarray) else value
        feature = serialized.features.feature[name]
        feature.bytes_list.value.append(tf.compat.as_bytes(text))
    return serialized.SerializeToString(deterministic=True)


def _flat(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a tree of features, named by their paths."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}/")
        else:
            yield above + name, value


@contextlib.contextmanager
def _quiet_library() -> Iterator[None]:
    """Silences TFDS."""
    from absl import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@contextlib.contextmanager
def _clear_errors(work: pathlib.Path) -> Iterator[None]:
    """Says what TFDS wraps, a full disk and the like, in one line."""
    import tensorflow as tf

    again = "run the same command again and it goes on where it stopped"
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {again}.") from None
    except Exception as error:
        for cause in _causes(error):
            if isinstance(cause, UserError):
                raise cause from error
            if isinstance(cause, OSError | tf.errors.OpError):
                problem = getattr(cause, "strerror", "") or getattr(
                    cause, "message", str(cause)
                )
                raise work_dir.StoppedError(
                    f"writing failed: {problem}; mend that, then {again} (what "
                    f"has been read is kept in {work})."
                ) from error
        raise


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
