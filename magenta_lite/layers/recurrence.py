"""The arithmetic of recurrent layers as pure functions, and its gradient."""

from __future__ import annotations

import abc
import functools
from typing import Any

import tensorflow as tf

from magenta_lite.layers.chunked import Chunk


class Recurrence(abc.ABC):
    """One step of a recurrent layer as a function of weights and state.

    Subclasses are frozen dataclasses: equal ones share compiled programs. The
    state is a pair (inner, memory): `inner` is a nest of `[batch, ...]`
    tensors that a step replaces; `memory` `[batch, memory_length, row_depth]`
    holds the rows that the last steps appended, oldest first. A plain
    recurrence has a memory of length 0.
    """

    memory_length: int = 0

    @property
    def row_depth(self) -> int:
        """Depth of the row that a step appends to the memory."""
        return 0

    @abc.abstractmethod
    def initial_inner(self, batch_size: int | tf.Tensor) -> Any:
        """The inner state before the first step: zeros."""

    @abc.abstractmethod
    def advance(
        self, weights: tuple, inputs: tf.Tensor, inner: Any, memory: tf.Tensor
    ) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """One step.

        Args:
          weights: tensors.
          inputs: `[batch, depth]`.
          inner: the inner state.
          memory: `[batch, memory_length, row_depth]`.

        Returns:
          The output `[batch, units]`, the next inner state, and the row
          `[batch, row_depth]` to append.
        """

    def initial_state(self, batch_size: int | tf.Tensor) -> tuple:
        """(inner, memory) before the first step: zeros."""
        memory = tf.zeros([batch_size, self.memory_length, self.row_depth])
        return self.initial_inner(batch_size), memory

    def step(
        self, weights: tuple, inputs: tf.Tensor, state: tuple
    ) -> tuple[tf.Tensor, tuple]:
        """One step on the whole state, for generation."""
        inner, memory = state
        output, inner, row = self.advance(weights, inputs, inner, memory)
        return output, (inner, self.remember(memory, row))

    def remember(self, memory: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        """The memory after a step has appended its row."""
        if not self.memory_length:
            return memory
        return tf.concat([memory[:, 1:], row[:, tf.newaxis]], axis=1)

    def split_memory_gradient(
        self, d_memory: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Gradients of `remember`'s two arguments, given its result's."""
        if not self.memory_length:
            return d_memory, tf.zeros([tf.shape(d_memory)[0], self.row_depth])
        nothing = tf.zeros_like(d_memory[:, :1])
        return tf.concat([nothing, d_memory[:, :-1]], axis=1), d_memory[:, -1]


@functools.cache
def chunk_of(recurrence: Recurrence) -> Chunk:
    """The compiled programs of a recurrence, shared by equal ones.

    Going back, each step is computed once more from the inner state before
    it, which is kept; nothing that happens inside a step is.
    """
    return Chunk(
        forward=tf.function(
            functools.partial(_forward, recurrence),
            jit_compile=True,
            autograph=False,
        ),
        backward=tf.function(
            functools.partial(_backward, recurrence),
            jit_compile=True,
            autograph=False,
        ),
        num_kept=1 + len(tf.nest.flatten(recurrence.initial_inner(1))),
    )


def _forward(
    recurrence: Recurrence, weights: tuple, inputs: tf.Tensor, state: tuple
) -> tuple:
    """See `Chunk.forward`; keeps the rows and each step's inner state."""
    inner, memory = state
    num_steps = inputs.shape[0]
    outputs, rows, *inners = (
        tf.TensorArray(inputs.dtype, num_steps)
        for _ in (0, 1, *tf.nest.flatten(inner))
    )

    def body(
        t: tf.Tensor,
        inner: Any,
        memory: tf.Tensor,
        outputs: tf.TensorArray,
        rows: tf.TensorArray,
        inners: list,
    ) -> tuple:
        flat = tf.nest.flatten(inner)
        inners = [a.write(t, s) for a, s in zip(inners, flat, strict=True)]
        output, inner, row = recurrence.advance(
            weights, inputs[t], inner, memory
        )
        return (
            t + 1,
            inner,
            recurrence.remember(memory, row),
            outputs.write(t, output),
            rows.write(t, row),
            inners,
        )

    _, inner, next_memory, outputs, rows, inners = tf.while_loop(
        lambda t, *_: t < num_steps,
        body,
        (0, inner, memory, outputs, rows, inners),
        maximum_iterations=num_steps,
    )
    rows = tf.transpose(rows.stack(), [1, 0, 2])  # [b, t, row]
    kept = (rows, *(a.stack() for a in inners))
    return outputs.stack(), (inner, next_memory), kept


def _backward(
    recurrence: Recurrence,
    weights: tuple,
    inputs: tf.Tensor,
    state: tuple,
    kept: tuple,
    d_outputs: tf.Tensor,
    d_state: tuple,
) -> tuple:
    """See `Chunk.backward`."""
    rows, *inners = kept
    rows = tf.concat([state[1], rows], axis=1)
    num_steps = inputs.shape[0]
    d_inputs = tf.TensorArray(inputs.dtype, num_steps)

    def body(
        k: tf.Tensor,
        d_inner: Any,
        d_memory: tf.Tensor,
        d_inputs: tf.TensorArray,
        d_weights: tuple,
    ) -> tuple:
        t = num_steps - 1 - k
        inner = tf.nest.pack_sequence_as(state[0], [s[t] for s in inners])
        # XLA wants a slice's size apart from its start.
        memory = tf.slice(rows, [0, t, 0], tf.shape(state[1]))
        memory = tf.ensure_shape(memory, state[1].shape)
        sources = (weights, inputs[t], inner, memory)
        with tf.GradientTape() as tape:
            tape.watch(sources)
            targets = recurrence.advance(*sources)
        d_before, d_row = recurrence.split_memory_gradient(d_memory)
        d_step, d_input, d_inner, d_seen = tape.gradient(
            targets,
            sources,
            output_gradients=(d_outputs[t], d_inner, d_row),
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        total = tuple(a + b for a, b in zip(d_weights, d_step, strict=True))
        d_inputs = d_inputs.write(t, d_input)
        return k + 1, d_inner, d_before + d_seen, d_inputs, total

    _, d_inner, d_memory, d_inputs, d_weights = tf.while_loop(
        lambda k, *_: k < num_steps,
        body,
        (0, *d_state, d_inputs, tuple(map(tf.zeros_like, weights))),
        maximum_iterations=num_steps,
    )
    return d_weights, d_inputs.stack(), (d_inner, d_memory)
