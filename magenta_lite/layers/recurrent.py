"""What every recurrent layer owes: whole sequences, and one step at a time."""

from __future__ import annotations

import abc
from typing import Any

import keras
import tensorflow as tf


class RecurrentLayer(keras.layers.Layer, abc.ABC):
    """A recurrent layer over time-major sequences.

    Time-major (`[time, batch, depth]`) because a recurrence reads and writes
    one contiguous block a step. Both forms compute the same function.

    Attributes:
      units: depth of the output.
    """

    units: int

    @abc.abstractmethod
    def initial_state(self, batch_size: int | tf.Tensor) -> Any:
        """The state before the first step: a nest of `[batch, ...]` zeros."""

    @abc.abstractmethod
    def step(self, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """One step: `[batch, depth]` to `[batch, units]` and the next state."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Runs over a sequence from the initial state.

        Args:
          inputs: float32 `[time, batch, depth]`.

        Returns:
          float32 `[time, batch, units]`.
        """
        return scan(self.step, inputs, self.initial_state(tf.shape(inputs)[1]))


def scan(step: Any, inputs: tf.Tensor, initial_state: Any) -> tf.Tensor:
    """Applies `step(inputs[t], state) -> (output, state)` at every time.

    Args:
      step: the recurrence.
      inputs: `[time, batch, depth]`.
      initial_state: a nest of `[batch, ...]` tensors.

    Returns:
      The outputs `[time, batch, units]`.
    """
    num_steps = tf.shape(inputs)[0]
    outputs = tf.TensorArray(inputs.dtype, num_steps)
    sequence = tf.TensorArray(inputs.dtype, num_steps).unstack(inputs)

    def body(t: tf.Tensor, state: Any, outputs: tf.TensorArray) -> tuple:
        output, state = step(sequence.read(t), state)
        return t + 1, state, outputs.write(t, output)

    _, _, outputs = tf.while_loop(
        lambda t, *_: t < num_steps,
        body,
        (0, initial_state, outputs),
        maximum_iterations=num_steps,
    )
    return outputs.stack()
