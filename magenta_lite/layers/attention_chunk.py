"""Training of attention over an LSTM: the chunk, with its gradient by hand.

Attention is bound by memory traffic, not arithmetic: each step of each row
reads `attention_length` outputs and keys. So intermediates of that size are
not written where it can be helped:

  - tanh(k + q) = 1 - 2 r with r = 1 / (1 + exp(2 k) exp(2 q)): exponentials
    are taken once for a key and once for a query, and what remains for each
    pair is cheap enough to be computed anew inside every sum that needs it.
    Scores then are -2 score . r, up to a constant that softmax ignores;
  - the memory is a ring of slots: a step overwrites the oldest row, and no row
    moves. It reaches a chunk as the blocks of rows that earlier chunks made,
    which costs no copy to hand on or to keep;
  - going back, the gradient of a row is gathered from the steps that attended
    to it when it is needed, instead of every step adding to all rows.

The input projection is folded into the kernel of the LSTM, as nothing lies
between the two. Shapes below: t steps of the chunk, n slots, b rows of the
batch, u units.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from magenta_lite.layers import chunked
from magenta_lite.layers.lstm import (
    activate_gates,
    cell_gradient,
    cells_of,
    gate_slopes,
    next_cell,
)
from magenta_lite.layers.products import (
    compact_on_rows,
    compact_over_rows,
    on_rows,
    over_rows,
)

# exp(2 x) stays a normal float32 up to here. Products of two may overflow or
# vanish, which gives the right r. Beyond, keys and queries are clipped, which
# tells only where both are of this size, with opposite signs.
_MAX_EXPONENT = 43.0
_MOST_WRITTEN_OUT = 64


def run(
    weights: tuple,
    attention_length: int,
    inputs: tf.Tensor,
    one_hots: tuple[int, ...] | None = None,
) -> tf.Tensor:
    """Runs `AttentionCell` over an LSTM on whole sequences.

    Args:
      weights: those of `AttentionCell.weight_tensors`.
      attention_length: how many past outputs are attended to.
      inputs: float32 `[time, batch, depth]`.
      one_hots: see `RecurrentLayer.over_data`; None if something is learnt
        below the inputs.

    Returns:
      float32 `[time, batch, units]`.
    """
    w_in, b_in, *seen, w_key, score, w_out, b_out = weights[:-3]
    kernel, recurrent_kernel, bias = weights[-3:]
    units = recurrent_kernel.shape[0]
    folded = tf.matmul(w_in, kernel)
    of_inputs, of_context = tf.split(folded, [kernel.shape[0], units])
    step_kernel = tf.concat([recurrent_kernel, of_context], axis=0)
    bias += tf.linalg.matvec(kernel, b_in, transpose_a=True)
    row_kernel = tf.concat([w_out, tf.matmul(w_out, w_key)], axis=1)
    b_key = tf.linalg.matvec(w_key, b_out, transpose_a=True)
    row = (row_kernel, tf.concat([b_out, b_key], axis=0))
    return chunked.run(
        _chunk(attention_length, one_hots),
        (of_inputs, step_kernel, bias, *seen, *row, score),
        inputs,
        functools.partial(_initial_state, attention_length, units),
    )


@functools.cache
def _chunk(
    attention_length: int, one_hots: tuple[int, ...] | None
) -> chunked.Chunk:
    """The compiled programs.

    Their weights are: kernel of the input `[depth, 4 * units]`, of the output
    and context `[2 * units, 4 * units]`, and bias; kernel and bias of the
    query, and of the row (output and key) from h and context; score.

    Their state is h, c and context, each `[b, u]`, then blocks `[t, b, u]` of
    outputs and as many of exponentials of keys, oldest first. In a gradient,
    the place of the exponentials belongs to the keys themselves.
    """
    steps = tf.function(
        functools.partial(_forward, attention_length, one_hots or ()),
        jit_compile=True,
        autograph=False,
    )

    def forward(weights: tuple, inputs: tf.Tensor, state: tuple) -> tuple:
        inner, kept = steps(weights, inputs, state)
        # Out here, what appears more than once is still only stored once.
        blocks = [
            (*past[1:], new)
            for past, new in zip(state[3:], kept[-2:], strict=True)
        ]
        return kept[-2], (*inner, *blocks), kept

    backward = tf.function(
        functools.partial(_backward, attention_length, one_hots),
        jit_compile=True,
        autograph=False,
    )
    return chunked.Chunk(
        forward,
        backward,
        num_kept=6,
        are_data=one_hots is not None,
        prepare=_prepare,
    )


def _prepare(weights: tuple) -> tuple:
    """See `Chunk.prepare`: what of them gradients pass, and the score."""
    w_x, w_step, _, w_query, _, w_row, _, score = weights
    return *map(tf.transpose, (w_x, w_step, w_query, w_row)), score


def _initial_state(
    attention_length: int, units: int, batch_size: int | tf.Tensor
) -> tuple:
    """Zeros."""
    count = -(-attention_length // chunked.CHUNK_STEPS)
    zeros = tf.zeros([batch_size, units])
    block = tf.zeros([chunked.CHUNK_STEPS, batch_size, units])
    return zeros, zeros, zeros, (block,) * count, (tf.exp(block),) * count


def _forward(
    attention_length: int,
    one_hots: tuple[int, ...],
    weights: tuple,
    inputs: tf.Tensor,
    state: tuple,
) -> tuple:
    """h, c and context after the steps, and what `Chunk.forward` keeps."""
    w_x, w_step, bias, w_query, b_query, w_row, b_row, score = weights
    h, c, context, *blocks = state
    num_steps = inputs.shape[0]
    ring = [_slots(attention_length, past) for past in blocks]
    unseen = _unseen(attention_length, num_steps)
    projected = compact_on_rows(inputs, one_hots, w_x) + bias  # [t, b, 4u]

    def body(
        t: tf.Tensor, joined: tf.Tensor, c: tf.Tensor, ring: list, arrays: list
    ) -> tuple:
        outputs, keys = ring
        gates = activate_gates(projected[t] + tf.matmul(joined, w_step))
        h, c = next_cell(gates, c)
        query = tf.matmul(tf.concat([c, h], axis=-1), w_query) + b_query
        query = _exponential(query)
        scores = tf.linalg.matvec(_ratio(keys, query), -2 * score)  # [n, b]
        shares = tf.nn.softmax(scores - unseen[t], axis=0)
        context = tf.reduce_sum(shares[:, :, tf.newaxis] * outputs, axis=0)
        joined = tf.concat([h, context], axis=-1)
        row = tf.matmul(joined, w_row) + b_row
        output, key = tf.split(row, 2, axis=-1)
        key = _exponential(key)
        new = (tf.concat(gates, -1), query, shares, context, output, key)
        ring = [_replaced(outputs, t, output), _replaced(keys, t, key)]
        return t + 1, joined, c, ring, _written(arrays, t, new)

    joined = tf.concat([h, context], axis=-1)
    _, joined, c, _, arrays = tf.while_loop(
        lambda t, *_: t < num_steps,
        body,
        (0, joined, c, ring, _arrays(6, num_steps)),
        maximum_iterations=num_steps,
    )
    h, context = tf.split(joined, 2, axis=-1)
    return (h, c, context), tuple(a.stack() for a in arrays)


def _backward(
    attention_length: int,
    one_hots: tuple[int, ...] | None,
    turned: tuple,
    inputs: tf.Tensor,
    state: tuple,
    kept: tuple,
    d_outputs: tf.Tensor,
    d_state: tuple,
) -> tuple:
    """See `Chunk.backward`: the steps, then one product for each weight."""
    w_x, *_, score = turned
    h, c, context, *blocks = state
    gates, queries, shares, contexts, *_ = kept
    d_h, d_c, d_context, *d_blocks = d_state
    memory = [_slots(attention_length, past) for past in blocks]
    cells = cells_of(gates, c)
    squashed = tf.tanh(cells)
    hidden = tf.split(gates, 4, axis=-1)[3] * squashed
    # The last blocks of the next state are the rows that these steps made.
    d_made = [d_outputs + d_blocks[0][-1], d_blocks[1][-1]]
    d_joined, d_c, d_score, later, d_steps = _steps_back(
        turned[1:],
        kept[1:],
        gate_slopes(gates, squashed, _before(c, cells)),
        memory,
        d_made,
        (tf.concat([d_h, d_context], axis=-1), d_c),
    )
    d_row, d_query, d_z = d_steps
    joined = tf.concat([hidden, contexts], axis=-1)
    joined_before = _before(tf.concat([h, context], axis=-1), joined)
    d_weights = (
        compact_over_rows(inputs, one_hots or (), d_z),
        over_rows(joined_before, d_z),
        tf.reduce_sum(d_z, [0, 1]),
        over_rows(tf.concat([cells, hidden], axis=-1), d_query),
        tf.reduce_sum(d_query, [0, 1]),
        over_rows(joined, d_row),
        tf.reduce_sum(d_row, [0, 1]),
        d_score,
    )
    d_memory = _memory_gradient(4 * score, memory, queries, shares, later)
    d_past = [
        _older(d, d_next) for d, d_next in zip(d_memory, d_blocks, strict=True)
    ]
    d_h, d_context = tf.split(d_joined, 2, axis=-1)
    d_inputs = on_rows(d_z, w_x) if one_hots is None else None
    return d_weights, d_inputs, (d_h, d_c, d_context, *d_past)


def _row_gradient(
    score: tf.Tensor, pair: tuple, slot: tuple, later: tuple
) -> tf.Tensor:
    """Of the row (output, key) `[b, 2 * units]` that a step made.

    `pair` is the exponential of its key and those of all queries; `slot` the
    shares and the gradients of the scores that later steps have for its slot,
    each `[t, b]`; `later` the gradients of their contexts, and those of the
    output and of the key without what comes through these steps.
    """
    key, queries = pair
    shares, d_scores = slot
    d_contexts, d_output, d_key = later
    d_output += _weighted_sum(shares, d_contexts)
    d_key += 4 * score * _weighted_sum(d_scores, _slope(key, queries))
    return tf.concat([d_output, d_key * _unclipped(key)], axis=-1)


def _attention_gradient(
    score: tf.Tensor, ring: list, step: tuple, d_context: tf.Tensor
) -> tuple:
    """Of the scores `[n, b]`, the query `[b, u]` and the vector `score`.

    `ring` holds the slots of outputs and of exponentials of keys that the step
    attended to; `step` its query, shares and context.
    """
    outputs, keys = ring
    query, shares, context = step
    ones = tf.ones_like(score)
    d_shares = tf.linalg.matvec(outputs * d_context, ones)  # [n, b]
    d_mean = tf.linalg.matvec(context * d_context, ones)  # [b]
    d_scores = shares * (d_shares - d_mean)
    d_query = _over_slots(d_scores, keys, lambda d, k: d * _slope(k, query))
    # A division like that in _slope would be shared, by way of memory.
    d_score = _over_slots(d_scores, keys, lambda d, k: d / (1 + k * query))
    return d_scores, 4 * score * d_query * _unclipped(query), -2 * d_score


def _steps_back(
    turned: tuple,
    kept: tuple,
    slopes: tuple,
    memory: list[tf.Tensor],
    d_made: list[tf.Tensor],
    d_inner: tuple[tf.Tensor, tf.Tensor],
) -> tuple:
    """The loop of `_backward`.

    `kept` is what `_forward` kept from the queries on, `slopes` those of
    `gate_slopes`; `memory` the slots before the first step; `d_made` gradients
    of the outputs and keys made, without what comes through these steps;
    `d_inner` those after the last step of (h, context) side by side, and of c.
    Returns d_inner before the first step, gradients of the score, of contexts
    and scores, and of rows, queries and sums before the gates, `[t, b, ...]`.
    """
    w_step, w_query, w_row, score = turned
    queries, shares, contexts, *made = kept
    num_steps = queries.shape[0]
    shares_by_slot = tf.transpose(shares, [1, 0, 2])  # [n, t, b]

    def body(
        k: tf.Tensor,
        d_joined: tf.Tensor,
        d_c: tf.Tensor,
        d_score: tf.Tensor,
        ring: list,
        later: list,
        arrays: list,
    ) -> tuple:
        t = num_steps - 1 - k
        # Zeros stand where the loop has not come back to yet.
        d_row = _row_gradient(
            score,
            (made[1][t], queries),
            (shares_by_slot[t], later[1][:, t]),
            (later[0], d_made[0][t], d_made[1][t]),
        )
        d_joined += tf.matmul(d_row, w_row)
        d_h, d_context = tf.split(d_joined, 2, axis=-1)
        ring = [
            _replaced(rows, t, old[t])
            for rows, old in zip(ring, memory, strict=True)
        ]
        d_scores, d_query, d_more = _attention_gradient(
            score, ring, (queries[t], shares[t], contexts[t]), d_context
        )
        later = [
            _replaced(rows, t, new)
            for rows, new in zip(later, (d_context, d_scores), strict=True)
        ]
        d_seen = tf.matmul(d_query, w_query)
        d_c_seen, d_h_seen = tf.split(d_seen, 2, axis=-1)
        d_z, d_c = cell_gradient(
            [slope[t] for slope in slopes], d_h + d_h_seen, d_c + d_c_seen
        )
        arrays = _written(arrays, t, (d_row, d_query, d_z))
        d_joined = tf.matmul(d_z, w_step)
        return k + 1, d_joined, d_c, d_score + d_more, ring, later, arrays

    ring = [
        tf.concat([new, old[num_steps:]], axis=0)
        for new, old in zip(made, memory, strict=True)
    ]
    later = [tf.zeros_like(contexts), tf.zeros_like(shares)]
    arrays = _arrays(3, num_steps)
    _, d_joined, d_c, d_score, _, later, arrays = tf.while_loop(
        lambda k, *_: k < num_steps,
        body,
        (0, *d_inner, tf.zeros_like(contexts[0]), ring, later, arrays),
        maximum_iterations=num_steps,
    )
    d_score = tf.reduce_sum(d_score, axis=0)
    return d_joined, d_c, d_score, later, tuple(a.stack() for a in arrays)


def _memory_gradient(
    slopes: tf.Tensor,
    memory: list[tf.Tensor],
    queries: tf.Tensor,
    shares: tf.Tensor,
    later: list[tf.Tensor],
) -> list[tf.Tensor]:
    """What these steps owe to the rows before them: outputs, then keys."""
    d_contexts, d_scores = later
    num_steps, num_slots, _ = shares.shape
    # Slot n holds an old row up to the step that replaces it.
    old = np.triu(np.ones([num_steps, num_slots], np.float32))[:, :, np.newaxis]
    slope = _slope(memory[1], queries[:, tf.newaxis])  # [t, n, b, u]
    return [
        tf.einsum("tnb,tbu->nbu", old * shares, d_contexts),
        slopes * _weighted_sum(old * d_scores, slope),
    ]


def _slots(attention_length: int, blocks: tuple) -> tf.Tensor:
    """The last rows of blocks `[n, b, u]`.

    At least a chunk's steps of them, so that a chunk replaces a slot once.
    """
    num_slots = max(attention_length, chunked.CHUNK_STEPS)
    return tf.concat(blocks, axis=0)[-num_slots:]


def _older(d_slots: tf.Tensor, d_next_blocks: tuple) -> tuple:
    """Gradients of the blocks before a chunk.

    Args:
      d_slots: gradient of what `_slots` made of them.
      d_next_blocks: gradients of the blocks after the chunk; all but the last
        are blocks from before.
    """
    steps = chunked.CHUNK_STEPS
    unread = steps * len(d_next_blocks) - d_slots.shape[0]
    d_rows = tf.pad(d_slots, [[unread, 0], [0, 0], [0, 0]])
    first, *rest = tf.split(d_rows, len(d_next_blocks), axis=0)
    return first, *(
        a + b for a, b in zip(rest, d_next_blocks[:-1], strict=True)
    )


def _unseen(attention_length: int, num_steps: int) -> tf.Tensor:
    """`[t, n, 1]`: huge where slot n holds a row too old for step t."""
    num_slots = max(attention_length, chunked.CHUNK_STEPS)
    t, n = np.ogrid[:num_steps, :num_slots]
    age = t - n + np.where(n < t, 0, num_slots)
    unseen = np.where(age > attention_length, 1e30, 0)
    return tf.constant(unseen[:, :, np.newaxis], tf.float32)


def _exponential(x: tf.Tensor) -> tf.Tensor:
    return tf.exp(2 * tf.clip_by_value(x, -_MAX_EXPONENT, _MAX_EXPONENT))


def _unclipped(exponential: tf.Tensor) -> tf.Tensor:
    """1, or 0 where `_exponential` clipped; it passes no gradient there."""
    # A little inside of the limits, as exp rounds.
    low, high = (np.exp(s * 1.999 * _MAX_EXPONENT) for s in (-1, 1))
    inside = (exponential > low) & (exponential < high)
    return tf.cast(inside, exponential.dtype)


def _ratio(key: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
    """The r of the module docstring, from exponentials."""
    return 1 / (1 + key * query)


def _slope(key: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
    """Minus half of what r changes by, with the key or the query."""
    ratio = _ratio(key, query)
    return ratio * (1 - ratio)


def _over_slots(
    weights: tf.Tensor, keys: tf.Tensor, term: Callable
) -> tf.Tensor:
    """The sum of `term(weight, key)` over all slots `[b, u]`.

    Written out it is one loop over units for XLA, and fast. Where there are
    many slots the program would become long.
    """
    weights = weights[..., tf.newaxis]
    if keys.shape[0] > _MOST_WRITTEN_OUT:
        return tf.reduce_sum(term(weights, keys), axis=0)
    return tf.add_n([*map(term, tf.unstack(weights), tf.unstack(keys))])


def _weighted_sum(weights: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Over the first axis; `rows` have one axis more."""
    return tf.reduce_sum(weights[..., tf.newaxis] * rows, axis=0)


def _before(first: tf.Tensor, rest: tf.Tensor) -> tf.Tensor:
    """What each step found: `first`, then all of `rest` but the last."""
    return tf.concat([first[tf.newaxis], rest[:-1]], axis=0)


def _replaced(rows: tf.Tensor, t: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """`rows` with another row t, which XLA writes in place."""
    array = tf.TensorArray(
        rows.dtype, rows.shape[0], element_shape=rows.shape[1:]
    )
    changed = array.unstack(rows).write(t, row).stack()
    return tf.ensure_shape(changed, rows.shape)


def _arrays(count: int, num_steps: int) -> list[tf.TensorArray]:
    return [tf.TensorArray(tf.float32, num_steps) for _ in range(count)]


def _written(
    arrays: list[tf.TensorArray], t: tf.Tensor, values: tuple
) -> list[tf.TensorArray]:
    return [a.write(t, x) for a, x in zip(arrays, values, strict=True)]
