"""When to stop: what the validation loss has been so far."""

from __future__ import annotations

import math

import tensorflow as tf


class EarlyStopping(tf.Module):
    """Follows the validation loss; its state is kept in checkpoints.

    Args:
      patience: stop after so many evaluations in a row without a lower loss;
        None never stops.
    """

    def __init__(self, patience: int | None = None) -> None:
        super().__init__(name="early_stopping")
        self._patience = patience
        self._best_loss = tf.Variable(math.inf, dtype=tf.float64)
        self._best_step = tf.Variable(-1, dtype=tf.int64)
        self._last_step = tf.Variable(-1, dtype=tf.int64)
        self._num_worse = tf.Variable(0, dtype=tf.int64)

    @property
    def values(self) -> list[tf.Variable]:
        """The state."""
        return list(self.variables)

    @property
    def best_loss(self) -> float:
        """The lowest loss; infinite before the first evaluation."""
        return float(self._best_loss)

    @property
    def best_step(self) -> int:
        """The step of the lowest loss; -1 before the first evaluation."""
        return int(self._best_step)

    @property
    def last_step(self) -> int:
        """The step of the last evaluation; -1 before the first."""
        return int(self._last_step)

    @property
    def should_stop(self) -> bool:
        """Whether patience has run out."""
        return (
            self._patience is not None
            and int(self._num_worse) >= self._patience
        )

    def update(self, step: int, loss: float) -> bool:
        """Takes in an evaluation and returns whether it is the best one."""
        self._last_step.assign(step)
        if loss < self.best_loss:
            self._best_loss.assign(loss)
            self._best_step.assign(step)
            self._num_worse.assign(0)
            return True
        self._num_worse.assign_add(1)
        return False
