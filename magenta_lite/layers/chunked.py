"""Runs a recurrence over long sequences fast: compiled chunks, rows in shards.

A plain `tf.while_loop` dispatches a dozen small kernels a step, which costs
more than their arithmetic. Here a chunk of steps is one XLA program of static
length, an outer loop strings the chunks together, and the rows of the batch
are cut into shards that run on different cores. Gradients go back chunk by
chunk, so that only the states between chunks, and what a chunk asks to keep,
are held in memory.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

CHUNK_STEPS = 16
_MAX_SHARDS = 4


@dataclasses.dataclass(frozen=True)
class Chunk:
    """The forward and backward programs of `CHUNK_STEPS` steps.

    Attributes:
      forward: `(weights, inputs [steps, batch, depth], state)` to
        `(outputs [steps, batch, units], next state, kept)`.
      backward: `(weights, inputs, state, kept, d_outputs, d_next_state)` to
        `(d_weights, d_inputs, d_state)`.
      num_kept: how many tensors `kept`, a tuple, holds for `backward`.
    """

    forward: Callable
    backward: Callable
    num_kept: int


def run(
    chunk: Chunk, weights: tuple, inputs: tf.Tensor, initial_state: Callable
) -> tf.Tensor:
    """Runs a recurrence over whole sequences.

    Args:
      chunk: what happens in `CHUNK_STEPS` steps.
      weights: tensors; gradients reach them.
      inputs: float `[time, batch, depth]`; gradients reach them.
      initial_state: `batch_size -> state`; no gradients reach it.

    Returns:
      float `[time, batch, units]`.
    """
    num_steps, num_rows = tf.unstack(tf.shape(inputs)[:2])
    shards = num_shards()
    padded = tf.pad(
        inputs, [[0, -num_steps % CHUNK_STEPS], [0, -num_rows % shards], [0, 0]]
    )
    outputs = [
        _run_shard(chunk, weights, shard, initial_state)
        for shard in tf.split(padded, shards, axis=1)
    ]
    return tf.concat(outputs, axis=1)[:num_steps, :num_rows]


def num_shards() -> int:
    """How many parts of a batch run side by side: one a core, few at most."""
    return min(os.cpu_count() or 1, _MAX_SHARDS)


def _run_shard(
    chunk: Chunk, weights: tuple, inputs: tf.Tensor, initial_state: Callable
) -> tf.Tensor:
    """`run` on sequences whose length is a multiple of `CHUNK_STEPS`."""
    start = initial_state(tf.shape(inputs)[1])

    @tf.custom_gradient
    def sequence(inputs: tf.Tensor, *weights: tf.Tensor) -> tuple:
        # An outer tape must not look into the programs: XLA hands out no
        # intermediate results.
        inputs = tf.stop_gradient(inputs)
        weights = tuple(map(tf.stop_gradient, weights))
        chunks = _cut(inputs)
        outputs, states, kept = _forward(chunk, weights, chunks, start)

        def gradient(d_outputs: tf.Tensor) -> tuple:
            d_inputs, d_weights = _backward(
                chunk, weights, chunks, start, states, kept, _cut(d_outputs)
            )
            return d_inputs, *d_weights

        return outputs, gradient

    return sequence(inputs, *weights)


def _cut(sequence: tf.Tensor) -> tf.Tensor:
    """`[time, batch, depth]` to `[chunks, CHUNK_STEPS, batch, depth]`."""
    return tf.reshape(
        sequence,
        [-1, CHUNK_STEPS, tf.shape(sequence)[1], sequence.shape[-1]],
    )


def _forward(
    chunk: Chunk, weights: tuple, chunks: tf.Tensor, start: Any
) -> tuple[tf.Tensor, list, list]:
    """All outputs `[time, batch, units]`; each chunk's state and kept.

    The states are TensorArrays; the kept are (TensorArray, static shape).
    """
    num_chunks = tf.shape(chunks)[0]

    kept_shapes = [None] * chunk.num_kept

    def arrays(count: int) -> list[tf.TensorArray]:
        return [
            tf.TensorArray(chunks.dtype, num_chunks, clear_after_read=False)
            for _ in range(count)
        ]

    def body(
        k: tf.Tensor, state: Any, outputs: Any, states: list, kept: list
    ) -> tuple:
        output, next_state, keep = chunk.forward(weights, chunks[k], state)
        # What leaves a loop in a TensorArray loses its static shape.
        kept_shapes[:] = [tensor.shape for tensor in keep]
        return (
            k + 1,
            _shaped(next_state, start),
            outputs.write(k, output),
            _write(states, k, state),
            _write(kept, k, keep),
        )

    _, _, outputs, states, kept = tf.while_loop(
        lambda k, *_: k < num_chunks,
        body,
        (
            0,
            start,
            tf.TensorArray(chunks.dtype, num_chunks),
            arrays(len(tf.nest.flatten(start))),
            arrays(chunk.num_kept),
        ),
        parallel_iterations=1,
    )
    return outputs.concat(), states, list(zip(kept, kept_shapes, strict=True))


def _backward(
    chunk: Chunk,
    weights: tuple,
    chunks: tf.Tensor,
    start: Any,
    states: list[tf.TensorArray],
    kept: list[tuple[tf.TensorArray, tf.TensorShape]],
    d_outputs: tf.Tensor,
) -> tuple[tf.Tensor, tuple]:
    """Gradients of the inputs `[time, batch, depth]` and of the weights."""
    num_chunks = tf.shape(chunks)[0]

    def body(
        k: tf.Tensor, d_state: Any, d_inputs: Any, d_weights: tuple
    ) -> tuple:
        state = tf.nest.pack_sequence_as(start, [a.read(k) for a in states])
        d_chunk_weights, d_chunk, d_state = chunk.backward(
            weights,
            chunks[k],
            _shaped(state, start),
            tuple(tf.ensure_shape(a.read(k), shape) for a, shape in kept),
            d_outputs[k],
            d_state,
        )
        total = tuple(
            a + b for a, b in zip(d_weights, d_chunk_weights, strict=True)
        )
        return (
            k - 1,
            _shaped(d_state, start),
            d_inputs.write(k, d_chunk),
            _shaped(total, weights),
        )

    _, _, d_inputs, d_weights = tf.while_loop(
        lambda k, *_: k >= 0,
        body,
        (
            num_chunks - 1,
            tf.nest.map_structure(tf.zeros_like, start),
            tf.TensorArray(chunks.dtype, num_chunks),
            tuple(tf.zeros_like(w) for w in weights),
        ),
        parallel_iterations=1,
    )
    return d_inputs.concat(), d_weights


def _write(
    arrays: list[tf.TensorArray], k: tf.Tensor, values: Any
) -> list[tf.TensorArray]:
    flat = tf.nest.flatten(values)
    return [a.write(k, v) for a, v in zip(arrays, flat, strict=True)]


def _shaped(values: Any, like: Any) -> Any:
    """The same values, with the static shapes that `like` has."""
    return tf.nest.map_structure(
        lambda value, known: tf.ensure_shape(value, known.shape), values, like
    )
