"""What every recurrent layer owes: whole sequences, and one step at a time."""

from __future__ import annotations

import abc
from typing import Any

import keras
import tensorflow as tf

from magenta_lite.layers import chunked, products
from magenta_lite.layers.recurrence import Recurrence, chunk_of


class RecurrentLayer(keras.layers.Layer, abc.ABC):
    """A recurrent layer over time-major sequences.

    Time-major (`[time, batch, depth]`) because a recurrence reads and writes
    one contiguous block a step. Both forms compute the same function.

    Attributes:
      units: depth of the output.
    """

    units: int

    @abc.abstractmethod
    def recurrence(self) -> Recurrence:
        """The layer's arithmetic, without its weights."""

    @abc.abstractmethod
    def weight_tensors(self) -> tuple[tf.Tensor, ...]:
        """The weights in the order in which `recurrence` takes them."""

    def initial_state(self, batch_size: int | tf.Tensor) -> Any:
        """The state before the first step: a nest of `[batch, ...]` zeros."""
        return self.recurrence().initial_state(batch_size)

    def step(self, inputs: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """One step: `[batch, depth]` to `[batch, units]` and the next state."""
        return self.recurrence().step(self.weight_tensors(), inputs, state)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Runs over a sequence from the initial state.

        Args:
          inputs: float32 `[time, batch, depth]`.

        Returns:
          float32 `[time, batch, units]`.
        """
        return chunked.run(
            chunk_of(self.recurrence()),
            self.weight_tensors(),
            inputs,
            self.initial_state,
        )

    def over_data(
        self, inputs: tf.Tensor, one_hots: tuple[int, ...] = ()
    ) -> tf.Tensor:
        """Like `call`, where nothing is learnt below the inputs.

        Args:
          inputs: float32 `[time, batch, depth]`; no gradient need reach them.
          one_hots: sizes of the one-hots that are given as numbers of classes;
            see `products`.

        Returns:
          float32 `[time, batch, units]`.
        """
        return self(products.expanded(inputs, one_hots))


def layer_dtype() -> str | None:
    """The precision of recurrent layers under Keras' policy of the moment.

    cuDNN takes the policy's own; the compiled programs are float32 always.
    """
    return None if on_gpu() else "float32"


def on_gpu() -> bool:
    """Whether a GPU will run the layers, so that cuDNN's kernels apply."""
    return bool(tf.config.list_logical_devices("GPU"))
