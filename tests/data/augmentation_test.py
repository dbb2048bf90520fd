import numpy as np
import pytest
import tensorflow as tf
from both_ways import run_both_ways
from toy_codec import PairCodec, ToyCodec

from magenta_lite.data.augmentation import RandomCrop, RandomTranspose
from magenta_lite.errors import UserError

_CODEC = ToyCodec()  # 0 holds, 1 to 9 are pitches


def _apply(augmentation, events, lengths, seed=0, codec=_CODEC):
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


@pytest.mark.parametrize("shift", [-2, 0, 3])
def test_transpose_by_hand(shift):
    events, lengths = _apply(
        RandomTranspose((shift,)),
        [[3, 0, 4, 0], [5, 6, 0, 0]],
        [4, 2],
    )
    assert events == [
        [3 + shift, 0, 4 + shift, 0],
        [5 + shift, 6 + shift, 0, 0],
    ]
    assert lengths == [4, 2]


def test_shift_that_leaves_the_range_is_not_chosen():
    rows = [
        [1, 9, 0],  # spans the range: stays
        [1, 8, 0],  # only up
        [2, 9, 0],  # only down
        [0, 0, 0],  # no pitch: any shift, no change
    ]
    for seed in range(5):
        events, _ = _apply(RandomTranspose((-1, 1)), rows, [3] * 4, seed)
        assert events == [[1, 9, 0], [2, 9, 0], [1, 8, 0], [0, 0, 0]]


def test_padding_does_not_count_as_an_event():
    class PadIsPitch(ToyCodec):
        pad = 9  # the highest pitch, which no shift up would keep

    events, _ = _apply(
        RandomTranspose((1,)), [[2, 3, 9, 9]], [2], codec=PadIsPitch()
    )
    assert events == [[3, 4, 9, 9]]


def test_shifts_are_uniform_among_those_that_fit():
    rows = 3000
    events, _ = _apply(
        RandomTranspose((-2, -1, 0, 1, 2, 3)), [[2, 7]] * rows, [2] * rows
    )
    counts = np.bincount([row[0] - 1 for row in events])
    assert len(counts) == 4  # shifts -1 to 2
    assert all(abs(count - rows / 4) < 100 for count in counts)


def test_transpose_vectors_of_events():
    codec = PairCodec()
    events, _ = _apply(
        RandomTranspose((1,)),
        [[[1, 2], [0, 8]], [[9, 1], [0, 0]]],
        [2, 1],
        codec=codec,
    )
    assert events == [[[2, 3], [0, 9]], [[9, 1], [0, 0]]]


def test_empty_rows_stay_empty():
    for augmentation in (RandomTranspose(), RandomCrop(probability=1.0)):
        events, lengths = _apply(augmentation, [[1, 2, 3], [0, 0, 0]], [3, 0])
        assert lengths[1] == 0
        assert not any(events[1])


def test_crop_keeps_a_stretch_of_each_row():
    rows = [[1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 7, 6, 5, 0, 0, 0]]
    crop = RandomCrop(min_fraction=0.5, probability=1.0)
    kept = set()
    for seed in range(20):
        events, lengths = _apply(crop, rows, [8, 5], seed)
        # One share for both rows, rounded up.
        assert 4 <= lengths[0] <= 8
        assert lengths[1] in (
            int(np.ceil(5 * (lengths[0] - 1) / 8)),
            int(np.ceil(5 * lengths[0] / 8)),
        )
        first, second = (
            row[:length] for row, length in zip(events, lengths, strict=True)
        )
        assert first == list(range(first[0], first[0] + lengths[0]))
        assert second == list(range(second[0], second[0] - lengths[1], -1))
        assert len(events[0]) == max(lengths)
        assert not any(events[1][lengths[1] :])
        kept.add((first[0], lengths[0]))
    assert len(kept) > 6


def test_crop_leaves_two_events_and_shorter_rows_whole():
    crop = RandomCrop(min_fraction=0.01, probability=1.0)
    for seed in range(10):
        _, lengths = _apply(crop, [[1, 2, 3], [4, 0, 0]], [3, 1], seed)
        assert lengths[0] >= 2
        assert lengths[1] == 1


def test_crop_probability():
    rows, lengths = [[1, 2, 3, 4]], [4]
    never = RandomCrop(min_fraction=0.5, probability=0.0)
    assert _apply(never, rows, lengths) == (rows, lengths)
    half = RandomCrop(min_fraction=0.5, probability=0.5)
    whole = [_apply(half, rows, lengths, s)[1] == [4] for s in range(40)]
    assert 10 < sum(whole) < 35


def test_same_seed_same_result():
    events = tf.tile(tf.range(1, 9)[None], [50, 1])
    lengths = tf.fill([50], 8)
    for augmentation in (RandomTranspose(), RandomCrop()):
        function = augmentation.bind(_CODEC)
        seed = tf.constant([1, 2])
        one, other = (function(events, lengths, seed) for _ in range(2))
        tf.nest.map_structure(
            lambda a, b: np.testing.assert_array_equal(a.numpy(), b.numpy()),
            one,
            other,
        )


@pytest.mark.parametrize("fraction", [0, 1.1])
def test_impossible_fraction(fraction):
    with pytest.raises(UserError, match="min_fraction"):
        RandomCrop(fraction)
