"""Attention of a recurrent layer over its own last outputs."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from magenta_lite.layers.recurrent import RecurrentLayer


class AttentionState(NamedTuple):
    """What `AttentionCell` carries from step to step.

    Attributes:
      inner: the state of the wrapped layer.
      context: `[batch, units]`, what attention returned last.
      outputs: `[batch, attention_length, units]`, the last outputs, in a ring.
      keys: `[batch, attention_length, units]`, their projections.
      position: `[batch]` int32, the slot of the ring that is overwritten next.
    """

    inner: Any
    context: tf.Tensor
    outputs: tf.Tensor
    keys: tf.Tensor
    position: tf.Tensor


class AttentionCell(RecurrentLayer):
    """Additive attention (Bahdanau et al., 2015) over the last outputs.

    Computes what TensorFlow 1's `AttentionCellWrapper` computed:

        x' = W1 [x, context] + b1
        h, state = inner(x', state)
        score_j = v . tanh(Wk output_j + Wq [c, h] + bq)
        context = sum_j softmax(score)_j output_j
        output = W2 [h, context] + b2

    where j runs over the last `attention_length` outputs, zeros at the start.
    A key `Wk output_j` is computed once, when the output is made.

    Args:
      inner: the layer to wrap; its state must be a tensor or (h, c).
      attention_length: how many past outputs are attended to.
    """

    def __init__(
        self, inner: RecurrentLayer, attention_length: int, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.inner = inner
        self.units = inner.units
        self.attention_length = attention_length
        self.output_projection = keras.layers.Dense(
            self.units, name="output_projection"
        )
        self.query = keras.layers.Dense(self.units, name="query")
        self.key = keras.layers.Dense(self.units, use_bias=False, name="key")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables for inputs `[time, batch, depth]`."""
        depth = input_shape[-1]
        self.input_projection = keras.layers.Dense(
            depth, name="input_projection"
        )
        self.input_projection.build((None, depth + self.units))
        self.inner.build((None, None, depth))
        state_depth = sum(
            t.shape[-1] for t in tf.nest.flatten(self.inner.initial_state(1))
        )
        self.query.build((None, state_depth))
        self.key.build((None, self.units))
        self.output_projection.build((None, 2 * self.units))
        self.score = self.add_weight(
            shape=(self.units,), initializer=_score_initializer(), name="score"
        )

    def initial_state(self, batch_size: int | tf.Tensor) -> AttentionState:
        """Zeros: there is nothing to attend to yet."""
        ring = tf.zeros([batch_size, self.attention_length, self.units])
        return AttentionState(
            inner=self.inner.initial_state(batch_size),
            context=tf.zeros([batch_size, self.units]),
            outputs=ring,
            keys=ring,
            position=tf.zeros([batch_size], tf.int32),
        )

    def step(
        self, inputs: tf.Tensor, state: AttentionState
    ) -> tuple[tf.Tensor, AttentionState]:
        """One step; see the class for the formula."""
        inputs = self.input_projection(
            tf.concat([inputs, state.context], axis=-1)
        )
        hidden, inner = self.inner.step(inputs, state.inner)
        context = self._attend(inner, state.outputs, state.keys)
        output = self.output_projection(tf.concat([hidden, context], axis=-1))
        slot = tf.one_hot(
            state.position,
            self.attention_length,
            on_value=True,
            off_value=False,
        )[:, :, tf.newaxis]  # [b, n, 1]
        return output, AttentionState(
            inner=inner,
            context=context,
            outputs=tf.where(slot, output[:, tf.newaxis], state.outputs),
            keys=tf.where(slot, self.key(output)[:, tf.newaxis], state.keys),
            position=(state.position + 1) % self.attention_length,
        )

    def _attend(
        self, inner: Any, outputs: tf.Tensor, keys: tf.Tensor
    ) -> tf.Tensor:
        # The memory cell comes before the output, as in the original's query.
        flat = tf.nest.flatten(inner)[::-1]
        query = self.query(tf.concat(flat, axis=-1))  # [b, u]
        activations = tf.tanh(keys + query[:, tf.newaxis])  # [b, n, u]
        scores = tf.linalg.matvec(activations, self.score)  # [b, n]
        weights = tf.nn.softmax(scores)
        return tf.linalg.matvec(outputs, weights, transpose_a=True)


def _score_initializer() -> keras.initializers.Initializer:
    return keras.initializers.RandomUniform(-0.1, 0.1)
