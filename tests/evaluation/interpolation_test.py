import itertools

import numpy as np
import pytest

from magenta_lite.evaluation import interpolation

STARTS = np.zeros([300, 20], int)
ENDS = np.ones([300, 20], int)


def test_direct_mixes_go_evenly_and_jump():
    mixes = interpolation.direct_mixes(STARTS, ENDS, 5, seed=0)
    assert mixes.shape == (300, 5, 20)
    found = interpolation.path_distances(mixes)
    shares = [0, 0.25, 0.5, 0.75, 1]
    assert found["from_start"] == pytest.approx(shares, abs=0.03)
    assert found["from_end"] == pytest.approx(shares[::-1], abs=0.03)
    # Points are drawn by themselves: p (1 - q) + q (1 - p) differ.
    expected = [
        p * (1 - q) + q * (1 - p) for p, q in itertools.pairwise(shares)
    ]
    assert found["to_next"] == pytest.approx(expected, abs=0.03)


def test_vectors_are_mixed_and_compared_as_a_whole():
    starts, ends = np.zeros([2, 6, 3], int), np.ones([2, 6, 3], int)
    mixes = interpolation.direct_mixes(starts, ends, 3, seed=1)
    assert set(mixes.sum(axis=-1).ravel()) == {0, 3}
    path = np.zeros([1, 2, 4, 2], int)
    path[0, 1, 0] = 7
    path[0, 1, 1, 0] = 7
    assert interpolation.path_distances(path)["to_next"] == [0.5]


def test_what_nobody_writes_costs_more():
    training = [np.array([0, 1, 2, 0, 1, 2])]
    known, strange = np.array([[0, 1, 2]]), np.array([[0, 2, 1]])
    cost = interpolation.bigram_nats(training, known, 3)
    # 0 to 1 and 1 to 2 came twice each; 0.1 is added to every count.
    assert cost == pytest.approx(-np.log(2.1 / 2.3))
    assert interpolation.bigram_nats(training, strange, 3) > cost + 2
