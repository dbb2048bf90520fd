import numpy as np
import pytest
import tensorflow as tf
from both_ways import run_both_ways
from hypothesis import given, settings
from hypothesis import strategies as st

from magenta_lite.data import batching

_SEED = np.array([3, 4], np.int32)


def _int32(values):
    return np.array(values, np.int32)


def test_permutation_holds_every_number_once():
    order = run_both_ways(lambda seed: batching.permutation(seed, 100), _SEED)
    assert sorted(order) == list(range(100))
    assert order.tolist() != list(range(100))
    other = batching.permutation(tf.constant([3, 5]), 100).numpy()
    assert order.tolist() != other.tolist()


def test_derived_seeds_differ():
    seeds = {
        tuple(
            run_both_ways(
                lambda seed, number=number: batching.derive_seed(seed, number),
                _SEED,
            )
        )
        for number in range(10)
    }
    assert len(seeds) == 10


def test_bucketed_order_is_sorted_up_to_the_jitter():
    lengths = _int32(np.random.default_rng(0).integers(2, 512, 1000))
    order = run_both_ways(batching.bucketed_order, lengths, _SEED)
    assert sorted(order) == list(range(1000))
    in_order = lengths[order].astype(float)
    jitter = batching.LENGTH_JITTER
    highest_so_far = np.maximum.accumulate(in_order)
    assert (
        in_order * (1 + jitter) >= highest_so_far * (1 - jitter) - 1e-3
    ).all()
    # Equal lengths come in another order with another seed.
    other = batching.bucketed_order(lengths, tf.constant([3, 5])).numpy()
    assert order.tolist() != other.tolist()


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 500), batch_size=st.integers(1, 130))
def test_chunks_are_even_and_complete(size, batch_size):
    count = -(-size // batch_size)
    numbers = np.arange(count, dtype=np.int64)
    starts, ends = (
        bound.numpy() for bound in batching.chunk_bounds(numbers, count, size)
    )
    assert starts[0] == 0
    assert ends[-1] == size
    assert (starts[1:] == ends[:-1]).all()
    sizes = ends - starts
    assert sizes.max() <= batch_size
    assert sizes.max() - sizes.min() <= 1


def test_random_windows_reach_every_place():
    lengths = _int32([3, 10] + [12] * 500)
    starts = run_both_ways(
        lambda n, seed: batching.random_window_starts(n, 10, seed),
        lengths,
        _SEED,
    )
    assert starts[:2].tolist() == [0, 0]
    counts = np.bincount(starts[2:])
    assert len(counts) == 3
    assert counts.min() > 120


def test_all_windows_by_hand():
    examples, starts, lengths = run_both_ways(
        lambda n: batching.all_windows(n, 3), _int32([2, 7, 4, 3])
    )
    assert examples.tolist() == [0, 1, 1, 1, 2, 2, 3]
    assert starts.tolist() == [0, 0, 2, 4, 0, 2, 0]
    assert lengths.tolist() == [2, 3, 3, 3, 3, 2, 3]


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 40), min_size=1, max_size=8),
    max_events=st.integers(2, 20),
)
def test_all_windows_predict_every_event_once(lengths, max_events):
    windows = batching.all_windows(tf.constant(lengths, tf.int32), max_events)
    predicted = [
        (example, start + i)
        for example, start, length in zip(
            *(w.numpy().tolist() for w in windows), strict=True
        )
        for i in range(1, length)
    ]
    assert max(windows[2].numpy()) <= max_events
    assert predicted == [
        (example, place)
        for example, length in enumerate(lengths)
        for place in range(1, length)
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_gather_rows_by_hand(dtype):
    rows = run_both_ways(
        lambda v, s, n: batching.gather_rows(v, s, n, pad=7),
        np.arange(10, 16).astype(dtype),
        _int32([4, 0]),
        _int32([2, 3]),
    )
    assert rows.dtype == np.int32
    assert rows.tolist() == [[14, 15, 7], [10, 11, 12]]


def test_gather_rows_of_vectors():
    rows = batching.gather_rows(
        tf.constant([[1, 2], [3, 4], [5, 6]], tf.uint8),
        tf.constant([2, 0]),
        tf.constant([1, 2]),
        pad=0,
    )
    assert rows.numpy().tolist() == [[[5, 6], [0, 0]], [[1, 2], [3, 4]]]


def test_fill_up_by_hand():
    events, lengths = run_both_ways(
        lambda e, n: batching.fill_up(e, n, 3, 4, pad=9),
        _int32([[1, 2], [3, 9]]),
        _int32([2, 1]),
    )
    assert events.tolist() == [[1, 2, 9, 9], [3, 9, 9, 9], [9, 9, 9, 9]]
    assert lengths.tolist() == [2, 1, 0]


def test_count_steps_by_hand():
    steps = run_both_ways(
        batching.count_steps,
        _int32([[1, 2, 3], [3, 3, 0], [2, 0, 0], [0, 0, 0]]),
        _int32([3, 2, 1, 0]),
        _int32([5, 10, 20, 30]),
    )
    assert steps.tolist() == [50, 30, 0, 0]
