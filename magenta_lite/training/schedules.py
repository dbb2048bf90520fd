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


@gin.register
class DecayToFloor(keras.optimizers.schedules.LearningRateSchedule):
    """Exponential decay to a rate above zero, as Magenta trained MusicVAE.

    At step t the rate is `floor + (initial - floor) * decay_rate ** t`.

    Args:
      initial_learning_rate: at step 0.
      decay_rate: what is left of the way to the floor after a step.
      floor: the rate that it comes near to.
    """

    def __init__(
        self,
        initial_learning_rate: float = 1e-3,
        decay_rate: float = 0.9999,
        floor: float = 1e-5,
    ) -> None:
        super().__init__()
        self.initial_learning_rate = initial_learning_rate
        self.decay_rate = decay_rate
        self.floor = floor

    def __call__(self, step: Any) -> tf.Tensor:
        """The rate at a step, a scalar float32."""
        left = tf.pow(self.decay_rate, tf.cast(step, tf.float32))
        return self.floor + (self.initial_learning_rate - self.floor) * left

    def get_config(self) -> dict:
        """See Keras."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_rate": self.decay_rate,
            "floor": self.floor,
        }
