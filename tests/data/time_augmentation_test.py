import numpy as np
import pytest
import tensorflow as tf
from both_ways import run_both_ways
from hypothesis import given, settings
from hypothesis import strategies as st
from performance_toy import (
    PAD,
    ToyGridCodec,
    ToyPerformanceCodec,
    off,
    on,
    shift,
)
from toy_codec import PairCodec, ToyCodec

from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.codecs.performance import PerformanceCodec
from magenta_lite.data.time_augmentation import RandomDelay, RandomTimeStretch
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

_PERFORMANCE, _GRID = ToyPerformanceCodec(), ToyGridCodec()


def _apply(augmentation, events, lengths, seed=0, codec=_PERFORMANCE):
    function = augmentation.bind(codec)
    args = [
        tf.constant(value, tf.int32) for value in (events, lengths, [seed, 1])
    ]
    if seed:  # tracing is slow: once per augmentation and test is enough
        events, lengths = (result.numpy() for result in function(*args))
    else:
        events, lengths = run_both_ways(function, *args)
    assert events.dtype == lengths.dtype == np.int32
    return events.tolist(), lengths.tolist()


def test_stretch_of_a_performance_by_hand():
    events, lengths = _apply(
        RandomTimeStretch((2.0,)),
        [[on(1), shift(4), off(1)], [on(2), shift(1), PAD], [PAD] * 3],
        [3, 2, 0],
    )
    assert lengths == [4, 2, 0]
    assert events == [
        [on(1), shift(5), shift(3), off(1)],
        [on(2), shift(2), PAD, PAD],
        [PAD] * 4,
    ]


def test_every_row_of_performances_draws_its_factor():
    rows = [[shift(1), on(0)]] * 400
    events, _ = _apply(RandomTimeStretch((1.0, 2.0, 4.0)), rows, [2] * 400)
    counts = np.bincount([row[0] for row in events])[shift(1) :]
    assert counts[[0, 1, 3]].sum() == 400
    assert counts[[0, 1, 3]].min() > 90


def test_stretch_on_a_grid_by_hand():
    events, lengths = _apply(
        RandomTimeStretch((2,), max_events=6),
        [[5, 0, 6, 0], [7, 8, 0, 0], [1, 2, 3, 0]],
        [4, 2, 3],
        codec=_GRID,
    )
    assert lengths == [4, 4, 6]  # eight events would be too many
    assert events == [
        [5, 0, 6, 0, 0, 0],
        [7, 0, 8, 0, 0, 0],
        [1, 0, 2, 0, 3, 0],
    ]


def test_stretch_on_a_grid_draws_every_factor():
    factors = {
        _apply(RandomTimeStretch((1, 2, 4)), [[1, 2]], [2], seed, codec=_GRID)[
            1
        ][0]
        // 2
        for seed in range(20)
    }
    assert factors == {1, 2, 4}


@pytest.mark.parametrize("factors", [(), (0, 1), (-1.0,), (float("nan"),)])
def test_impossible_factors(factors):
    with pytest.raises(UserError, match="factors"):
        RandomTimeStretch(factors)


def test_stretch_says_what_it_cannot_do():
    with pytest.raises(UserError, match="whole numbers with ToyGridCodec"):
        RandomTimeStretch((1.5,)).bind(_GRID)
    for codec in (ToyCodec(), PairCodec()):
        with pytest.raises(
            UserError, match=f"events of {type(codec).__name__}"
        ):
            RandomTimeStretch((1,)).bind(codec)


def test_delay_by_hand():
    rows = [[5, 6, 7], [8, 9, 0], [0, 0, 0]]
    seen = set()
    for seed in range(12):
        events, lengths = _apply(
            RandomDelay(2), rows, [3, 2, 0], seed, codec=_GRID
        )
        assert lengths[2] == 0
        for row, length, original in zip(
            events, lengths, [[5, 6, 7], [8, 9]], strict=False
        ):
            delay = length - len(original)
            assert row[:length] == [0] * delay + original
            assert not any(row[length:])
            seen.add(delay)
    assert seen == {0, 1, 2}


def test_delay_of_performances_is_one_shift():
    rows = [[on(1), off(1)]] * 300
    events, lengths = _apply(RandomDelay(5), rows, [2] * 300)
    counts = np.zeros(6, int)
    for row, length in zip(events, lengths, strict=True):
        if length == 2:
            assert row == [on(1), off(1), PAD]
            counts[0] += 1
        else:
            assert row[1:] == [on(1), off(1)]
            counts[row[0] - shift(0)] += 1
    assert counts.min() > 25


def test_impossible_delays():
    with pytest.raises(UserError, match="0 or more"):
        RandomDelay(-1)
    with pytest.raises(UserError, match="5 at most with ToyPerformanceCodec"):
        RandomDelay(6).bind(_PERFORMANCE)


@pytest.mark.parametrize("codec", [_PERFORMANCE, _GRID])
def test_same_seed_same_result(codec):
    events = tf.constant(np.random.default_rng(0).integers(0, 10, [50, 8]))
    events, lengths = tf.cast(events, tf.int32), tf.fill([50], 8)
    for augmentation in (RandomTimeStretch((1, 2, 3)), RandomDelay(5)):
        function = augmentation.bind(codec)
        one, same, *others = (
            function(events, lengths, tf.constant([seed, 2]))[0].numpy()
            for seed in (1, 1, 7, 8, 9)
        )
        np.testing.assert_array_equal(one, same)
        assert not all(np.array_equal(one, other) for other in others)


@st.composite
def _pieces(draw):
    """Piano music on the grid of 10 ms, no pitch sounding twice at once."""
    sequence = NoteSequence()
    free_from = {}
    step = 0
    for gap, length, pitch, velocity in draw(
        st.lists(
            st.tuples(
                st.sampled_from([0, 0, 3, 8, 25, 60, 130, 317]),
                st.sampled_from([4, 9, 20, 55, 240]),
                st.integers(40, 60),
                st.integers(1, 127),
            ),
            min_size=1,
            max_size=30,
        )
    ):
        step = max(step + gap, free_from.get(pitch, 0))
        free_from[pitch] = step + length + 4
        sequence.notes.add(
            start_time=step / 100,
            end_time=(step + length) / 100,
            pitch=pitch,
            velocity=velocity,
        )
        sequence.total_time = max(sequence.total_time, (step + length) / 100)
    return sequence


@settings(max_examples=60, deadline=None)
@given(sequence=_pieces(), factor=st.sampled_from([0.95, 0.975, 1.025, 1.05]))
def test_stretched_events_are_those_of_the_stretched_piece(sequence, factor):
    codec = PerformanceCodec(num_velocity_bins=32, min_events=2)
    (events,) = codec.encode(sequence)
    rows, lengths = RandomTimeStretch((factor,)).bind(codec)(
        tf.constant(events[None]),
        tf.constant([len(events)]),
        tf.constant([1, 2]),
    )
    stretched = rows.numpy()[0, : lengths[0]]
    for note in sequence.notes:
        note.start_time *= factor
        note.end_time *= factor
    (expected,) = codec.encode(sequence)
    found, wanted = (
        sorted(codec.decode(e).notes, key=lambda n: (n.pitch, n.start_time))
        for e in (stretched, expected)
    )
    assert [(n.pitch, n.velocity) for n in found] == [
        (n.pitch, n.velocity) for n in wanted
    ]
    for one, other in zip(found, wanted, strict=True):
        assert abs(one.start_time - other.start_time) < 0.0101
        assert abs(one.end_time - other.end_time) < 0.0101


@settings(max_examples=40, deadline=None)
@given(events=st.lists(st.integers(0, 37), min_size=2, max_size=40))
def test_melodies_stay_melodies(events):
    codec = MelodyCodec()
    rows = tf.constant([events])
    for augmentation in (RandomTimeStretch((1, 2)), RandomDelay()):
        changed, lengths = augmentation.bind(codec)(
            rows, tf.constant([len(events)]), tf.constant([len(events), 2])
        )
        sequence = codec.decode(changed.numpy()[0, : lengths[0]])
        assert len(sequence.notes) == sum(event > 1 for event in events)
        for note in sequence.notes:
            assert note.end_time > note.start_time
