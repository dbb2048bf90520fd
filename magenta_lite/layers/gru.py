"""A GRU layer."""

from __future__ import annotations

import keras
import tensorflow as tf

from magenta_lite.layers.recurrent import RecurrentLayer


class Gru(RecurrentLayer):
    """GRU (Cho et al., 2014) with the variables of `keras.layers.GRU`.

    Args:
      units: depth of output and state.
    """

    def __init__(self, units: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.cell = keras.layers.GRUCell(units, name="gru")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables for inputs `[time, batch, depth]`."""
        self.cell.build((None, input_shape[-1]))

    def initial_state(self, batch_size: int | tf.Tensor) -> tf.Tensor:
        """Zeros `[batch, units]`."""
        return tf.zeros([batch_size, self.units])

    def step(
        self, inputs: tf.Tensor, state: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One step; the state is the last output `[batch, units]`."""
        output, (state,) = self.cell(inputs, (state,))
        return output, state
