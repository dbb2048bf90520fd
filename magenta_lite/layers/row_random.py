"""Randomness of rows: a function of the seed and of the row's number alone.

So it makes no difference in which part of a batch, on which device and beside
which other rows a row is computed. A plain stateless operation would fill the
whole tensor from one stream; here each row has its own stretch of that stream.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

_PHILOX = 1  # the default algorithm depends on the device
_PER_COUNT = 4  # 32-bit numbers that Philox makes at each count
_HALF_STEP = 2.0**-25  # of 24-bit fractions


def uniform(
    seed: tf.Tensor,
    first_row: tf.Tensor | int,
    num_rows: tf.Tensor | int,
    shape: Sequence[tf.Tensor | int],
) -> tf.Tensor:
    """Float32 `[num_rows, *shape]` in [0, 1).

    Args:
      seed: int32 `[2]`.
      first_row: the number of the first row; the others follow it. See
        `magenta_lite.batch.first_row`.
      num_rows: how many.
      shape: of one row; the same row has the same numbers only in the same
        shape.
    """
    bits = _bits(seed, first_row, num_rows, shape)
    # By hand, as TensorFlow's own way from bits to floats differs under XLA.
    return (
        tf.cast(
            tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32
        )
        / 2**24
    )


def normal(
    seed: tf.Tensor,
    first_row: tf.Tensor | int,
    num_rows: tf.Tensor | int,
    shape: Sequence[tf.Tensor | int],
) -> tf.Tensor:
    """Float32 `[num_rows, *shape]` of mean 0 and deviation 1; see `uniform`."""
    shares = uniform(seed, first_row, num_rows, shape)
    return tf.math.ndtri(tf.minimum(shares + _HALF_STEP, 1 - 2 * _HALF_STEP))


def dropout(
    x: tf.Tensor,
    rate: float,
    seed: tf.Tensor,
    first_row: tf.Tensor | int,
    row_axis: int = 0,
    num_cut: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Sets a share of values to 0 and scales up the others.

    Args:
      x: of any float type; of a row, one axis or more.
      rate: the share, in [0, 1).
      seed: int32 `[2]`; every call needs another one.
      first_row: see `uniform`.
      row_axis: 0, or 1 where `x` is `[time, batch, ...]`.
      num_cut: by how much the first axis of a row is shorter than in other
        parts of the batch.
    """
    sizes = tf.unstack(tf.shape(x))
    num_rows = sizes.pop(row_axis)
    drawn = [sizes[0] + num_cut, *sizes[1:]]
    bits = _bits(seed, first_row, num_rows, drawn)[:, : sizes[0]]
    keep = bits >= tf.constant(int(rate * 2**32), tf.uint32)
    if row_axis:
        keep = tf.transpose(keep, [1, 0, *range(2, x.shape.rank)])
    return tf.where(keep, x / (1 - rate), tf.zeros_like(x))


def _bits(
    seed: tf.Tensor,
    first_row: tf.Tensor | int,
    num_rows: tf.Tensor | int,
    shape: Sequence[tf.Tensor | int],
) -> tf.Tensor:
    """uint32 `[num_rows, *shape]`: Philox, counting on from row to row."""
    # Philox keeps near keys apart, and TensorFlow's own way from seed to key
    # is another one under XLA.
    key = tf.bitcast(tf.cast(seed, tf.int32), tf.uint64)
    size = tf.reduce_prod(tf.stack([tf.constant(1), *shape]))
    counts = -(-size // _PER_COUNT)
    skipped = tf.cast(first_row, tf.int64) * tf.cast(counts, tf.int64)
    counter = tf.stack([tf.cast(skipped, tf.uint64), tf.constant(0, tf.uint64)])
    numbers = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[num_rows, counts * _PER_COUNT],
        key=key[tf.newaxis],
        counter=counter,
        alg=_PHILOX,
        dtype=tf.uint32,
    )
    return tf.reshape(numbers[:, :size], [num_rows, *shape])
