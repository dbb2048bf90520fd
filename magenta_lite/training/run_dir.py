"""The folder of a run: everything that evaluation and export need."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import tensorflow as tf

from magenta_lite.bundles import manifest as manifests
from magenta_lite.codecs.base import Codec
from magenta_lite.encodings.base import Encoding
from magenta_lite.errors import UserError
from magenta_lite.models.base import Model
from magenta_lite.training.variables import Variables, restore

FORMAT = 1
"""Version of the layout; a run of a newer one is refused."""


class RunError(UserError):
    """A run directory is missing, damaged or holds something else."""


@dataclasses.dataclass(frozen=True)
class RunDir:
    """Where the parts of a run lie.

    Attributes:
      path: the folder; it need not exist yet.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """The operative gin configuration, as text."""
        return self.path / "config.gin"

    @property
    def manifest_file(self) -> Path:
        """Components, dataset, versions and command, as JSON."""
        return self.path / "manifest.json"

    @property
    def metrics_file(self) -> Path:
        """One JSON object a line for everything that was measured."""
        return self.path / "metrics.jsonl"

    @property
    def lock_file(self) -> Path:
        """Held by the process that trains; names it."""
        return self.path / "lock"

    @property
    def tensorboard_dir(self) -> Path:
        """TensorBoard events."""
        return self.path / "tensorboard"

    def checkpoint_dir(self, kind: Literal["latest", "best"]) -> Path:
        """The folder of the checkpoints of one kind."""
        return self.path / "checkpoints" / kind

    def exists(self) -> bool:
        """Whether a run was started here."""
        return self.manifest_file.is_file()

    def create(self, manifest: dict[str, Any], config_text: str) -> None:
        """Starts a run: writes what describes it.

        Args:
          manifest: `identity` (see `check_identity`), `codec`, `encoding`,
            `model` as `bundles.manifest.describe` gives them, and anything
            else worth knowing, as JSON values.
          config_text: the operative gin configuration.

        Raises:
          RunError: if the folder holds other files.
        """
        self.check_empty()
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.config_file, config_text)
        text = json.dumps({"format": FORMAT, **manifest}, indent=2)
        write_text(self.manifest_file, text + "\n")

    def check_empty(self) -> None:
        """Makes sure that a new run would not mix with other files.

        What a run leaves that was killed while it began does not count.

        Raises:
          RunError: if the folder holds something.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file; choose another --run_dir.")
        if self.path.is_dir() and any(
            path.name not in (self.lock_file.name, self.config_file.name)
            for path in self._files_but_temporary()
        ):
            raise RunError(
                f"{self.path} holds files but no run; choose an empty or a "
                "new --run_dir."
            )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other processes from training here; makes the folder.

        The system lets go of it whatever happens to this process.

        Raises:
          RunError: if another process holds it.
        """
        created = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        with self.lock_file.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The one before may have removed the file in between.
                os.stat(self.lock_file)
            except OSError as error:
                file.seek(0)
                raise RunError(
                    f"{self.path} is in use by {file.read() or 'a process'}; "
                    "wait until it ends, stop it, or choose another --run_dir."
                ) from error
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            for path in self._temporary_files():
                path.unlink(missing_ok=True)
            try:
                yield
            finally:
                self.lock_file.unlink(missing_ok=True)
                if created and not any(self.path.iterdir()):
                    self.path.rmdir()

    def _temporary_files(self) -> list[Path]:
        """What `write_text` leaves in the folder if it is killed."""
        return [
            path
            for file in (
                self.config_file,
                self.manifest_file,
                self.metrics_file,
            )
            for path in self.path.glob(f".{file.name}.*")
        ]

    def _files_but_temporary(self) -> list[Path]:
        temporary = self._temporary_files()
        return [p for p in self.path.iterdir() if p not in temporary]

    def manifest(self) -> dict[str, Any]:
        """What `create` wrote.

        Raises:
          RunError: if the folder holds no run, a damaged or a newer one.
        """
        if not self.exists():
            what = "holds no run" if self.path.is_dir() else "does not exist"
            raise RunError(
                f"{self.path} {what} (no {self.manifest_file.name}); give the "
                "--run_dir of a training."
            )
        try:
            manifest = json.loads(self.manifest_file.read_text())
            newer = manifest["format"] > FORMAT
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{self.manifest_file} is damaged ({error}); the run cannot "
                "be used without it."
            ) from error
        if newer:
            raise RunError(
                f"{self.path} was written by a newer magenta_lite; update "
                "with `pip install -U magenta_lite`."
            )
        return manifest

    def check_identity(self, identity: dict[str, Any]) -> None:
        """Makes sure that the run here is the one that is to be continued.

        Args:
          identity: what makes two runs the same, as nested JSON values.

        Raises:
          RunError: if the run was started with another; it names the first
            differences.
        """
        there = _flatten(self.manifest().get("identity", {}))
        here = _flatten(json.loads(json.dumps(identity)))
        differences = [
            f"{key} is {_short(there.get(key))} there and "
            f"{_short(here.get(key))} here"
            for key in sorted(there.keys() | here.keys())
            if there.get(key) != here.get(key)
        ]
        if differences:
            more = len(differences) - 3
            listed = "; ".join(differences[:3])
            listed += f"; and {more} more" if more > 0 else ""
            raise RunError(
                f"{self.path} holds the run of another recipe ({listed}); "
                "choose another --run_dir."
            )


@dataclasses.dataclass(frozen=True)
class LoadedRun:
    """A trained model and what it was trained on.

    Attributes:
      model: with the weights of `step`.
      codec: NoteSequences to events and back.
      encoding: the model's own.
      step: how many training steps the weights have seen.
      manifest: see `RunDir.create`.
      config_text: the operative gin configuration.
    """

    model: Model
    codec: Codec
    encoding: Encoding
    step: int
    manifest: dict[str, Any]
    config_text: str

    @property
    def recipe(self) -> str:
        """The recipe's id, e.g. "basic_rnn"."""
        return self.manifest["recipe"]


def load_run(
    run_dir: str | os.PathLike,
    checkpoint: Literal["best", "latest"] | str = "best",
) -> LoadedRun:
    """Loads a run from its folder alone; gin is not needed.

    Where the run kept averages of the weights, they are the weights.

    Args:
      run_dir: the folder.
      checkpoint: "best" has the lowest validation loss so far and falls back
        to "latest" before the first evaluation; or the path of one of
        `checkpoints_of`.

    Raises:
      RunError: if the folder holds no run or no checkpoint.
      UserError: if a file is damaged or describes what we do not know.
    """
    run = RunDir(Path(run_dir))
    manifest = run.manifest()
    prefix = checkpoint
    if checkpoint in ("best", "latest"):
        prefix = _find_checkpoint(run, checkpoint)
    try:
        codec = manifests.build_codec(manifest["codec"])
        encoding = manifests.build_encoding(manifest["encoding"])
        model = manifests.build_model(manifest["model"], encoding)
        config_text = run.config_file.read_text()
    except KeyError as error:
        raise RunError(
            f"{run.manifest_file} is damaged: it has no {error}."
        ) from error
    # The best one holds the averages in place of the weights.
    averaged = manifest.get("averages", False) and (
        Path(prefix).resolve().parent == run.checkpoint_dir("latest").resolve()
    )
    step = _restore_weights(model, prefix, averaged)
    return LoadedRun(model, codec, encoding, step, manifest, config_text)


def checkpoints_of(run_dir: str | os.PathLike) -> list[str]:
    """All checkpoints of a run, by their steps; the best one at the end.

    Returns:
      Paths of their files without suffixes.

    Raises:
      RunError: if the folder holds no run or no checkpoint.
    """
    run = RunDir(Path(run_dir))
    run.manifest()
    found: list[str] = []
    for kind in ("latest", "best"):
        folder = str(run.checkpoint_dir(kind))  # type: ignore[arg-type]
        state = tf.train.get_checkpoint_state(folder)
        found += state.all_model_checkpoint_paths if state else []
    if not found:
        _find_checkpoint(run, "latest")  # says what to do
    return found


def _find_checkpoint(run: RunDir, kind: str) -> str:
    for folder in dict.fromkeys((kind, "latest")):
        prefix = tf.train.latest_checkpoint(
            str(run.checkpoint_dir(folder))  # type: ignore[arg-type]
        )
        if prefix:
            return prefix
    raise RunError(
        f"{run.path} holds no checkpoint yet; train for at least one "
        "evaluation or stop with Ctrl-C, which saves one."
    )


def _restore_weights(model: Model, prefix: str, averaged: bool) -> int:
    step = tf.Variable(0, dtype=tf.int64)
    weights = Variables(model.weights)
    restore(tf.train.Checkpoint(model=weights, step=step), prefix)
    if averaged:
        averages = Variables(model.trainable_variables)
        restore(tf.train.Checkpoint(averages=averages), prefix)
    return int(step)


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} to {"a.b": 1}; lists are leaves."""
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flatten(item, f"{prefix}.{key}" if prefix else key)
    return flat


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
