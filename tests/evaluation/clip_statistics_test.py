import numpy as np
import pytest

from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.evaluation.clip_statistics import (
    clip_statistics,
    distances,
)

CODEC = MelodyCodec()  # 0 no event, 1 note-off, 2 the lowest pitch, 48
TWO = np.array([2, 0, 0, 0, 14, 1, 0, 0])  # a quarter, then a sixteenth
ONE = np.array([2, 0, 0, 0, 1, 0, 0, 0])
NONE = np.zeros([8], int)


def test_counts_by_hand():
    found = clip_statistics(CODEC, [TWO, ONE, ONE, NONE])
    assert found.as_json() == {
        "num_clips": 4,
        "distinct_share": 0.75,
        "empty_share": 0.25,
        "notes_mean": 1.0,
        "notes_deviation": pytest.approx(np.sqrt(0.5)),
    }
    assert found.pitches[48] == 3 and found.pitches[60] == 1
    assert found.pitches.sum() == 4
    assert found.lengths[[0, 3]].tolist() == [1, 3]


def test_distances_by_hand():
    one, other = clip_statistics(CODEC, [TWO]), clip_statistics(CODEC, [ONE])
    assert distances(one, one) == {
        "notes_distance": 0,
        "pitches_distance": 0,
        "lengths_distance": 0,
    }
    assert distances(one, other) == {
        "notes_distance": 1,
        "pitches_distance": 0.5,
        "lengths_distance": 0.5,
    }
    silent = clip_statistics(CODEC, [NONE])
    assert distances(one, silent)["pitches_distance"] == 0.5
