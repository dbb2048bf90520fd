import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from performance_toy import ToyGridCodec, ToyPerformanceCodec
from toy_codec import LongEventsCodec, PairCodec, dataset_of_lengths

from magenta_lite import batch
from magenta_lite.data import cache_files, pipeline
from magenta_lite.data.augmentation import RandomCrop, RandomTranspose
from magenta_lite.data.event_cache import build_event_cache
from magenta_lite.data.note_augmentation import (
    RandomNoteDropout,
    RandomVelocity,
)
from magenta_lite.data.time_augmentation import RandomDelay, RandomTimeStretch

# The first event of example i is i + 1: rows can be told apart.
_CODEC = ToyGridCodec(pitches=300)
_AUGMENTATIONS = (
    RandomTranspose((-2, -1, 0, 1, 2)),
    RandomCrop(),
    RandomTimeStretch((1, 2), max_events=40),
    RandomDelay(3),
    RandomNoteDropout(0.2),
)


@pytest.fixture(scope="module")
def make_cache(tmp_path_factory):
    """Builds caches; the same lengths and shard size give the same one."""

    @functools.cache
    def make(lengths, shard_values=10**6, codec=_CODEC):
        folder = tmp_path_factory.mktemp("cache")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cache_files, "MAX_SHARD_VALUES", shard_values)
            dataset = dataset_of_lengths(lengths, codec.pitches)
            return build_event_cache(dataset, "train", codec, folder)

    return make


def _lengths(size, low=2, high=30, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(low, high, size).tolist())


def _take(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def _rows(batches):
    """The rows of batches without their padding."""
    return [
        tuple(events[:length].tolist())
        for element in batches
        for events, length in zip(
            element[batch.EVENTS], element[batch.LENGTHS], strict=True
        )
        if length
    ]


def _examples(cache):
    return [tuple(events.tolist()) for events in cache.examples()]


def _assert_equal(left, right):
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


@settings(max_examples=8, deadline=None)
@given(
    size=st.integers(1, 60),
    batch_size=st.integers(1, 24),
    shard_values=st.sampled_from([40, 250, 10**6]),
    seed=st.integers(0, 2**40),
)
def test_every_example_comes_once_per_epoch(
    make_cache, size, batch_size, shard_values, seed
):
    cache = make_cache(_lengths(size), shard_values)
    per_epoch = pipeline.batches_per_epoch(cache, batch_size)
    dataset = pipeline.train_batches(cache, _CODEC, batch_size, seed)
    batches = _take(dataset, 2 * per_epoch)
    for epoch in (batches[:per_epoch], batches[per_epoch:]):
        assert sorted(_rows(epoch)) == sorted(_examples(cache))
    assert max(len(b[batch.LENGTHS]) for b in batches) <= batch_size


@pytest.fixture(scope="module")
def make_run(make_cache):
    """A pipeline with everything on, and its first batches."""

    @functools.cache
    def make(shard_values, max_events, static_shapes):
        dataset = functools.partial(
            pipeline.train_batches,
            make_cache(_lengths(30), shard_values),
            _CODEC,
            batch_size=4,
            seed=5,
            augmentations=_AUGMENTATIONS,
            max_events=max_events,
            static_shapes=static_shapes,
        )
        return dataset, _take(dataset(), 30)

    return make


@settings(max_examples=5, deadline=None)
@given(
    start_step=st.integers(0, 27),
    options=st.sampled_from([(100, None, False), (10**6, 12, True)]),
)
def test_start_step_continues_the_run(make_run, start_step, options):
    dataset, whole_run = make_run(*options)
    resumed = _take(dataset(start_step=start_step), 3)
    _assert_equal(whole_run[start_step : start_step + 3], resumed)


def test_far_start_step_reads_only_what_it_needs(make_cache):
    cache = make_cache(_lengths(30), 100)
    dataset = pipeline.train_batches(
        cache, _CODEC, 4, seed=5, start_step=1_000_000_000
    )
    assert len(_take(dataset, 2)) == 2


def test_order_depends_on_epoch_and_seed(make_cache):
    cache = make_cache(_lengths(60), 250)
    per_epoch = pipeline.batches_per_epoch(cache, 8)
    orders = set()
    for seed in (0, 1, 2**31):
        dataset = pipeline.train_batches(cache, _CODEC, 8, seed)
        batches = _take(dataset, 2 * per_epoch)
        orders.add(tuple(_rows(batches[:per_epoch])))
        orders.add(tuple(_rows(batches[per_epoch:])))
    assert len(orders) == 6


def test_corpus_smaller_than_a_batch(make_cache):
    cache = make_cache((4, 3, 5))
    assert pipeline.batches_per_epoch(cache, 128) == 1
    batches = _take(pipeline.train_batches(cache, _CODEC, 128, seed=0), 3)
    for element in batches:
        assert sorted(element[batch.LENGTHS]) == [3, 4, 5]
        assert element[batch.EVENTS].shape == (3, 5)


def test_batches_are_even(make_cache):
    cache = make_cache(_lengths(33))
    dataset = pipeline.train_batches(cache, _CODEC, 16, seed=0)
    sizes = [len(b[batch.LENGTHS]) for b in _take(dataset, 3)]
    assert sizes == [11, 11, 11]


def test_padding_costs_less_than_a_tenth(tmp_path):
    # Like folk tunes: 64 to 511 events, about 250 on average.
    rng = np.random.default_rng(1)
    lengths = np.clip(rng.gamma(4, 62, 3000), 64, 511).astype(int)
    writer = cache_files.CacheWriter(tmp_path, np.dtype("u1"), (), 10**6)
    writer.write([np.ones([length]) for length in lengths])
    writer.finish({})
    cache = cache_files.open_cache(tmp_path, {})
    dataset = pipeline.train_batches(cache, _CODEC, 128, seed=0)
    per_epoch = pipeline.batches_per_epoch(cache, 128)
    batches = _take(dataset, per_epoch)
    computed = sum(element[batch.EVENTS].size for element in batches)
    assert 0.9 < cache.total_events / computed < 1


def test_long_examples_are_cropped_to_random_windows(make_cache):
    cache = make_cache((5, 30, 30, 30))
    dataset = pipeline.train_batches(cache, _CODEC, 2, seed=0, max_events=10)
    rows = _rows(_take(dataset, 40))
    assert sorted({len(row) for row in rows}) == [5, 10]
    starts = {row[0] for row in rows if row[0] < 30 and len(row) == 10}
    assert len(starts) > 10
    assert min(starts) >= 2
    assert all(row == tuple(range(row[0], row[0] + len(row))) for row in rows)


def test_static_shapes(make_cache):
    cache = make_cache((5, 9, 12, 12, 12))
    dataset = pipeline.train_batches(
        cache, _CODEC, 4, seed=0, static_shapes=True
    )
    assert dataset.element_spec == batch.spec(4, 12)
    batches = _take(dataset, 2)
    assert sorted(_rows(batches)) == sorted(_examples(cache))
    assert sorted(sum((b[batch.STEPS].tolist() for b in batches), [])) == [
        0, 0, 0, 4, 8, 11, 11, 11,
    ]  # fmt: skip
    for element in batches:
        real = np.arange(12) < element[batch.LENGTHS][:, None]
        assert (element[batch.EVENTS][~real] == _CODEC.pad).all()


def test_stretched_rows_stay_within_max_events(make_cache):
    cache = make_cache((9, 10))
    dataset = pipeline.train_batches(
        cache,
        _CODEC,
        2,
        seed=0,
        augmentations=(RandomTimeStretch((3,)),),
        max_events=10,
        static_shapes=True,
    )
    (element,) = _take(dataset, 1)
    assert element[batch.LENGTHS].tolist() == [10, 10]
    assert element[batch.EVENTS].shape == (2, 10)


def test_performance_augmentations_keep_static_shapes(make_cache):
    codec = ToyPerformanceCodec()
    cache = make_cache((9, 12, 14, 10), codec=codec)
    augmentations = (
        RandomTimeStretch((0.5, 3.0)),
        RandomVelocity(),
        RandomNoteDropout(0.3),
        RandomDelay(5),
    )
    options = {"max_events": 11, "static_shapes": True}
    dataset = pipeline.train_batches(
        cache, codec, 3, 0, augmentations=augmentations, **options
    )
    assert dataset.element_spec == batch.spec(3, 11)
    for element in _take(dataset, 4):
        real = np.arange(11) < element[batch.LENGTHS][:, None]
        assert (element[batch.EVENTS][~real] == codec.pad).all()
        assert element[batch.EVENTS].max() < codec.num_events
        assert element[batch.LENGTHS].max() <= 11


def test_element_spec_is_the_contract(make_cache):
    cache = make_cache((5, 6))
    for dataset in (
        pipeline.train_batches(
            cache, _CODEC, 2, 0, augmentations=_AUGMENTATIONS
        ),
        pipeline.eval_batches(cache, _CODEC, 2),
    ):
        contract = batch.spec()
        assert set(dataset.element_spec) == set(contract)
        for name, spec in contract.items():
            assert spec.is_compatible_with(dataset.element_spec[name])
    assert dataset.cardinality() == 1


def test_steps_count_events_from_the_second_on(make_cache):
    codec = LongEventsCodec(pitches=9)
    cache = make_cache((3, 2), codec=codec)  # [1, 2, 3] and [2, 3]
    (element,) = pipeline.eval_batches(cache, codec, 2).as_numpy_iterator()
    assert element[batch.EVENTS].tolist() == [[2, 3, 0], [1, 2, 3]]
    assert element[batch.STEPS].tolist() == [3, 5]


@settings(max_examples=8, deadline=None)
@given(
    size=st.integers(1, 40),
    batch_size=st.integers(1, 20),
    shard_values=st.sampled_from([40, 10**6]),
    max_events=st.sampled_from([None, 2, 7, 100]),
    bucketed=st.booleans(),
)
def test_evaluation_predicts_every_event_once(
    make_cache, size, batch_size, shard_values, max_events, bucketed
):
    cache = make_cache(_lengths(size), shard_values)
    dataset = pipeline.eval_batches(
        cache, _CODEC, batch_size, max_events, bucketed=bucketed
    )
    batches = list(dataset.as_numpy_iterator())
    assert dataset.cardinality() == len(batches)
    rows = _rows(batches)
    # A transition from one event to the next is a prediction.
    seen = sorted(pair for row in rows for pair in itertools.pairwise(row))
    wanted = sorted(
        pair
        for example in _examples(cache)
        for pair in itertools.pairwise(example)
    )
    assert seen == wanted
    if max_events:
        assert max(map(len, rows)) <= max_events


def test_evaluation_keeps_the_order_of_the_cache_if_not_bucketed(make_cache):
    cache = make_cache(_lengths(40), 100)
    dataset = pipeline.eval_batches(cache, _CODEC, 7, bucketed=False)
    assert _rows(dataset.as_numpy_iterator()) == _examples(cache)
    static = pipeline.eval_batches(
        cache, _CODEC, 7, max_events=40, static_shapes=True, bucketed=False
    )
    assert _rows(static.as_numpy_iterator()) == _examples(cache)
    assert static.element_spec == batch.spec(7, 40)


def test_vector_events(make_cache):
    codec = PairCodec(pitches=300)
    cache = make_cache(_lengths(10), 60, codec)
    dataset = pipeline.train_batches(
        cache,
        codec,
        4,
        seed=0,
        augmentations=(RandomTranspose((0,)), RandomCrop(probability=0.0)),
        static_shapes=True,
    )
    count = pipeline.batches_per_epoch(cache, 4)
    batches = _take(dataset, count)
    assert batches[0][batch.EVENTS].shape == (4, cache.max_length, 2)
    rows = sorted(
        events[:length].tolist()
        for element in batches
        for events, length in zip(
            element[batch.EVENTS], element[batch.LENGTHS], strict=True
        )
        if length
    )
    assert rows == sorted(events.tolist() for events in cache.examples())


def test_no_python_in_the_pipeline(make_cache):
    dataset = pipeline.train_batches(
        make_cache((5, 6)),
        _CODEC,
        2,
        seed=0,
        augmentations=_AUGMENTATIONS,
        max_events=4,
    )
    graph = tf.raw_ops.DatasetToGraphV2(input_dataset=dataset._variant_tensor)
    assert b"StatelessRandom" in graph.numpy()
    assert b"PyFunc" not in graph.numpy()


@pytest.mark.parametrize(
    "codec, batch_size, max_events, message",
    [
        (_CODEC, 0, None, "batch_size"),
        (_CODEC, 2, 1, "max_events"),
        (PairCodec(), 2, None, "PairCodec"),
    ],
)
def test_impossible_arguments(
    make_cache, codec, batch_size, max_events, message
):
    cache = make_cache((5, 6))
    with pytest.raises(ValueError, match=message):
        pipeline.train_batches(
            cache, codec, batch_size, 0, max_events=max_events
        )
    with pytest.raises(ValueError, match=message):
        pipeline.eval_batches(cache, codec, batch_size, max_events)
