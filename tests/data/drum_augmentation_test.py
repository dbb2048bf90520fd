import numpy as np
import pytest
import tensorflow as tf
from both_ways import run_both_ways
from toy_codec import ToyCodec

from magenta_lite.codecs.drum_clips import DrumClipCodec, DrumRollClipCodec
from magenta_lite.codecs.drums import DrumsCodec
from magenta_lite.data.drum_augmentation import (
    RandomDrumSwap,
    RandomHitDropout,
)
from magenta_lite.errors import UserError

_BASS, _SNARE, _CLOSED, _OPEN, _LOW, _RIDE = (
    1 << i for i in (0, 1, 2, 3, 4, 8)
)


def _apply(augmentation, events, lengths, seed=0, codec=None):
    function = augmentation.bind(codec or DrumsCodec())
    args = [
        tf.constant(value, tf.int32) for value in (events, lengths, [seed, 1])
    ]
    changed, kept = run_both_ways(function, *args)
    assert changed.dtype == kept.dtype == np.int32
    assert kept.tolist() == lengths
    return changed


def test_swap_moves_all_hits_of_a_drum_to_another_of_its_group():
    beat = [_BASS | _CLOSED, _CLOSED, _SNARE | _CLOSED, _RIDE]
    rows = _apply(RandomDrumSwap(probability=1.0), [beat] * 300, [4] * 300)
    seen = set()
    for first, second, third, fourth in rows.tolist():
        assert second in (_CLOSED, _OPEN, _RIDE)
        assert fourth in {_CLOSED, _OPEN, _RIDE} - {second}
        assert first == _BASS | second
        assert third == _SNARE | second
        seen.add((second, fourth))
    assert len(seen) == 6


def test_swap_leaves_other_drums_and_the_share_that_it_should():
    rows = _apply(
        RandomDrumSwap(groups=((2, 3),), probability=0.5),
        [[_CLOSED, _BASS | _LOW]] * 1000,
        [2] * 1000,
    )
    assert (rows[:, 1] == _BASS | _LOW).all()
    # A row that is changed draws one of two orders.
    assert 150 < (rows[:, 0] == _OPEN).sum() < 350


def test_dropout_leaves_out_single_hits():
    rows = _apply(
        RandomHitDropout(0.5), [[_BASS | _SNARE] * 50] * 200, [50] * 200
    )
    assert set(np.unique(rows)) == {0, _BASS, _SNARE, _BASS | _SNARE}
    hits = (rows & _BASS > 0).mean(axis=1)
    # Shares between none and a half, another one in each row.
    assert 0.72 < hits.mean() < 0.78
    assert hits.std() > 0.1
    assert hits.max() == 1


def test_nothing_is_added_behind_the_end():
    for augmentation in (RandomDrumSwap(probability=1.0), RandomHitDropout()):
        rows = _apply(augmentation, [[_CLOSED, 0, 0]] * 50, [1] * 50)
        assert (rows[:, 1:] == 0).all()


def test_clips_are_drums_too():
    rows = _apply(
        RandomDrumSwap(((0, 1),), 1.0),
        [[_BASS] * 32] * 40,
        [32] * 40,
        codec=DrumClipCodec(),
    )
    assert set(np.unique(rows)) == {_BASS, _SNARE}


@pytest.mark.parametrize(
    "augmentation", [RandomDrumSwap(probability=1.0), RandomHitDropout(0.5)]
)
def test_rolls_change_as_sets_do(augmentation):
    events = np.random.default_rng(0).integers(0, 512, [40, 32])
    rolls = events[..., np.newaxis] >> np.arange(9) & 1
    sets = _apply(augmentation, events.tolist(), [32] * 40)
    made = _apply(
        augmentation, rolls.tolist(), [32] * 40, codec=DrumRollClipCodec()
    )
    assert (sets != events).any()
    assert ((made << np.arange(9)).sum(axis=-1) == sets).all()


@pytest.mark.parametrize("augmentation", [RandomDrumSwap(), RandomHitDropout()])
def test_other_events_are_refused(augmentation):
    with pytest.raises(UserError, match="sets of drums"):
        augmentation.bind(ToyCodec())


@pytest.mark.parametrize("groups", [((2, 9),), ((1, 2), (2, 3)), ((-1, 0),)])
def test_groups_must_be_classes_each_once(groups):
    with pytest.raises(UserError, match="from 0 to 8, each at most once"):
        RandomDrumSwap(groups).bind(DrumsCodec())


def test_rate_must_be_a_share():
    with pytest.raises(UserError, match="max_rate"):
        RandomHitDropout(1.0)
