"""Checkpoints of a run: the last few, and the best one."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from magenta_lite.errors import UserError
from magenta_lite.models.base import Model
from magenta_lite.training import strategies
from magenta_lite.training.averages import averages_of
from magenta_lite.training.early_stopping import EarlyStopping
from magenta_lite.training.loss_scale import LossScale
from magenta_lite.training.run_dir import RunDir
from magenta_lite.training.variables import Variables, restore


class Checkpoints:
    """Saves and restores all that a run needs to go on as if never stopped.

    The latest ones hold weights, optimizer, early-stopping state and loss
    scale. The position in the data and the random state are functions of the
    run's seed and the step. The best one holds the weights that were
    evaluated alone.

    Only the chief of several processes writes and reads files.

    Args:
      run: where they lie.
      model: its weights are saved.
      optimizer: built; its `iterations` is the step.
      stopping: the state of early stopping.
      max_to_keep: how many of the latest ones are kept.
      loss_scale: the state of loss scaling, if any.
      strategy: that of the model; None is one device.
    """

    def __init__(
        self,
        run: RunDir,
        model: Model,
        optimizer: keras.optimizers.Optimizer,
        stopping: EarlyStopping,
        max_to_keep: int = 3,
        loss_scale: LossScale | None = None,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self._strategy = strategy or tf.distribute.get_strategy()
        self._is_chief = strategies.is_chief(self._strategy)
        self._step = tf.Variable(0, dtype=tf.int64)
        self._parts = {
            "model": Variables(model.weights),
            "optimizer": Variables(optimizer.variables),
            "stopping": stopping,
            "step": self._step,
        }
        if loss_scale is not None and loss_scale.used:
            self._parts["loss_scale"] = loss_scale
        if averages := averages_of(optimizer):
            self._parts["averages"] = Variables(averages)
        self._latest = tf.train.CheckpointManager(
            tf.train.Checkpoint(**self._parts),
            str(run.checkpoint_dir("latest")),
            max_to_keep=max_to_keep,
        )
        self._best = tf.train.CheckpointManager(
            tf.train.Checkpoint(model=self._parts["model"], step=self._step),
            str(run.checkpoint_dir("best")),
            max_to_keep=1,
        )
        if self._is_chief:
            for manager in (self._latest, self._best):
                _remove_leftovers(manager)

    def restore(self) -> int:
        """Restores the latest checkpoint, if any, and returns its step.

        Raises:
          UserError: if it is damaged.
        """
        prefix = self._latest.latest_checkpoint if self._is_chief else None
        if prefix:
            restore(self._latest.checkpoint, prefix)
        self._share()
        return int(self._step)

    def save_latest(self, step: int) -> None:
        """Saves everything; only then removes the oldest one.

        Raises:
          UserError: if it cannot be written; the ones before are kept.
        """
        self._save(self._latest, step)

    def save_best(self, step: int) -> None:
        """Saves the weights as the best ones so far.

        Raises:
          UserError: if they cannot be written; the ones before are kept.
        """
        self._save(self._best, step)

    def describe_latest(self) -> str:
        """Where the latest one lies, for messages."""
        prefix = self._latest.latest_checkpoint
        if not prefix:
            return "no checkpoint was saved yet"
        return f"the last good checkpoint is {prefix}"

    def _save(self, manager: tf.train.CheckpointManager, step: int) -> None:
        if not self._is_chief:
            return
        self._step.assign(step)
        with _saving_errors(step, self):
            manager.save(checkpoint_number=step)

    def _share(self) -> None:
        """Gives all processes what the chief restored."""
        if strategies.num_workers(self._strategy) == 1:
            return
        variables = [self._step] + [
            variable
            for name, part in self._parts.items()
            if name != "step"
            for variable in part.values
        ]
        values = [np.asarray(variable.numpy()) for variable in variables]
        shared = strategies.from_chief(self._strategy, values)
        for variable, value in zip(variables, shared, strict=True):
            variable.assign(value)


def _remove_leftovers(manager: tf.train.CheckpointManager) -> None:
    """Removes what was being written when a process was killed."""
    folder = Path(manager.directory)
    if not folder.is_dir():
        return
    known = [Path(prefix).name for prefix in manager.checkpoints]
    for path in folder.iterdir():
        kept = any(path.name.startswith(f"{name}.") for name in known)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != "checkpoint" and not kept:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _saving_errors(step: int, checkpoints: Checkpoints) -> Iterator[None]:
    """Turns TensorFlow's and Python's writing errors into one line."""
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        reason = str(getattr(error, "message", error)).splitlines()[0]
        raise UserError(
            f"the checkpoint of step {step} could not be written "
            f"({reason[-160:]}); {checkpoints.describe_latest()}. Make room "
            "and run the same command again."
        ) from error
