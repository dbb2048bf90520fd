"""Compact products beside those of the vectors that they stand for."""

import numpy as np
import pytest
import tensorflow as tf

from magenta_lite.layers import products

_NUM_STEPS, _NUM_ROWS = 5, 3


def _compact(sizes, rest):
    rng = np.random.default_rng(0)
    shape = (_NUM_STEPS, _NUM_ROWS)
    classes = [rng.integers(0, size, shape) for size in sizes]
    columns = [*classes, *rng.normal(size=(rest, *shape))]
    return tf.constant(np.stack(columns, axis=-1), tf.float32)


@pytest.mark.parametrize("sizes, rest", [((), 4), ((6,), 0), ((2, 7), 3)])
def test_compact_products_equal_those_of_vectors(sizes, rest):
    compact = _compact(sizes, rest)
    vectors = products.expanded(compact, sizes)
    rng = np.random.default_rng(1)
    matrix = tf.constant(rng.normal(size=(sum(sizes) + rest, 8)), tf.float32)
    other = tf.constant(rng.normal(size=(_NUM_STEPS, _NUM_ROWS, 8)), tf.float32)
    np.testing.assert_allclose(
        products.compact_on_rows(compact, sizes, matrix),
        products.on_rows(vectors, matrix),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        products.compact_over_rows(compact, sizes, other),
        products.over_rows(vectors, other),
        atol=1e-5,
    )


def test_one_hots_come_first_in_their_order():
    np.testing.assert_array_equal(
        products.expanded(tf.constant([[1.0, 2, 0.5]]), (2, 3)),
        [[0, 1, 0, 0, 1, 0.5]],
    )
