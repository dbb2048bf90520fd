import numpy as np
import pytest
import tensorflow as tf

from magenta_lite import batch as batches
from magenta_lite.layers import row_random

SEED = tf.constant([5, 9], tf.int32)


@pytest.mark.parametrize("draw", [row_random.uniform, row_random.normal])
@pytest.mark.parametrize(
    "shape, jit_compile", [((3, 4), False), ((7,), True), ((), False)]
)
def test_rows_are_the_same_in_every_part(draw, shape, jit_compile):
    def function(first, count):
        return draw(SEED, first, count, shape)

    whole = function(0, 10).numpy()
    assert whole.shape == (10, *shape)
    assert len(np.unique(whole)) == whole.size
    for first, count in ((0, 3), (3, 4), (9, 1)):
        part = tf.function(
            lambda f, n=count: function(f, n), jit_compile=jit_compile
        )(tf.constant(first))
        np.testing.assert_allclose(part, whole[first : first + count], 1e-5)


def test_numbers_are_distributed_as_promised():
    uniform = row_random.uniform(SEED, 0, 100, (1000,)).numpy()
    assert uniform.min() >= 0 and uniform.max() < 1
    assert uniform.mean() == pytest.approx(0.5, abs=0.005)
    normal = row_random.normal(SEED, 0, 100, (1000,)).numpy()
    assert normal.mean() == pytest.approx(0, abs=0.01)
    assert normal.std() == pytest.approx(1, abs=0.01)


def test_dropout_drops_the_share_and_keeps_the_mean():
    x = tf.ones([200, 50, 10])
    dropped = row_random.dropout(x, 0.2, SEED, 0).numpy()
    assert set(np.unique(dropped)) == {0, np.float32(1.25)}
    assert dropped.mean() == pytest.approx(1, abs=0.01)


def test_dropout_of_time_major_rows_is_that_of_rows():
    x = tf.ones([6, 5, 3])  # [b, t, d]
    expected = row_random.dropout(x, 0.5, SEED, 0)
    for first, last in ((0, 6), (2, 5)):
        part = tf.transpose(x[first:last], [1, 0, 2])
        dropped = row_random.dropout(part, 0.5, SEED, first, row_axis=1)
        np.testing.assert_array_equal(
            tf.transpose(dropped, [1, 0, 2]), expected[first:last]
        )


def batch_of(lengths):
    return {
        batches.EVENTS: tf.constant([[n] * 3 for n in lengths]),
        batches.LENGTHS: tf.constant(lengths),
        batches.STEPS: tf.constant(lengths) - 1,
    }


def test_parts_of_a_batch_hold_each_row_once():
    batch = batch_of([3, 2, 3, 1, 2])
    parts = [batches.take_part(batch, i, 2) for i in range(3)]
    assert [p[batches.LENGTHS].numpy().tolist() for p in parts] == [
        [3, 2],
        [3, 1],
        [2, 0],
    ]
    assert [p[batches.STEPS].numpy().tolist() for p in parts] == [
        [2, 1],
        [2, 0],
        [1, 0],
    ]
    assert parts[1][batches.EVENTS].numpy().tolist() == [[3] * 3, [1] * 3]
    assert [int(batches.first_row(p)) for p in parts] == [0, 2, 4]


def test_parts_of_parts_know_their_place_in_the_whole():
    part = batches.take_part(batch_of([3, 2, 3, 1, 2]), 1, 3)
    assert int(batches.first_row(part)) == 3
    inner = batches.take_part(part, 1, 1)
    assert int(batches.first_row(inner)) == 4
    assert inner[batches.LENGTHS].numpy().tolist() == [2]


def test_a_part_loses_the_padding_behind_its_longest_row():
    part = batches.take_part(batch_of([1, 2, 3, 3]), 0, 2)
    trimmed = batches.trim(part)
    assert trimmed[batches.EVENTS].shape == [2, 2]
    assert (int(batches.num_cut(part)), int(batches.num_cut(trimmed))) == (0, 1)


def test_a_part_without_events_keeps_two_of_padding():
    part = batches.take_part(batch_of([0, 0, 4]), 0, 2)
    assert batches.trim(part)[batches.EVENTS].shape == [2, 2]


def test_what_was_cut_off_does_not_change_what_is_dropped():
    x = tf.ones([7, 3, 5])
    seed = tf.constant([1, 2])
    whole = row_random.dropout(x, 0.5, seed, 4, row_axis=1)
    part = row_random.dropout(x[:4, 1:], 0.5, seed, 5, row_axis=1, num_cut=3)
    np.testing.assert_array_equal(part, whole[:4, 1:])
