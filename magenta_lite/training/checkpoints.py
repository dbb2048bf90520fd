"""Checkpoints of a run: the last few, and the best one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from magenta_lite.errors import UserError
from magenta_lite.models.base import Model
from magenta_lite.training.early_stopping import EarlyStopping
from magenta_lite.training.run_dir import RunDir
from magenta_lite.training.variables import Variables, restore


class Checkpoints:
    """Saves and restores all that a run needs to go on as if never stopped.

    The latest ones hold weights, optimizer and early-stopping state; the
    position in the data is the step. The best one holds the weights alone.

    Args:
      run: where they lie.
      model: its weights are saved.
      optimizer: built; its `iterations` is the step.
      stopping: the state of early stopping.
      max_to_keep: how many of the latest ones are kept.
    """

    def __init__(
        self,
        run: RunDir,
        model: Model,
        optimizer: keras.optimizers.Optimizer,
        stopping: EarlyStopping,
        max_to_keep: int = 3,
    ) -> None:
        self._step = tf.Variable(0, dtype=tf.int64)
        self._latest = tf.train.CheckpointManager(
            tf.train.Checkpoint(
                model=Variables(model.weights),
                optimizer=Variables(optimizer.variables),
                stopping=stopping,
                step=self._step,
            ),
            str(run.checkpoint_dir("latest")),
            max_to_keep=max_to_keep,
        )
        self._best = tf.train.CheckpointManager(
            tf.train.Checkpoint(
                model=Variables(model.weights), step=self._step
            ),
            str(run.checkpoint_dir("best")),
            max_to_keep=1,
        )

    def restore(self) -> int:
        """Restores the latest checkpoint, if any, and returns its step.

        Raises:
          UserError: if it is damaged.
        """
        prefix = self._latest.latest_checkpoint
        if not prefix:
            return 0
        restore(self._latest.checkpoint, prefix)
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
        self._step.assign(step)
        with _saving_errors(step, self):
            manager.save(checkpoint_number=step)


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
