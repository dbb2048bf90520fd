import numpy as np
import pytest
import tensorflow as tf
from both_ways import run_both_ways
from hypothesis import given, settings
from hypothesis import strategies as st
from performance_toy import (
    PAD,
    VELOCITY,
    ToyGridCodec,
    ToyPerformanceCodec,
    off,
    on,
    shift,
)
from toy_codec import ToyCodec

from magenta_lite.codecs.performance import PerformanceCodec
from magenta_lite.data.note_augmentation import (
    RandomNoteDropout,
    RandomVelocity,
    note_of_each_event,
)
from magenta_lite.errors import UserError

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


def test_velocity_by_hand():
    rows = [[VELOCITY, on(1), VELOCITY + 2, off(1)], [VELOCITY + 3] + [PAD] * 3]
    events, lengths = _apply(RandomVelocity((2,)), rows, [4, 1])
    assert lengths == [4, 1]
    assert events == [
        [VELOCITY + 2, on(1), VELOCITY + 3, off(1)],
        [VELOCITY + 3, PAD, PAD, PAD],
    ]


def test_every_row_draws_its_loudness():
    events, _ = _apply(
        RandomVelocity((-1, 0, 1)), [[VELOCITY + 1] * 2] * 300, [2] * 300
    )
    assert all(row[0] == row[1] for row in events)
    counts = np.bincount([row[0] - VELOCITY for row in events])
    assert len(counts) == 3
    assert counts.min() > 70


def test_velocity_needs_velocities():
    with pytest.raises(UserError, match="which ToyCodec has not"):
        RandomVelocity().bind(ToyCodec())
    with pytest.raises(UserError, match="which PerformanceCodec has not"):
        RandomVelocity().bind(PerformanceCodec())
    table = PerformanceCodec(num_velocity_bins=4).velocity_table((-1, 2))
    assert table[:, :356].tolist() == [list(range(356))] * 2
    assert table[:, 356:].tolist() == [
        [356, 356, 357, 358],
        [358, 359, 359, 359],
    ]


def _numbers(row):
    """Of each event, the number of its note, as `note_of_each_event` says."""
    notes = _PERFORMANCE.note_events()
    return run_both_ways(
        note_of_each_event, notes.starts[[row]], notes.ends[[row]]
    )[0].tolist()


def test_starts_and_ends_of_a_note_share_a_number():
    row = [on(1), shift(1), on(0), off(1), on(1), off(0), off(1)]
    first, _, second, again, third, *ends = _numbers(row)
    assert again == first
    assert ends == [second, third]
    assert len({first, second, third}) == 3
    assert _numbers(row)[1] == -1


def test_ends_of_what_does_not_sound_have_no_number():
    assert _numbers([off(2), off(1), on(1), off(1), off(1)]) == [
        *(-1, -1, 0, 0, -1)
    ]


def test_notes_of_one_pitch_that_overlap_are_one():
    numbers = _numbers([off(0), on(0), on(0), off(0), off(0), on(0), off(0)])
    assert numbers[1:5] == [numbers[1]] * 4
    assert numbers[5:] == [numbers[5]] * 2
    assert numbers[0] == -1 != numbers[1] != numbers[5] != -1


def test_dropout_of_all_notes():
    row = [off(2), on(1), shift(2), off(1), VELOCITY, shift(3), off(0), PAD]
    events, lengths = _apply(RandomNoteDropout(0.999999), [row], [7])
    assert lengths == [5]
    assert events == [[off(2), shift(2), VELOCITY, shift(3), off(0)]]


def test_dropout_on_a_grid():
    rows = [[5, 0, 6, 7]] * 500
    events, lengths = _apply(
        RandomNoteDropout(0.25), rows, [4] * 500, codec=_GRID
    )
    assert lengths == [4] * 500
    for row in events:
        for found, original in zip(row, rows[0], strict=True):
            assert found in (original, 0)
    share = np.mean(np.array(events)[:, [0, 2, 3]] == 0)
    assert 0.2 < share < 0.3


def test_dropout_rate_of_notes():
    rows = [[on(p), shift(1), off(p)] * 1 for p in (0, 1, 2)] * 400
    _, lengths = _apply(RandomNoteDropout(0.2), rows, [3] * 1200)
    assert set(lengths) == {1, 3}
    assert 0.15 < np.mean(np.array(lengths) == 1) < 0.25


def test_no_dropout_changes_nothing():
    row = [on(1), shift(5), shift(2), off(1), VELOCITY + 1, on(0), off(0)]
    assert _apply(RandomNoteDropout(0.0), [row], [7]) == ([row], [7])


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_impossible_rates(rate):
    with pytest.raises(UserError, match="rate"):
        RandomNoteDropout(rate)


def test_dropout_says_where_it_cannot_work():
    with pytest.raises(UserError, match="cannot change the events of ToyCodec"):
        RandomNoteDropout().bind(ToyCodec())


def test_same_seed_same_result():
    rng = np.random.default_rng(0)
    events = tf.constant(rng.integers(0, 15, [50, 12]), tf.int32)
    lengths = tf.fill([50], 12)
    for augmentation in (RandomVelocity(), RandomNoteDropout(0.3)):
        function = augmentation.bind(_PERFORMANCE)
        one, same, *others = (
            function(events, lengths, tf.constant([seed, 2]))[0].numpy()
            for seed in (1, 1, 7, 8, 9)
        )
        np.testing.assert_array_equal(one, same)
        assert not all(np.array_equal(one, other) for other in others)


def _notes(codec, events):
    return [
        (n.pitch, round(n.start_time * 100), round(n.end_time * 100))
        for n in codec.decode(np.array(events)).notes
    ]


@settings(max_examples=60, deadline=None)
@given(
    spans=st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 9), st.integers(0, 2)),
        max_size=12,
    ),
    seed=st.integers(0, 99),
)
def test_notes_that_stay_are_unchanged(spans, seed):
    codec = PerformanceCodec(max_shift_steps=7)
    sounding = {}
    for start, length, pitch in sorted(spans):
        if start >= sounding.get(pitch, [(0, 0)])[-1][1]:
            sounding.setdefault(pitch, []).append((start, start + length))
    changes = sorted(
        (step, kind, pitch)
        for pitch, notes in sounding.items()
        for start, end in notes
        for step, kind in ((start, 1), (end, 0))
    )
    events, now = [], 0
    for step, is_start, pitch in changes:
        while now < step:
            gap = min(step - now, 7)
            events.append(256 + gap - 1)
            now += gap
        events.append(60 + pitch if is_start else 128 + 60 + pitch)
    if not events:
        return
    before = _notes(codec, events)
    assert len(before) == sum(map(len, sounding.values()))
    rows, lengths = RandomNoteDropout(0.4).bind(codec)(
        tf.constant([events]),
        tf.constant([len(events)]),
        tf.constant([seed, 0]),
    )
    kept = rows.numpy()[0, : lengths[0]]
    after = _notes(codec, kept)
    assert set(after) <= set(before)
    # Nothing is left of those that went, and time is the same.
    num_starts, num_ends = (
        (kept < 128).sum(),
        ((kept >= 128) & (kept < 256)).sum(),
    )
    assert num_starts == num_ends == len(after)
    table = codec.steps_table()
    assert table[kept].sum() == table[np.array(events)].sum()
