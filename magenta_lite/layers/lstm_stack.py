"""LSTM layers on top of each other that an embedding sets going."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from magenta_lite.layers.chunked import CHUNK_STEPS
from magenta_lite.layers.lstm import Lstm

States = list[Any]
"""One state of `Lstm` for each layer."""


class LstmStack(keras.layers.Layer):
    """Layers that start from an embedding and may read it at every step.

    The first state of all layers is `tanh(W embedding + b)`. Where the
    embedding is read, the first layer's inputs end with it.

    Args:
      units: depth of each layer, from the input up.
      reads_embedding: whether the embedding is part of every step's inputs.
      dropout: share of each layer's inputs that is dropped in training.
      name: of the layer.
    """

    def __init__(
        self,
        units: tuple[int, ...],
        reads_embedding: bool = True,
        dropout: float = 0.0,
        name: str = "lstm_stack",
    ) -> None:
        super().__init__(dtype="float32", name=name)
        self.units = tuple(units)
        self.reads_embedding = reads_embedding
        self.dropout = dropout
        self.recurrent = [
            Lstm(n, name=f"lstm_{i}") for i, n in enumerate(self.units)
        ]
        # Nearly the same state for every embedding, before training; but not
        # if the state is the embedding's only way in, which would be shut.
        self.first_state = keras.layers.Dense(
            self.state_depth,
            activation="tanh",
            dtype="float32",
            kernel_initializer=(
                keras.initializers.RandomNormal(stddev=1e-3)
                if reads_embedding
                else "glorot_uniform"
            ),
            name="first_state",
        )

    @property
    def state_depth(self) -> int:
        """Depth of `flat_state`."""
        return 2 * sum(self.units)

    def build(self, input_shape: tuple[int, int]) -> None:
        """Makes the weights.

        Args:
          input_shape: (depth of an input, depth of the embedding).
        """
        depth, embedding_depth = input_shape
        self.first_state.build((None, embedding_depth))
        below = depth + (embedding_depth if self.reads_embedding else 0)
        for layer in self.recurrent:
            layer.build((None, None, below))
            below = layer.units
        self.built = True

    def start(self, embedding: tf.Tensor, constant: bool = True) -> States:
        """The states before the first step.

        Args:
          embedding: float32 `[batch, depth]`.
          constant: whether the embedding is left out of the inputs to come.
        """
        sizes = [n for units in self.units for n in (units, units)]
        parts = tf.split(self.first_state(embedding), sizes, axis=-1)
        states = []
        for i, layer in enumerate(self.recurrent):
            c, h = parts[2 * i : 2 * i + 2]
            told = None
            if i == 0 and constant and self.reads_embedding:
                told = embedding
            states.append(layer.state_from(h, c, told))
        return states

    def run(
        self,
        inputs: tf.Tensor,
        embedding: tf.Tensor,
        seed: tf.Tensor | None = None,
        chunk_steps: int = CHUNK_STEPS,
    ) -> tuple[tf.Tensor, States]:
        """Runs over whole sequences.

        Args:
          inputs: float32 `[time, batch, depth]`; no gradient reaches them.
          embedding: float32 `[batch, depth]`.
          seed: int32 `[2]` in training, for dropout; None drops nothing.
          chunk_steps: see `Lstm.run`.

        Returns:
          float32 `[time, batch, units[-1]]`, and the last states.
        """
        drops = self.dropout > 0 and seed is not None
        if drops and self.reads_embedding:
            # Dropped anew at each step, so it has to be there at each step.
            shape = [tf.shape(inputs)[0], *tf.unstack(tf.shape(embedding))]
            repeated = tf.broadcast_to(embedding, shape)
            inputs = tf.concat([inputs, repeated], axis=-1)
        hidden, last = inputs, []
        first = self.start(embedding, constant=not drops)
        for i, (layer, state) in enumerate(
            zip(self.recurrent, first, strict=True)
        ):
            if drops:
                assert seed is not None
                hidden = tf.nn.experimental.stateless_dropout(
                    hidden, self.dropout, seed + [0, i]
                )
            are_data = i == 0 and not drops
            hidden, state = layer.run(hidden, state, chunk_steps, are_data)
            last.append(state)
        return hidden, last

    def step(
        self, inputs: tf.Tensor, states: States
    ) -> tuple[tf.Tensor, States]:
        """One step without dropout, from `start` on.

        Args:
          inputs: float32 `[batch, depth]`.
          states: of all layers.
        """
        hidden, after = inputs, []
        for layer, state in zip(self.recurrent, states, strict=True):
            hidden, state = layer.step(hidden, state)
            after.append(state)
        return hidden, after


def flat_state(states: States) -> tf.Tensor:
    """Memory cell and output of each layer side by side: `[batch, depth]`."""
    parts = [part for (h, c), _ in states for part in (c, h)]
    return tf.concat(parts, axis=-1)
