import numpy as np
import pytest
import tensorflow as tf
from both_ways import run_both_ways
from performance_toy import ToyPerformanceCodec, off, on, shift

from magenta_lite.data.time_shifts import TimeShifts, running_max

_CODEC = ToyPerformanceCodec()
_SHIFTS = TimeShifts(_CODEC.note_events(), _CODEC.num_events)


def _remake(rows, factors, dropped=(), both_ways=False):
    """Lists of the rows that come out; `dropped` are (row, place) pairs."""
    lengths = [len(row) for row in rows]
    events = np.zeros([len(rows), max(lengths)], np.int32)
    is_kept = np.ones(events.shape, bool)
    for number, row in enumerate(rows):
        events[number, : len(row)] = row
    for place in dropped:
        is_kept[place] = False
    args = (events, np.int32(lengths), np.float32(factors), is_kept)
    if both_ways:
        events, lengths = run_both_ways(_SHIFTS.remake, *args)
    else:
        events, lengths = (r.numpy() for r in _SHIFTS.remake(*args))
    assert events.shape[1] == lengths.max()
    return [row[:n].tolist() for row, n in zip(events, lengths, strict=True)]


def test_running_max():
    rows = [[1, 3, 2, 5, 4, 4, 9], [7, 0, 0, 8, 0, -1, 2]]
    found = run_both_ways(running_max, np.int32(rows))
    np.testing.assert_array_equal(found, np.maximum.accumulate(rows, axis=1))
    assert running_max(tf.zeros([2, 0], tf.int32)).shape == (2, 0)


def test_factor_one_changes_nothing():
    rows = [
        [on(1), shift(5), shift(2), off(1), on(0), shift(3), off(0)],
        [shift(5), on(2), shift(1), off(2), shift(5), shift(5)],
        [on(0), on(1)],
    ]
    assert _remake(rows, [1, 1, 1], both_ways=True) == rows


def test_stretch_by_hand():
    # Times 0, 7, 7, 10 become 0, 14, 14, 20: gaps of 5 + 5 + 4 and 5 + 1.
    row = [on(1), shift(5), shift(2), off(1), on(0), shift(3), off(0)]
    assert _remake([row], [2.0]) == [
        [on(1), *[shift(5)] * 2, shift(4), off(1), on(0), shift(5), shift(1)]
        + [off(0)]
    ]
    # Times 0, 7, 7, 10 become 0, 3.5, 3.5, 5 and are rounded up.
    assert _remake([row], [0.5]) == [
        [on(1), shift(4), off(1), on(0), shift(1), off(0)]
    ]


def test_each_row_has_its_own_factor_and_length():
    rows = [[on(1), shift(2), off(1)], [], [shift(4), on(1), shift(4)]]
    assert _remake(rows, [3.0, 9.0, 0.5], both_ways=True) == [
        [on(1), shift(5), shift(1), off(1)],
        [],
        [shift(2), on(1), shift(2)],
    ]


def test_rounding_does_not_add_up():
    # Gaps of 3 at factor 1.1: times 3.3, 6.6, 9.9, 13.2, 16.5.
    row = [shift(3), on(1)] * 5
    assert _remake([row], [1.1]) == [
        [event for gap in (3, 4, 3, 3, 4) for event in (shift(gap), on(1))]
    ]


def test_what_was_apart_stays_apart():
    # Times 1, 2, 3, 11 at a factor of 0.1 are 0, 0, 0, 1.
    row = [shift(1), on(0), shift(1), on(1), shift(1), off(0), shift(5)]
    row += [shift(3), off(1)]
    assert _remake([row], [0.1]) == [
        [shift(1), on(0), shift(1), on(1), shift(1), off(0), shift(1), off(1)]
    ]


def test_dropped_events_join_the_time_around_them():
    row = [shift(2), on(1), shift(2), on(0), off(1), shift(2), off(0)]
    dropped = [(0, 1), (0, 4)]
    assert _remake([row], [1.0], dropped) == [
        [shift(4), on(0), shift(2), off(0)]
    ]
    everything = [(0, place) for place in range(7)]
    assert _remake([row], [1.0], everything) == [[shift(5), shift(1)]]


@pytest.mark.parametrize("factor", [0.7, 0.95, 1.0, 1.05, 2.3])
def test_against_plain_loops(factor):
    rng = np.random.default_rng(5)
    rows = [
        rng.integers(0, 15, rng.integers(0, 60)).tolist() for _ in range(20)
    ]
    assert _remake(rows, [factor] * 20) == [_slow(row, factor) for row in rows]


def _slow(row, factor):
    """The same with plain loops."""
    result, now, old, new = [], 0, 0, 0
    for event in [*row, None]:
        if event is not None and shift(1) <= event <= shift(5):
            now += event - shift(0)
            continue
        goal = int(np.floor(np.float32(now) * np.float32(factor) + 0.5))
        # At least a step after the event before, if there was time between.
        at = max(goal, new + (now > old))
        gap = at - new
        while gap > 0:
            result.append(shift(min(gap, 5)))
            gap -= 5
        old, new = now, at
        if event is not None:
            result.append(event)
    return result
