"""Learning-rate schedules that Keras does not have."""

from __future__ import annotations

from typing import Any

import gin
import keras
import tensorflow as tf


@gin.register
class WarmUpInverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line, then falls with the root of the step.

    The schedule of "Attention is all you need" (Vaswani et al., 2017), given by
    its peak instead of the depth of the model: peak times
    min(s / w, sqrt(w / s)) at step s, counted from 1, with w steps of warm-up.

    Args:
      peak_learning_rate: at the end of the warm-up.
      warm_up_steps: how long it rises.

    Raises:
      ValueError: if there is no step of warm-up.
    """

    def __init__(self, peak_learning_rate: float, warm_up_steps: int) -> None:
        super().__init__()
        if warm_up_steps < 1:
            raise ValueError(
                f"warm_up_steps is {warm_up_steps}; it must be above 0"
            )
        self.peak_learning_rate = peak_learning_rate
        self.warm_up_steps = warm_up_steps

    def __call__(self, step: Any) -> tf.Tensor:
        """The rate at a step, counted from 0: float32."""
        ratio = (tf.cast(step, tf.float32) + 1) / self.warm_up_steps
        return self.peak_learning_rate * tf.minimum(ratio, tf.math.rsqrt(ratio))

    def get_config(self) -> dict:
        """See Keras."""
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "warm_up_steps": self.warm_up_steps,
        }
