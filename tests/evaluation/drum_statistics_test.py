import numpy as np
import pytest

from magenta_lite.evaluation.drum_statistics import (
    bar_consistency,
    class_histogram,
    total_variation,
)


def test_bar_consistency_by_hand():
    # Bars of four: onsets 1010, 1000, 1000; another drum is no other onset.
    track = np.array([1, 0, 3, 0, 4, 0, 0, 0, 1, 0, 0, 0, 7])
    assert bar_consistency([track], 4) == pytest.approx(1 - (1 / 4 + 0) / 2)
    assert bar_consistency([track, np.array([1] * 4)], 4) == pytest.approx(
        1 - 1 / 8
    )
    assert np.isnan(bar_consistency([track[:7]], 4))


def test_class_histogram_by_hand():
    shares = class_histogram([np.array([0, 1, 3]), np.array([4])], 3)
    np.testing.assert_allclose(shares, [2 / 4, 1 / 4, 1 / 4])
    assert np.isnan(class_histogram([np.zeros([4], int)], 3)).all()


def test_total_variation_by_hand():
    assert total_variation([0.5, 0.5, 0], [0.25, 0.25, 0.5]) == 0.5
    assert total_variation([1, 0], [0, 1]) == 1
