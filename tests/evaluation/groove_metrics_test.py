import numpy as np
import pytest

from magenta_lite.evaluation import groove_metrics


def numbers(hits, velocities, offsets):
    """One clip of one drum."""
    return np.stack([hits, velocities, offsets], axis=-1)[np.newaxis]


TRUTH = numbers([1, 0, 1, 0], [0.5, 0, 1.0, 0], [0.2, 0, -0.4, 0])


def test_errors_by_hand():
    made = numbers([1, 1, 0, 0], [0.6, 0.9, 0.7, 0], [0.4, 1, 0.0, 0])
    found = groove_metrics.groove_errors(made, TRUTH, np.array([120.0]))
    # A sixteenth at 120 lasts 125 ms; an offset of 1 is half of it.
    assert found["timing_mae_ms"] == pytest.approx(62.5 * (0.2 + 0.4) / 2)
    assert found["velocity_mae"] == pytest.approx(127 * (0.1 + 0.3) / 2)
    assert found["velocity_mse"] == pytest.approx((0.01 + 0.09) / 2)
    assert found["hit_f1"] == pytest.approx(2 * 1 / (2 + 2))
    assert found["num_hits"] == 2
    slow = groove_metrics.groove_errors(made, TRUTH, np.array([60.0]))
    assert slow["timing_mae_ms"] == pytest.approx(2 * found["timing_mae_ms"])


def test_stiff_is_on_the_grid():
    made = groove_metrics.stiff(TRUTH)
    found = groove_metrics.groove_errors(made, TRUTH, np.array([120.0]))
    assert found["timing_mae_ms"] == pytest.approx(62.5 * 0.3)
    assert found["velocity_mae"] == pytest.approx((36.5 + 27) / 2)
    assert found["hit_f1"] == 1


def test_means_by_drum_and_by_step():
    training = np.concatenate(
        [TRUTH, numbers([1, 0, 0, 0], [0.9, 0, 0, 0], [0.6, 0, 0, 0])]
    )
    mean = groove_metrics.mean_performance(TRUTH, training)
    np.testing.assert_array_equal(mean[..., 0], TRUTH[..., 0])
    np.testing.assert_allclose(mean[0, :, 1], 0.8)
    np.testing.assert_allclose(mean[0, :, 2], 0.4 / 3)
    by_step = groove_metrics.mean_performance(TRUTH, training, 4)
    np.testing.assert_allclose(by_step[0, :, 1], [0.7, 0.8, 1.0, 0.8])
    np.testing.assert_allclose(by_step[0, :, 2], [0.4, 0.4 / 3, -0.4, 0.4 / 3])
    # Of a bar of two steps the first and the third are the same.
    short = groove_metrics.mean_performance(TRUTH, training, 2)
    np.testing.assert_allclose(short[0, [0, 2], 1], 0.8)


def test_without_hits_there_is_nothing_to_say():
    silent = np.zeros_like(TRUTH)
    found = groove_metrics.groove_errors(TRUTH, silent, np.array([120.0]))
    assert found == {"num_hits": 0}
