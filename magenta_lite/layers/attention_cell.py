"""Attention of a recurrent layer over its own last outputs."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from magenta_lite.layers import attention_chunk
from magenta_lite.layers.lstm import Lstm
from magenta_lite.layers.recurrence import Recurrence
from magenta_lite.layers.recurrent import RecurrentLayer


@dataclasses.dataclass(frozen=True)
class AttentionRecurrence(Recurrence):
    """A step of `AttentionCell`.

    The inner state is (wrapped layer's inner state, context `[batch, units]`).
    A row of the memory is an output and its key, side by side: a key is
    computed once, when its output is made.
    """

    inner: Recurrence
    units: int
    memory_length: int

    @property
    def row_depth(self) -> int:
        """Output and key."""
        return 2 * self.units

    def initial_inner(self, batch_size: int | tf.Tensor) -> tuple:
        """Zeros."""
        context = tf.zeros([batch_size, self.units])
        return self.inner.initial_inner(batch_size), context

    def advance(
        self, weights: tuple, inputs: tf.Tensor, inner: tuple, memory: tf.Tensor
    ) -> tuple:
        """See `AttentionCell` for the formula."""
        w_in, b_in, w_query, b_query, w_key, score, w_out, b_out = weights[:8]
        inner_state, context = inner
        joined = tf.concat([inputs, context], axis=-1)
        hidden, inner_state, _ = self.inner.advance(
            weights[8:],
            tf.matmul(joined, w_in) + b_in,
            inner_state,
            memory[:, :0, :0],
        )
        query = tf.matmul(_query_input(inner_state), w_query) + b_query
        context = _attend(query, score, *tf.split(memory, 2, axis=-1))
        output = tf.matmul(tf.concat([hidden, context], -1), w_out) + b_out
        row = tf.concat([output, tf.matmul(output, w_key)], axis=-1)
        return output, (inner_state, context), row


class AttentionCell(RecurrentLayer):
    """Additive attention (Bahdanau et al., 2015) over the last outputs.

    Computes what TensorFlow 1's `AttentionCellWrapper` computed:

        x' = W_in [x, context] + b_in
        h, c = layer(x', (h, c))
        score_j = score . tanh(W_key output_j + W_query [c, h] + b_query)
        context = sum_j softmax(score)_j output_j
        output = W_out [h, context] + b_out

    where j runs over the last `attention_length` outputs, zeros at the start.

    Args:
      layer: the layer to wrap.
      attention_length: how many past outputs are attended to.
    """

    def __init__(
        self, layer: RecurrentLayer, attention_length: int, **kwargs: object
    ) -> None:
        # What is exponentiated here is not for half precision.
        super().__init__(dtype="float32", **kwargs)
        self.layer = layer
        self.units = layer.units
        self.attention_length = attention_length
        self.query = keras.layers.Dense(
            self.units, dtype="float32", name="query"
        )
        self.key = keras.layers.Dense(
            self.units, use_bias=False, dtype="float32", name="key"
        )
        self.output_projection = keras.layers.Dense(
            self.units, dtype="float32", name="output_projection"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables for inputs `[time, batch, depth]`."""
        depth = int(input_shape[-1] or 0)
        self.input_projection = keras.layers.Dense(
            depth, dtype="float32", name="input_projection"
        )
        self.input_projection.build((None, depth + self.units))
        self.layer.build((None, None, depth))
        inner = self.layer.recurrence().initial_inner(1)
        self.query.build((None, _query_input(inner).shape[-1]))
        self.key.build((None, self.units))
        self.output_projection.build((None, 2 * self.units))
        self.score = self.add_weight(
            shape=(self.units,),
            initializer=keras.initializers.RandomUniform(-0.1, 0.1),
            name="score",
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """`[time, batch, depth]` to `[time, batch, units]`."""
        if not isinstance(self.layer, Lstm):
            return super().call(inputs)
        return attention_chunk.run(
            self.weight_tensors(), self.attention_length, inputs
        )

    def over_data(
        self, inputs: tf.Tensor, one_hots: tuple[int, ...] = ()
    ) -> tf.Tensor:
        """See `RecurrentLayer`."""
        if not isinstance(self.layer, Lstm):
            return super().over_data(inputs, one_hots)
        return attention_chunk.run(
            self.weight_tensors(), self.attention_length, inputs, one_hots
        )

    def shares(self, inputs: tf.Tensor) -> tf.Tensor:
        """Where attention goes, to look at; step by step, so not for speed.

        Args:
          inputs: float32 `[time, batch, depth]`.

        Returns:
          float32 `[time, batch, attention_length]`, the oldest output first.
        """
        recurrence, weights = self.recurrence(), self.weight_tensors()
        w_query, b_query, score = weights[2], weights[3], weights[5]
        state = recurrence.initial_state(tf.shape(inputs)[1])
        shares = []
        for step_inputs in tf.unstack(inputs):
            _, keys = tf.split(state[1], 2, axis=-1)
            _, state = recurrence.step(weights, step_inputs, state)
            inner_state, _ = state[0]
            query = tf.matmul(_query_input(inner_state), w_query) + b_query
            shares.append(_shares(query, score, keys))
        return tf.stack(shares)

    def recurrence(self) -> AttentionRecurrence:
        """See `RecurrentLayer`."""
        return AttentionRecurrence(
            self.layer.recurrence(), self.units, self.attention_length
        )

    def weight_tensors(self) -> tuple[tf.Tensor, ...]:
        """The projections and the score, then the wrapped layer's weights."""
        own = (
            self.input_projection.kernel,
            self.input_projection.bias,
            self.query.kernel,
            self.query.bias,
            self.key.kernel,
            self.score,
            self.output_projection.kernel,
            self.output_projection.bias,
        )
        return (
            *(tf.convert_to_tensor(w) for w in own),
            *self.layer.weight_tensors(),
        )


def _query_input(inner: Any) -> tf.Tensor:
    """What the query sees of a state: the memory cell before the output."""
    return tf.concat(tf.nest.flatten(inner)[::-1], axis=-1)


def _attend(
    query: tf.Tensor, score: tf.Tensor, outputs: tf.Tensor, keys: tf.Tensor
) -> tf.Tensor:
    """The mean of `outputs [b, n, u]`, weighted by how `keys` fit `query`."""
    weights = _shares(query, score, keys)[:, :, tf.newaxis]
    return tf.reduce_sum(weights * outputs, axis=1)  # [b, u]


def _shares(query: tf.Tensor, score: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """How `keys [b, n, u]` fit `query`: `[b, n]`, 1 in sum."""
    activations = tf.tanh(keys + query[:, tf.newaxis])  # [b, n, u]
    return tf.nn.softmax(tf.linalg.matvec(activations, score))
