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
    outputs = []
    for shard in tf.split(padded, shards, axis=1):
        start = initial_state(tf.shape(shard)[1])
        outputs.append(_run_shard(chunk, weights, shard, start)[0])
    return tf.concat(outputs, axis=1)[:num_steps, :num_rows]


def run_from(
    chunk: Chunk,
    weights: tuple,
    inputs: tf.Tensor,
    state: Any,
    chunk_steps: int = CHUNK_STEPS,
) -> tuple[tf.Tensor, Any]:
    """Runs a recurrence over whole sequences from a state of one's own.

    Args:
      chunk: what happens in `chunk_steps` steps.
      weights: tensors; gradients reach them.
      inputs: float `[time, batch, depth]`; gradients reach them.
      state: a nest of `[batch, ...]` tensors; gradients reach them.
      chunk_steps: how many steps go into one program.

    Returns:
      float `[time, batch, units]`, and the state after the last step, rounded
      up to whole chunks: it is of use where `chunk_steps` divides the time.
    """
    num_steps, num_rows = tf.unstack(tf.shape(inputs)[:2])
    shards = num_shards()
    added = -num_rows % shards
    padded = tf.pad(inputs, [[0, -num_steps % chunk_steps], [0, added], [0, 0]])
    parts = [
        tf.split(_with_rows(leaf, added), shards)
        for leaf in tf.nest.flatten(state)
    ]
    outputs, finals = [], []
    for i, shard in enumerate(tf.split(padded, shards, axis=1)):
        start = tf.nest.pack_sequence_as(
            state,
            [
                tf.ensure_shape(part[i], [None, *part[i].shape[1:]])
                for part in parts
            ],
        )
        output, final = _run_shard(chunk, weights, shard, start, chunk_steps)
        outputs.append(output)
        finals.append(final)
    final = tf.nest.map_structure(
        lambda *leaves: tf.concat(leaves, axis=0)[:num_rows], *finals
    )
    return tf.concat(outputs, axis=1)[:num_steps, :num_rows], final


def _with_rows(tensor: tf.Tensor, added: tf.Tensor) -> tf.Tensor:
    """A tensor `[batch, ...]` with so many rows of zeros more."""
    rest = [[0, 0]] * (tensor.shape.rank - 1)
    padded = tf.pad(tensor, [[0, added], *rest])
    return tf.ensure_shape(padded, [None, *tensor.shape[1:]])


def num_shards() -> int:
    """How many parts of a batch run side by side: one a core, few at most.

    Cores count that this process may use: several processes share a machine.
    """
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _MAX_SHARDS)
    return min(os.cpu_count() or 1, _MAX_SHARDS)


def _run_shard(
    chunk: Chunk,
    weights: tuple,
    inputs: tf.Tensor,
    start: Any,
    chunk_steps: int = CHUNK_STEPS,
) -> tuple[tf.Tensor, Any]:
    """Outputs and last state; the length is a multiple of `chunk_steps`."""
    num_states = len(tf.nest.flatten(start))

    @tf.custom_gradient
    def sequence(inputs: tf.Tensor, *others: tf.Tensor) -> tuple:
        # An outer tape must not look into the programs: XLA hands out no
        # intermediate results.
        inputs = tf.stop_gradient(inputs)
        others = tuple(map(tf.stop_gradient, others))
        weights = others[num_states:]
        state = tf.nest.pack_sequence_as(start, others[:num_states])
        chunks = _cut(inputs, chunk_steps)
        outputs, final, states, kept = _forward(chunk, weights, chunks, state)

        def gradient(d_outputs: tf.Tensor, *d_final: tf.Tensor) -> tuple:
            d_inputs, d_state, d_weights = _backward(
                chunk,
                weights,
                chunks,
                state,
                states,
                kept,
                _cut(d_outputs, chunk_steps),
                tf.nest.pack_sequence_as(start, d_final),
            )
            return d_inputs, *tf.nest.flatten(d_state), *d_weights

        return (outputs, *tf.nest.flatten(final)), gradient

    outputs, *final = sequence(inputs, *tf.nest.flatten(start), *weights)
    return outputs, tf.nest.pack_sequence_as(start, final)


def _cut(sequence: tf.Tensor, chunk_steps: int) -> tf.Tensor:
    """`[time, batch, depth]` to `[chunks, chunk_steps, batch, depth]`."""
    return tf.reshape(
        sequence,
        [-1, chunk_steps, tf.shape(sequence)[1], sequence.shape[-1]],
    )


def _forward(
    chunk: Chunk, weights: tuple, chunks: tf.Tensor, start: Any
) -> tuple[tf.Tensor, Any, list, list]:
    """All outputs `[time, batch, units]`; last state; all states and kept.

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

    _, final, outputs, states, kept = tf.while_loop(
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
    kept = list(zip(kept, kept_shapes, strict=True))
    return outputs.concat(), final, states, kept


def _backward(
    chunk: Chunk,
    weights: tuple,
    chunks: tf.Tensor,
    start: Any,
    states: list[tf.TensorArray],
    kept: list[tuple[tf.TensorArray, tf.TensorShape]],
    d_outputs: tf.Tensor,
    d_final: Any,
) -> tuple[tf.Tensor, Any, tuple]:
    """Gradients of inputs `[time, batch, depth]`, first state, weights."""
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

    _, d_state, d_inputs, d_weights = tf.while_loop(
        lambda k, *_: k >= 0,
        body,
        (
            num_chunks - 1,
            d_final,
            tf.TensorArray(chunks.dtype, num_chunks),
            tuple(tf.zeros_like(w) for w in weights),
        ),
        parallel_iterations=1,
    )
    return d_inputs.concat(), d_state, d_weights


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
