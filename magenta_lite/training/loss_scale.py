"""Keeps the gradients of float16 from vanishing."""

from __future__ import annotations

import tensorflow as tf

_FIRST = 2.0**15
_GROW_AFTER = 2000  # steps in a row with finite gradients


class LossScale(tf.Module):
    """A factor on the loss that is as large as gradients allow.

    The rule of Micikevicius et al. (2018): half of it after a step whose
    gradient is not finite, twice of it after many in a row whose is. Made
    inside the strategy's scope; its state is kept in checkpoints.

    Args:
      used: whether there is anything to scale; if not it stays 1.
    """

    def __init__(self, used: bool) -> None:
        super().__init__(name="loss_scale")
        self.used = used
        self.scale = self._variable(_FIRST if used else 1.0, tf.float32)
        self.num_finite = self._variable(0, tf.int32)

    def up(self, loss: tf.Tensor) -> tf.Tensor:
        """A loss, scaled."""
        return loss * self.scale if self.used else loss

    def down(self, gradient: tf.Tensor) -> tf.Tensor:
        """A gradient of a scaled loss, as that of the loss."""
        return gradient / self.scale if self.used else gradient

    @property
    def values(self) -> list[tf.Variable]:
        """The state."""
        return [self.scale, self.num_finite]

    def update(self, finite: tf.Tensor) -> None:
        """Takes in whether a step's gradient was finite; in a replica."""
        if not self.used:
            return
        count = tf.where(finite, self.num_finite + 1, 0)
        grows = tf.equal(count, _GROW_AFTER)
        factor = tf.where(finite, tf.where(grows, 2.0, 1.0), 0.5)
        self.scale.assign(tf.maximum(self.scale * factor, 1.0))
        self.num_finite.assign(tf.where(grows, 0, count))

    def _variable(self, value: float, dtype: tf.DType) -> tf.Variable:
        return tf.Variable(
            value,
            dtype=dtype,
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
