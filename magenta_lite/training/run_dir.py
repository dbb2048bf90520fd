"""The folder of a run: everything that evaluation and export need."""

from __future__ import annotations

import dataclasses
import json
import os
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

        Raises:
          RunError: if the folder holds something.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file; choose another --run_dir.")
        if self.path.is_dir() and any(self.path.iterdir()):
            raise RunError(
                f"{self.path} holds files but no run; choose an empty or a "
                "new --run_dir."
            )

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
    checkpoint: Literal["best", "latest"] = "best",
) -> LoadedRun:
    """Loads a run from its folder alone; gin is not needed.

    Args:
      run_dir: the folder.
      checkpoint: "best" has the lowest validation loss so far and falls back
        to "latest" before the first evaluation.

    Raises:
      RunError: if the folder holds no run or no checkpoint.
      UserError: if a file is damaged or describes what we do not know.
    """
    run = RunDir(Path(run_dir))
    manifest = run.manifest()
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
    step = _restore_weights(model, prefix)
    return LoadedRun(model, codec, encoding, step, manifest, config_text)


def _find_checkpoint(run: RunDir, kind: Literal["best", "latest"]) -> str:
    for folder in dict.fromkeys((kind, "latest")):
        prefix = tf.train.latest_checkpoint(str(run.checkpoint_dir(folder)))
        if prefix:
            return prefix
    raise RunError(
        f"{run.path} holds no checkpoint yet; train for at least one "
        "evaluation or stop with Ctrl-C, which saves one."
    )


def _restore_weights(model: Model, prefix: str) -> int:
    step = tf.Variable(0, dtype=tf.int64)
    weights = Variables(model.weights)
    restore(tf.train.Checkpoint(model=weights, step=step), prefix)
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
