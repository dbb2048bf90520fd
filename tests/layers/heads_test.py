"""Head layers: losses, accuracies and draws, worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from magenta_lite.encodings import heads
from magenta_lite.errors import UserError
from magenta_lite.generation.samplers import Greedy, make_sampler
from magenta_lite.layers.heads import CategoricalHead, CategoricalsHead
from magenta_lite.models.head_layers import make_head_layer

SEED = tf.constant([3, 5])


def _logits(*probabilities):
    """Logits `[1, 1, classes]` of probabilities."""
    return tf.math.log(tf.constant([[probabilities]], tf.float32))


def test_one_class():
    head = CategoricalHead(3)
    outputs = _logits(0.5, 0.25, 0.25)
    nats = head.nats(outputs, tf.constant([[1]]))
    np.testing.assert_allclose(nats, [[math.log(4)]], rtol=1e-6)
    found = head.accuracies(outputs, tf.constant([[0]]), tf.ones([1, 1]), 0)
    assert {n: (float(a), float(b)) for n, (a, b) in found.items()} == {
        "accuracy": (1, 1),
        "event_accuracy": (0, 0),
        "no_event_accuracy": (1, 1),
    }
    plain = head.accuracies(outputs, tf.constant([[0]]), tf.ones([1, 1]), None)
    assert list(plain) == ["accuracy"]


def test_losses_of_fields_add_up():
    head = CategoricalsHead((2, 3))
    outputs = _logits(0.5, 0.5, 0.5, 0.25, 0.25)
    labels = tf.constant([[[1, 2]]])
    nats = head.nats(outputs, labels)
    np.testing.assert_allclose(nats, [[math.log(2) + math.log(4)]], rtol=1e-6)
    found = head.accuracies(outputs, labels, tf.ones([1, 1]), None)
    ratios = {n: float(a / b) for n, (a, b) in found.items()}
    assert ratios == {
        "accuracy": 0.0,
        "accuracy_field_0": 0.0,
        "accuracy_field_1": 0.0,
    }
    right = head.accuracies(
        outputs, tf.constant([[[0, 0]]]), tf.ones([1, 1]), None
    )
    assert float(right["accuracy"][0]) == 1.0


def test_masked_positions_do_not_count():
    head = CategoricalsHead((2, 2))
    outputs = tf.zeros([1, 2, 4])
    labels = tf.zeros([1, 2, 2], tf.int32)
    weights = tf.constant([[1.0, 0.0]])
    for total, weight in head.accuracies(
        outputs, labels, weights, None
    ).values():
        assert (float(total), float(weight)) == (1.0, 1.0)


def test_fields_are_drawn_independently():
    head = CategoricalsHead((2, 2))
    outputs = tf.zeros([4000, 4])
    labels, log_probs = head.draw(outputs, make_sampler(), SEED)
    assert labels.shape == (4000, 2)
    np.testing.assert_allclose(log_probs, math.log(0.25), rtol=1e-5)
    pairs = np.bincount(labels.numpy() @ [2, 1], minlength=4) / 4000
    np.testing.assert_allclose(pairs, 0.25, atol=0.03)


def test_only_allowed_labels_are_drawn():
    outputs = tf.constant([[5.0, 0.0, 0.0]] * 50)
    allowed = tf.constant([[False, True, True]])
    head = CategoricalHead(3)
    labels, log_probs = head.draw(outputs, make_sampler(), SEED, allowed)
    assert set(labels.numpy()) == {1, 2}
    np.testing.assert_allclose(log_probs, math.log(0.5), rtol=1e-5)
    best, _ = head.draw(outputs, Greedy(), SEED, allowed)
    assert set(best.numpy()) == {1}
    fields = CategoricalsHead((1, 2))
    # The first field has one class; what stands behind it counts for nothing.
    mask = tf.constant([[[True, False], [False, True]]])
    labels, _ = fields.draw(outputs, make_sampler(), SEED, mask)
    assert (labels.numpy() == [0, 1]).all()


def test_draws_are_the_same_under_xla():
    head = CategoricalsHead((3, 4))
    outputs = tf.random.stateless_normal([20, 7], [1, 2])

    @tf.function(jit_compile=True)
    def compiled(outputs):
        return head.draw(outputs, make_sampler(), SEED)

    labels, log_probs = head.draw(outputs, make_sampler(), SEED)
    again, same = compiled(outputs)
    np.testing.assert_array_equal(labels, again)
    np.testing.assert_allclose(log_probs, same, rtol=1e-5)


def test_the_layer_of_each_description():
    assert isinstance(make_head_layer(heads.Categorical(3)), CategoricalHead)
    several = make_head_layer(heads.Categoricals((3, 4)))
    assert several.sizes == (3, 4)
    bits = make_head_layer(heads.Nade(5, 2))
    assert (bits.num_bits, bits.num_hidden) == (5, 2)
    with pytest.raises(TypeError):
        make_head_layer(None)


def test_sizes_are_positive():
    assert heads.Categoricals([2, 3]) == heads.Categoricals((2, 3))
    for make in (
        lambda: heads.Categorical(0),
        lambda: heads.Categoricals(()),
        lambda: heads.Nade(88, 0),
    ):
        with pytest.raises(UserError, match="1 or more"):
            make()
