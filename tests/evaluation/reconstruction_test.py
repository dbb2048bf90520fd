"""Reconstruction, by hand, with a model whose every answer is known."""

import numpy as np
import pytest
import tensorflow as tf
from latent_fakes import SIGMA, ExactModel

from magenta_lite.encodings import heads
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError
from magenta_lite.evaluation.reconstruction import (
    label_agreement,
    measure_reconstruction,
)

STEPS = 4


def batch(rows, lengths=None):
    lengths = [STEPS] * len(rows) if lengths is None else lengths
    return {"events": tf.constant(rows), "lengths": tf.constant(lengths)}


def test_measures_by_hand():
    model = ExactModel(OneHotEncoding(9), STEPS)
    calls = []

    def draw(z, controls, seed):
        calls.append((z, seed))
        assert controls.shape == (len(z), STEPS, 0)
        made = np.round(z).astype(np.int32)
        made[:, 0] = 8  # always wrong
        return made

    batches = [
        batch([[1, 2, 3, 4], [0, 0, 0, 0]], [STEPS, 0]),
        batch([[5, 0, 0, 7]]),
    ]
    found = measure_reconstruction(model, batches, draw, seed=3)
    assert found["sampled_accuracy_mean_z"] == pytest.approx(6 / 8)
    assert found["teacher_forced_accuracy"] > 0.9  # z is drawn
    assert found["sampled_accuracy"] <= 6 / 8
    means = [[1, 4, 9, 16], [25, 0, 0, 49]]
    kl = np.sum(means, axis=1) / 2 + STEPS * (
        (SIGMA**2 - 1) / 2 - np.log(SIGMA)
    )
    assert found["kl"] == pytest.approx(kl.mean(), rel=1e-5)
    assert found["elbo"] == pytest.approx(-found["kl"] - found["r_loss"])
    assert len({seed for _, seed in calls}) == 4
    np.testing.assert_allclose(calls[3][0], [[5, 0, 0, 7]])
    assert 0 < np.abs(calls[2][0] - [[5, 0, 0, 7]]).max() < 5 * SIGMA


def test_nothing_to_decode_is_said():
    model = ExactModel(OneHotEncoding(9), STEPS)
    with pytest.raises(UserError, match="empty"):
        measure_reconstruction(model, [], lambda *arguments: None)


def test_fields_and_whole_events():
    labels = np.array([[[1, 2], [3, 4], [5, 6]]])
    truth = np.array([[[1, 2], [3, 0], [5, 6]]])
    weights = np.array([[1.0, 1.0, 0.0]])
    found = label_agreement(heads.Categoricals((9, 9)), labels, truth, weights)
    assert {n: s.tolist() for n, s in found.items()} == {
        "accuracy": [1, 2],
        "accuracy_field_0": [2, 2],
        "accuracy_field_1": [1, 2],
    }


@pytest.mark.parametrize("is_groove", [False, True])
def test_sets_of_drums(is_groove):
    made = np.array([[[1, 1, 0], [0, 0, 0]]])
    true = np.array([[[1, 0, 1], [0, 0, 0]]])
    head = heads.Nade(3, 2)
    if is_groove:
        head = heads.Groove(3)
        rest = np.random.default_rng(0).random([1, 2, 6])
        made, true = (
            np.concatenate([hits, r], axis=-1)
            for hits, r in ((made, rest), (true, 1 - rest))
        )
    found = label_agreement(head, made, true, np.ones([1, 2]))
    assert {n: s.tolist() for n, s in found.items()} == {
        "accuracy": [1, 2],
        "precision": [1, 2],
        "recall": [1, 2],
    }
