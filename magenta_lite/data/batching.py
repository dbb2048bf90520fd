"""Rows of a batch out of a shard's events, in the graph.

Letters in comments: n examples of a shard, v events of a shard, b rows of a
batch, t events of the longest row.
"""

from __future__ import annotations

import tensorflow as tf

LENGTH_JITTER = 0.04
"""How far a length is shaken before examples are sorted by it, in shares of
the length: rows find new neighbours in every epoch, and padding stays low."""

_ALGORITHM = "philox"  # the default one depends on the device


def derive_seed(seed: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """A new int32 `[2]` seed for each `number`, e.g. an epoch or a purpose."""
    number = tf.cast(number, tf.int32)
    return tf.random.experimental.stateless_fold_in(
        seed, number, alg=_ALGORITHM
    )


def permutation(seed: tf.Tensor, size: tf.Tensor | int) -> tf.Tensor:
    """The numbers 0 to `size` - 1 in an order that `seed` fixes: int32."""
    keys = tf.random.stateless_uniform(
        [size], seed, None, None, tf.int32, alg=_ALGORITHM
    )
    return tf.argsort(keys, stable=True)


def uniform(seed: tf.Tensor, size: tf.Tensor | int) -> tf.Tensor:
    """Float32 `[size]` in [0, 1) that `seed` fixes."""
    return tf.random.stateless_uniform([size], seed, alg=_ALGORITHM)


def bucketed_order(lengths: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """An order in which examples of about the same length are neighbours.

    Args:
      lengths: int32 `[n]`.
      seed: int32 `[2]`.

    Returns:
      int32 `[n]` indices, shortest first, shaken by `LENGTH_JITTER`.
    """
    noise = (2 * uniform(seed, tf.size(lengths)) - 1) * LENGTH_JITTER
    return tf.argsort(tf.cast(lengths, tf.float32) * (1 + noise), stable=True)


def chunk_bounds(
    number: tf.Tensor, num_chunks: tf.Tensor, size: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Where a chunk starts and ends if `size` rows are cut evenly.

    Chunks differ by one row at most, so that no step of training sees a
    batch of a few rows.

    Args:
      number: int64, which chunk.
      num_chunks: int64, how many there are.
      size: rows in all.
    """
    size = tf.cast(size, tf.int64)
    start = number * size // num_chunks
    end = (number + 1) * size // num_chunks
    return tf.cast(start, tf.int32), tf.cast(end, tf.int32)


def random_window_starts(
    lengths: tf.Tensor, max_events: int, seed: tf.Tensor
) -> tf.Tensor:
    """Where a window of at most `max_events` starts in each example.

    Args:
      lengths: int32 `[n]`.
      max_events: length of the window; shorter examples start at 0.
      seed: int32 `[2]`.

    Returns:
      int32 `[n]`, uniform over all windows inside the example.
    """
    choices = tf.maximum(lengths - max_events, 0) + 1  # [n]
    shares = uniform(seed, tf.size(lengths))
    starts = tf.cast(shares * tf.cast(choices, tf.float32), tf.int32)
    return tf.minimum(starts, choices - 1)  # float32 may round up


def num_windows(lengths: tf.Tensor, max_events: int) -> tf.Tensor:
    """How many windows `all_windows` makes of each example; also NumPy."""
    return (lengths - 2) // (max_events - 1) + 1


def all_windows(
    lengths: tf.Tensor, max_events: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Cuts examples into windows that miss no prediction.

    A model never predicts the first event of a window, so each window starts
    with the last event of the one before: every event but an example's first
    is predicted once.

    Args:
      lengths: int32 `[n]`, each at least 2.
      max_events: longest window, at least 2.

    Returns:
      For each window its example, its start in the example, and its length:
      int32 `[num_windows]` each, in order.
    """
    counts = num_windows(lengths, max_events)  # [n]
    examples = tf.repeat(tf.range(tf.size(lengths)), counts)
    before = tf.cumsum(counts, exclusive=True)
    inside = tf.range(tf.size(examples)) - tf.gather(before, examples)
    starts = inside * (max_events - 1)
    left = tf.gather(lengths, examples) - starts
    return examples, starts, tf.minimum(left, max_events)


def gather_rows(
    values: tf.Tensor, starts: tf.Tensor, lengths: tf.Tensor, pad: int
) -> tf.Tensor:
    """Cuts rows out of a shard and pads them to the longest.

    Args:
      values: `[v, *event_shape]`, any integer type.
      starts: int32 `[b]`, where in `values` each row starts.
      lengths: int32 `[b]`.
      pad: the event behind the end of a row.

    Returns:
      int32 `[b, t, *event_shape]`.
    """
    places = tf.range(tf.reduce_max(lengths))  # [t]
    last = tf.shape(values)[0] - 1
    indices = tf.minimum(starts[:, None] + places, last)  # [b, t]
    rows = tf.cast(tf.gather(values, indices), tf.int32)
    return pad_rows(rows, lengths, pad)


def real_positions(events: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Which positions lie within their rows.

    Args:
      events: `[b, t, *event_shape]`.
      lengths: int32 `[b]`.

    Returns:
      bool `[b, t]`, with an axis of size 1 for each of `event_shape`.
    """
    real = tf.sequence_mask(lengths, tf.shape(events)[1])  # [b, t]
    for _ in range(events.shape.rank - 2):
        real = real[..., None]
    return real


def pad_rows(events: tf.Tensor, lengths: tf.Tensor, pad: int) -> tf.Tensor:
    """Writes `pad` behind the end of every row `[b, t, *event_shape]`."""
    return tf.where(real_positions(events, lengths), events, pad)


def fill_up(
    events: tf.Tensor,
    lengths: tf.Tensor,
    batch_size: int,
    max_events: int,
    pad: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pads a batch to a fixed shape; rows that it adds have length 0.

    Args:
      events: int32 `[b, t, *event_shape]` with b at most `batch_size` and t
        at most `max_events`.
      lengths: int32 `[b]`.
      batch_size: rows of the result.
      max_events: events of the result.
      pad: the event to fill with.

    Returns:
      int32 `[batch_size, max_events, *event_shape]`, int32 `[batch_size]`.
    """
    rows = batch_size - tf.shape(events)[0]
    places = max_events - tf.shape(events)[1]
    event_shape = events.shape[2:]
    paddings = [[0, rows], [0, places], *([[0, 0]] * len(event_shape))]
    events = tf.pad(events, paddings, constant_values=pad)
    lengths = tf.pad(lengths, [[0, rows]])
    return (
        tf.ensure_shape(events, [batch_size, max_events, *event_shape]),
        tf.ensure_shape(lengths, [batch_size]),
    )


def count_steps(
    events: tf.Tensor, lengths: tf.Tensor, steps_table: tf.Tensor
) -> tf.Tensor:
    """Time steps that events 1 and later of each row last.

    Args:
      events: int32 `[b, t, *event_shape]`.
      lengths: int32 `[b]`.
      steps_table: int32 `[num_events]`, or `[fields, num_events]` where
        events are vectors: see `Codec.steps_table`.

    Returns:
      int32 `[b]`.
    """
    codes = value_codes(events[:, 1:], steps_table.shape[-1])
    steps = tf.gather(tf.reshape(steps_table, [-1]), codes)
    if events.shape.rank > 2:
        steps = tf.reduce_sum(steps, axis=-1)  # [b, t - 1]
    real = tf.sequence_mask(lengths - 1, tf.shape(steps)[1])
    return tf.reduce_sum(tf.where(real, steps, 0), axis=1)


def value_codes(events: tf.Tensor, num_values: int) -> tf.Tensor:
    """Where a value lies in a flattened table `[fields, num_values]`.

    Args:
      events: int32 `[b, t]` or `[b, t, fields]`.
      num_values: values of a field.

    Returns:
      int32 of the same shape; plain events themselves.
    """
    if events.shape.rank == 2:
        return events
    return events + tf.range(events.shape[-1]) * num_values
