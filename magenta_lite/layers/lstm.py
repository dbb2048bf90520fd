"""An LSTM layer with a fast path on CPUs and cuDNN on GPUs."""

from __future__ import annotations

import keras
import tensorflow as tf

from magenta_lite.layers.recurrent import RecurrentLayer


class Lstm(RecurrentLayer):
    """LSTM (Hochreiter and Schmidhuber, 1997) without peepholes.

    The variables are those of `keras.layers.LSTM`: `kernel`
    `[depth, 4 * units]`, `recurrent_kernel` `[units, 4 * units]` and `bias`
    `[4 * units]`, with gates in the order input, forget, candidate, output and
    a forget bias of 1 at the start.

    Args:
      units: depth of output and memory.
    """

    def __init__(self, units: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.lstm = keras.layers.LSTM(units, return_sequences=True, name="lstm")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables for inputs `[time, batch, depth]`."""
        self.lstm.build((None, None, input_shape[-1]))

    def initial_state(
        self, batch_size: int | tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(h, c), each zeros `[batch, units]`."""
        zeros = tf.zeros([batch_size, self.units])
        return zeros, zeros

    def step(
        self, inputs: tf.Tensor, state: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """One step; the state is (h, c)."""
        h, c = state
        cell = self.lstm.cell
        z = (
            tf.matmul(inputs, cell.kernel)
            + tf.matmul(h, cell.recurrent_kernel)
            + cell.bias
        )
        i, f, g, o = tf.split(z, 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, (h, c)
