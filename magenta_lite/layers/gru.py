"""A GRU layer: compiled chunks on CPUs, cuDNN on GPUs."""

from __future__ import annotations

import dataclasses

import keras
import tensorflow as tf

from magenta_lite.layers.recurrence import Recurrence
from magenta_lite.layers.recurrent import RecurrentLayer, layer_dtype, on_gpu


@dataclasses.dataclass(frozen=True)
class GruRecurrence(Recurrence):
    """A GRU step; the inner state is the last output `[batch, units]`."""

    units: int

    def initial_inner(self, batch_size: int | tf.Tensor) -> tf.Tensor:
        """Zeros."""
        return tf.zeros([batch_size, self.units])

    def advance(
        self,
        weights: tuple,
        inputs: tf.Tensor,
        inner: tf.Tensor,
        memory: tf.Tensor,
    ) -> tuple:
        """See `Recurrence`; appends nothing."""
        kernel, recurrent_kernel, bias = weights
        x = tf.matmul(inputs, kernel) + bias[0]
        h = tf.matmul(inner, recurrent_kernel) + bias[1]
        x_update, x_reset, x_new = tf.split(x, 3, axis=-1)
        h_update, h_reset, h_new = tf.split(h, 3, axis=-1)
        update = tf.sigmoid(x_update + h_update)
        new = tf.tanh(x_new + tf.sigmoid(x_reset + h_reset) * h_new)
        output = update * inner + (1 - update) * new
        return output, output, output[:, :0]


class Gru(RecurrentLayer):
    """GRU (Cho et al., 2014) with the variables of `keras.layers.GRU`.

    `kernel` `[depth, 3 * units]`, `recurrent_kernel` `[units, 3 * units]` and
    `bias` `[2, 3 * units]` (of inputs, of state), with gates in the order
    update, reset, new; the reset gate acts after the product, as in cuDNN.

    Args:
      units: depth of output and state.
    """

    def __init__(self, units: int, **kwargs: object) -> None:
        super().__init__(dtype=layer_dtype(), **kwargs)
        self.units = units
        self.gru = keras.layers.GRU(
            units, return_sequences=True, dtype=layer_dtype(), name="gru"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables for inputs `[time, batch, depth]`."""
        self.gru.build((None, None, input_shape[-1]))

    def recurrence(self) -> GruRecurrence:
        """See `RecurrentLayer`."""
        return GruRecurrence(self.units)

    def weight_tensors(self) -> tuple[tf.Tensor, ...]:
        """Kernel, recurrent kernel and bias."""
        cell = self.gru.cell
        return tuple(
            tf.convert_to_tensor(w)
            for w in (cell.kernel, cell.recurrent_kernel, cell.bias)
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[time, batch, depth]` to `[time, batch, units]`."""
        if on_gpu():
            return tf.transpose(
                self.gru(tf.transpose(inputs, [1, 0, 2])), [1, 0, 2]
            )
        return super().call(inputs)
