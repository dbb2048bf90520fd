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
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

CHUNK_STEPS = 16
_MAX_SHARDS = 4


_Number: TypeAlias = "int | tf.Tensor"


@dataclasses.dataclass(frozen=True)
class Chunk:
    """The forward and backward programs of `CHUNK_STEPS` steps.

    Attributes:
      forward: `(weights, inputs [steps, batch, depth], state)` to
        `(outputs [steps, batch, units], next state, kept)`.
      backward: `(prepared, inputs, state, kept, d_outputs, d_next_state)` to
        `(d_weights, d_inputs, d_state)`.
      num_kept: how many tensors `kept`, a tuple, holds for `backward`.
      are_data: whether nothing is learnt below the inputs: `d_inputs` then is
        None, and no gradient reaches them.
      prepare: makes `prepared` of the weights, once for all chunks.
    """

    forward: Callable
    backward: Callable
    num_kept: int
    are_data: bool = False
    prepare: Callable = tuple


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
    shards = num_shards()
    rows = -(-_size(inputs)[1] // shards)
    starts = [initial_state(rows) for _ in range(shards)]
    return _run_shards(chunk, weights, inputs, starts, CHUNK_STEPS)[0]


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
    num_rows = tf.shape(inputs)[1]
    shards = num_shards()
    added = -num_rows % shards
    parts = [
        tf.split(_with_rows(leaf, added), shards)
        for leaf in tf.nest.flatten(state)
    ]
    starts = [
        tf.nest.pack_sequence_as(
            state,
            [
                tf.ensure_shape(part[i], [None, *part[i].shape[1:]])
                for part in parts
            ],
        )
        for i in range(shards)
    ]
    outputs, finals = _run_shards(chunk, weights, inputs, starts, chunk_steps)
    final = tf.nest.map_structure(
        lambda *leaves: tf.concat(leaves, axis=0)[:num_rows], *finals
    )
    return outputs, final


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


@dataclasses.dataclass(frozen=True)
class _Chunks:
    """The rows of one shard, read a chunk at a time.

    Attributes:
      sequence: `[chunks, steps, shards, rows, depth]`.
      shard: which.
    """

    sequence: tf.Tensor
    shard: int

    def __getitem__(self, k: tf.Tensor) -> tf.Tensor:
        """`[steps, rows, depth]`."""
        return self.sequence[k, :, self.shard]

    @property
    def count(self) -> tf.Tensor:
        """How many."""
        return tf.shape(self.sequence)[0]

    @property
    def dtype(self) -> tf.DType:
        """Of the values."""
        return self.sequence.dtype


def _run_shards(
    chunk: Chunk,
    weights: tuple,
    inputs: tf.Tensor,
    starts: list,
    chunk_steps: int,
) -> tuple[tf.Tensor, list]:
    """Outputs `[time, batch, units]`, and the last state of each shard."""
    num_states = len(tf.nest.flatten(starts))

    @tf.custom_gradient
    def sequence(inputs: tf.Tensor, *others: tf.Tensor) -> tuple:
        # An outer tape must not look into the programs: XLA hands out no
        # intermediate results.
        inputs = tf.stop_gradient(inputs)
        others = tuple(map(tf.stop_gradient, others))
        weights = others[num_states:]
        states = tf.nest.pack_sequence_as(starts, others[:num_states])
        size = _size(inputs)
        shards = _cut(inputs, size, len(starts), chunk_steps)
        outputs, finals, *kept = zip(
            *(
                _forward(chunk, weights, shard, state)
                for shard, state in zip(shards, states, strict=True)
            ),
            strict=True,
        )

        def gradient(d_outputs: tf.Tensor, *d_finals: tf.Tensor) -> tuple:
            prepared = chunk.prepare(weights)
            columns = (
                shards,
                states,
                *kept,
                _cut(d_outputs, size, len(starts), chunk_steps),
                tf.nest.pack_sequence_as(starts, d_finals),
            )
            d_inputs, d_states, d_weights = zip(
                *(
                    _backward(chunk, weights, prepared, *shard)
                    for shard in zip(*columns, strict=True)
                ),
                strict=True,
            )
            return (
                None if chunk.are_data else _join(d_inputs, size),
                *tf.nest.flatten(d_states),
                *map(tf.add_n, zip(*d_weights, strict=True)),
            )

        return (_join(outputs, size), *tf.nest.flatten(finals)), gradient

    outputs, *finals = sequence(inputs, *tf.nest.flatten(starts), *weights)
    return outputs, tf.nest.pack_sequence_as(starts, finals)


def _size(sequence: tf.Tensor) -> tuple[_Number, _Number]:
    """Time and batch; static where they are known, as loops want it."""
    shape = tf.shape(sequence)
    time, batch, _ = sequence.shape
    return (
        shape[0] if time is None else time,
        shape[1] if batch is None else batch,
    )


def _cut(
    sequence: tf.Tensor,
    size: tuple[_Number, _Number],
    num_shards: int,
    chunk_steps: int,
) -> list[_Chunks]:
    """`[time, batch, depth]`, with zeros up to whole chunks and shards."""
    num_steps, num_rows = size
    added = [[0, -num_steps % chunk_steps], [0, -num_rows % num_shards], [0, 0]]
    rows = -(-num_rows // num_shards)
    chunks = tf.reshape(
        tf.pad(sequence, added),
        [-1, chunk_steps, num_shards, rows, sequence.shape[-1]],
    )
    return [_Chunks(chunks, i) for i in range(num_shards)]


def _join(
    shards: Sequence[tf.Tensor], size: tuple[_Number, _Number]
) -> tf.Tensor:
    """The reverse of `_cut`, without what it added to `size`."""
    return tf.concat(shards, axis=1)[: size[0], : size[1]]


def _forward(
    chunk: Chunk, weights: tuple, inputs: _Chunks, start: Any
) -> tuple[tf.Tensor, Any, list, list]:
    """All outputs `[time, rows, units]`; last state; all states and kept.

    The states are TensorArrays; the kept are (TensorArray, static shape).
    """
    kept_shapes = [None] * chunk.num_kept

    def arrays(count: int) -> list[tf.TensorArray]:
        return [
            tf.TensorArray(inputs.dtype, inputs.count, clear_after_read=False)
            for _ in range(count)
        ]

    def body(
        k: tf.Tensor, state: Any, outputs: Any, states: list, kept: list
    ) -> tuple:
        output, next_state, keep = chunk.forward(weights, inputs[k], state)
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
        lambda k, *_: k < inputs.count,
        body,
        (
            0,
            start,
            tf.TensorArray(inputs.dtype, inputs.count),
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
    prepared: tuple,
    inputs: _Chunks,
    start: Any,
    states: list[tf.TensorArray],
    kept: list[tuple[tf.TensorArray, tf.TensorShape]],
    d_outputs: _Chunks,
    d_final: Any,
) -> tuple[tf.Tensor | None, Any, tuple]:
    """Gradients of inputs `[time, rows, depth]`, first state, weights."""

    def body(
        k: tf.Tensor, d_state: Any, d_inputs: list, d_weights: tuple
    ) -> tuple:
        state = tf.nest.pack_sequence_as(start, [a.read(k) for a in states])
        d_chunk_weights, d_chunk, d_state = chunk.backward(
            prepared,
            inputs[k],
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
            _write(d_inputs, k, () if chunk.are_data else d_chunk),
            _shaped(total, weights),
        )

    _, d_state, d_inputs, d_weights = tf.while_loop(
        lambda k, *_: k >= 0,
        body,
        (
            inputs.count - 1,
            d_final,
            [tf.TensorArray(inputs.dtype, inputs.count)] * (not chunk.are_data),
            tuple(tf.zeros_like(w) for w in weights),
        ),
        parallel_iterations=1,
    )
    return None if chunk.are_data else d_inputs[0].concat(), d_state, d_weights


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
