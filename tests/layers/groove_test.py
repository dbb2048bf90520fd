"""The head of played drums: its loss by hand, what it draws."""

import numpy as np
import pytest
import tensorflow as tf

from magenta_lite.encodings import heads
from magenta_lite.generation.samplers import Greedy, make_sampler
from magenta_lite.models.head_layers import make_head_layer

_SIGMOID_1 = 1 / (1 + np.exp(-1))
_TANH_1 = np.tanh(1)


def _head(num_drums=2):
    head = make_head_layer(heads.Groove(num_drums))
    head.build((None, 4))
    return head


def test_a_label_is_three_numbers_for_each_drum():
    assert heads.Groove(9).label_shape == (27,)
    assert _head()(tf.zeros([5, 7, 4])).shape == (5, 7, 6)


def test_loss_by_hand():
    outputs = tf.constant([[1.0, -1.0, 1.0, 0.0, 1.0, 0.0]])
    labels = tf.constant([[1.0, 1.0, 0.5, 0.25, -0.5, 0.5]])
    hits = -np.log(_SIGMOID_1) - np.log(1 - _SIGMOID_1)
    velocities = (_SIGMOID_1 - 0.5) ** 2 + 0.25**2
    offsets = (_TANH_1 + 0.5) ** 2 + 0.5**2
    found = _head().nats(outputs, labels)
    assert found.numpy() == pytest.approx([hits + velocities + offsets], 1e-5)


def test_a_hit_ruled_out_costs_no_more_than_in_the_original():
    """TensorFlow 1 added 1e-7 to probabilities before the logarithm."""
    outputs = tf.constant([[-200.0, 0.0, 0.0]])
    labels = tf.constant([[1.0, 0.5, 0.0]])
    found = _head(1).nats(outputs, labels)
    assert found.numpy() == pytest.approx([-np.log(1e-7)], 1e-4)


def test_accuracies_by_hand():
    outputs = tf.constant([[[1.0, -1.0, 0.0, 0.0, 0.0, 0.0]]] * 2)
    labels = tf.constant(
        [[[1.0, 1.0, 0.9, 0.4, 0.2, -0.4]], [[0.0, 0.0] + [0.0] * 4]]
    )
    weights = tf.constant([[1.0], [0.0]])
    found = {
        name: float(total / weight)
        for name, (total, weight) in _head()
        .accuracies(outputs, labels, weights, None)
        .items()
    }
    assert found["accuracy"] == 0.5
    assert found["precision"] == 1.0
    assert found["recall"] == 0.5
    assert found["velocity_error"] == pytest.approx((0.4 + 0.1) / 2)
    assert found["offset_error"] == pytest.approx((0.2 + 0.4) / 2)
    total = sum(
        found[f"{name}_loss"] for name in ("hits", "velocities", "offsets")
    )
    nats = _head().nats(outputs[0], labels[0])
    assert total == pytest.approx(float(nats[0]), 1e-5)


def test_drawn_hits_are_likely_and_the_rest_is_certain():
    outputs = tf.repeat(tf.constant([[1.0, -9.0, 1.0, 0.0, 1.0, 0.0]]), 3000, 0)
    seed = tf.constant([1, 2])
    labels, log_probs = _head().draw(outputs, make_sampler(), seed)
    labels = labels.numpy()
    assert labels[:, 0].mean() == pytest.approx(_SIGMOID_1, abs=0.03)
    assert labels[:, 1].mean() < 0.01
    np.testing.assert_allclose(
        labels[:, 2:], [[_SIGMOID_1, 0.5, _TANH_1, 0]] * 3000, atol=1e-6
    )
    silent = np.log(1 - 1 / (1 + np.exp(9)))
    hit = (labels[:, 0] == 1) & (labels[:, 1] == 0)
    expected = np.log(_SIGMOID_1) + silent
    np.testing.assert_allclose(log_probs.numpy()[hit], expected, atol=1e-4)
    best, _ = _head().draw(outputs[:1], Greedy(), seed)
    assert best.numpy()[0, :2].tolist() == [1, 0]


def test_hits_may_be_ruled_out():
    outputs = tf.fill([4, 6], 5.0)
    allowed = np.ones([1, 6, 128], bool)
    allowed[:, 1, 1] = False
    labels, _ = _head().draw(
        outputs, Greedy(), tf.constant([0, 0]), tf.constant(allowed)
    )
    assert labels.numpy()[:, :2].tolist() == [[1, 0]] * 4
