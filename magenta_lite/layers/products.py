"""Products over all steps at once, also with one-hot vectors.

A product with a one-hot vector is a row of the other factor, which is looked
up. So data may be compact: in place of the one-hots that they begin with they
have the classes' numbers, one each.
"""

from __future__ import annotations

import tensorflow as tf


def on_rows(sequence: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """`[time, batch, depth]` times `[depth, n]` as one product."""
    shape = tf.shape(sequence)
    product = tf.matmul(tf.reshape(sequence, [-1, sequence.shape[-1]]), matrix)
    return tf.reshape(product, [shape[0], shape[1], matrix.shape[-1]])


def over_rows(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Sum over time and batch of the outer products of rows."""
    return tf.einsum("tbi,tbj->ij", a, b)


def expanded(compact: tf.Tensor, sizes: tuple[int, ...]) -> tf.Tensor:
    """The vectors that compact ones stand for.

    Args:
      compact: float32 `[..., len(sizes) + rest]`.
      sizes: of the one-hots.

    Returns:
      float32 `[..., sum(sizes) + rest]`.
    """
    classes, rest = _parts(compact, len(sizes))
    one_hots = [
        tf.one_hot(c, size) for c, size in zip(classes, sizes, strict=True)
    ]
    return tf.concat([*one_hots, rest], axis=-1)


def compact_on_rows(
    compact: tf.Tensor, sizes: tuple[int, ...], matrix: tf.Tensor
) -> tf.Tensor:
    """`on_rows` of what compact vectors `[time, batch, ...]` stand for."""
    classes, rest = _parts(compact, len(sizes))
    *blocks, last = _blocks(matrix, sizes)
    return tf.add_n(
        [on_rows(rest, last)]
        + [tf.gather(m, c) for m, c in zip(blocks, classes, strict=True)]
    )


def compact_over_rows(
    compact: tf.Tensor, sizes: tuple[int, ...], b: tf.Tensor
) -> tf.Tensor:
    """`over_rows` of what compact vectors `[time, batch, ...]` stand for."""
    classes, rest = _parts(compact, len(sizes))
    sums = [
        tf.math.unsorted_segment_sum(b, c, size)
        for c, size in zip(classes, sizes, strict=True)
    ]
    return tf.concat([*sums, over_rows(rest, b)], axis=0)


def _parts(compact: tf.Tensor, count: int) -> tuple[list[tf.Tensor], tf.Tensor]:
    """The classes int32 `[...]` of each one-hot, and the rest."""
    classes = tf.cast(compact[..., :count], tf.int32)
    return tf.unstack(classes, count, axis=-1), compact[..., count:]


def _blocks(matrix: tf.Tensor, sizes: tuple[int, ...]) -> list[tf.Tensor]:
    """The rows for each one-hot, and those for the rest."""
    return tf.split(matrix, [*sizes, matrix.shape[0] - sum(sizes)])
