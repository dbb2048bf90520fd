"""Measures of latent dimensions, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from magenta_lite.errors import UserError
from magenta_lite.evaluation.latent_use import measure_latent_use


class Encoder:
    """Says of a clip of events [a, ...]: means (a, 1), deviations (1, 2)."""

    z_size = 2

    def encode(self, events, lengths):
        a = tf.cast(events[:, 0], tf.float32)
        ones = tf.ones_like(a)
        return tf.stack([a, ones], 1), tf.stack([ones, 2 * ones], 1)


def _batch(firsts, lengths=None):
    lengths = [3] * len(firsts) if lengths is None else lengths
    return {
        "events": tf.constant([[a, 0, 0] for a in firsts]),
        "lengths": tf.constant(lengths),
    }


def test_measures_by_hand():
    batches = [_batch([1, 3]), _batch([5, 9], [3, 0])]
    found = measure_latent_use(Encoder(), batches)
    assert found.num_clips == 3
    second = 0.5 * (1 + 4 - 1) - np.log(2)
    np.testing.assert_allclose(found.kl_nats, [35 / 6, second], rtol=1e-6)
    np.testing.assert_allclose(found.mean_variance, [8 / 3, 0], atol=1e-9)
    np.testing.assert_allclose(found.mean_sigma, [1, 2])
    assert found.active.tolist() == [True, False]
    report = found.as_json()
    assert report["active_units"] == 1 and report["z_size"] == 2
    assert report["kl_nats"] == pytest.approx(35 / 6 + second)


def test_nothing_to_encode_is_said():
    with pytest.raises(UserError, match="empty"):
        measure_latent_use(Encoder(), [_batch([1], [0])])
