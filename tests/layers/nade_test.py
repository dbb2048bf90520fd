"""NadeHead against a plain NumPy estimator that goes bit by bit."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from magenta_lite.generation import samplers
from magenta_lite.layers.nade import NadeHead, conditional_logits

_SEED = tf.constant([3, 1])


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _head(num_bits, num_hidden=5, units=3, seed=0):
    """A head with large random weights and its outputs for random states."""
    head = NadeHead(num_bits, num_hidden)
    head.build((None, units))
    rng = np.random.default_rng(seed)
    head.set_weights([rng.normal(size=w.shape) for w in head.weights])
    return head


def _outputs(head, *shape, seed=0):
    rng = np.random.default_rng(seed)
    return head(tf.constant(rng.normal(size=(*shape, 3)), tf.float32))


def _numpy_logits(head, outputs, bits):
    """Log-odds of each bit of one label, one after the other."""
    a, c = (np.array(tensor, np.float64) for tensor in outputs)
    encoder, decoder = head.encoder.numpy(), head.decoder.numpy()
    logits = []
    for i, bit in enumerate(bits):
        logits.append(c[i] + decoder[i] @ _sigmoid(a))
        a = a + bit * encoder[i]
    return np.array(logits)


def _numpy_nats(head, outputs, bits):
    p = _sigmoid(_numpy_logits(head, outputs, bits))
    return -np.log(np.where(np.array(bits) == 1, p, 1 - p)).sum()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_likelihood_equals_numpy(share):
    head = _head(20)
    b, c = _outputs(head, 2, 4)
    assert b.shape == (2, 4, 5) and c.shape == (2, 4, 20)
    labels = np.random.default_rng(1).random([2, 4, 20]) < share
    labels = labels.astype(np.int32)
    found = head.nats((b, c), tf.constant(labels))
    expected = [
        [_numpy_nats(head, (b[i, t], c[i, t]), labels[i, t]) for t in range(4)]
        for i in range(2)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_probabilities_of_all_labels_sum_to_one():
    head = _head(6)
    labels = np.array(list(itertools.product([0, 1], repeat=6)), np.int32)
    outputs = [
        tf.repeat(tensor, len(labels), axis=0) for tensor in _outputs(head, 1)
    ]
    nats = head.nats(outputs, tf.constant(labels))
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(-nats)), 1, rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_gradients_equal_those_of_going_bit_by_bit(jit_compile):
    rng = np.random.default_rng(2)
    rows, num_bits, num_hidden = 7, 12, 5
    bits = (rng.random([rows, num_bits]) < 0.3).astype(np.float32)
    bits[0], bits[1] = 0, 1
    shapes = [(rows, num_hidden), (num_bits, num_hidden)]
    hidden_bias, encoder, decoder = (
        tf.constant(rng.normal(size=shape), tf.float32)
        for shape in [shapes[0], shapes[1], shapes[1]]
    )
    weights = tf.constant(rng.normal(size=bits.shape), tf.float32)

    def bit_by_bit(bits, a, encoder, decoder):
        logits = []
        for i in range(num_bits):
            logits.append(tf.linalg.matvec(tf.sigmoid(a), decoder[i]))
            a += bits[:, i, None] * encoder[i]
        return tf.stack(logits, axis=1)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def gradients(function):
        with tf.GradientTape() as tape:
            tape.watch([hidden_bias, encoder, decoder])
            logits = function(bits, hidden_bias, encoder, decoder)
            total = tf.reduce_sum(weights * tf.sigmoid(logits))
        return logits, *tape.gradient(total, [hidden_bias, encoder, decoder])

    for found, expected in zip(
        gradients(conditional_logits), gradients(bit_by_bit), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_all_weights_learn():
    head = _head(8)
    labels = tf.constant(np.eye(8, dtype=np.int32)[:4])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(head.nats(_outputs(head, 4), labels))
    for gradient in tape.gradient(loss, head.trainable_weights):
        assert np.abs(gradient).max() > 0


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
def test_drawing_equals_going_bit_by_bit(temperature, jit_compile):
    head, sampler = _head(20), samplers.make_sampler(temperature)
    b, c = _outputs(head, 6)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def draw(b, c):
        return head.draw((b, c), sampler, _SEED)

    labels, log_probs = draw(b, c)
    assert labels.dtype == tf.int32 and labels.shape == (6, 20)
    uniform = samplers.uniform_noise([6 * 20], _SEED).numpy().reshape(6, 20)
    for row in range(6):
        logits = _numpy_logits(head, (b[row], c[row]), labels[row].numpy())
        on = _sigmoid(logits / (temperature or 1))
        threshold = uniform[row] if temperature else 0.5
        # The first class, off, takes the numbers below its probability.
        expected = (threshold >= 1 - on).astype(int)
        np.testing.assert_array_equal(labels[row], expected)
        chosen = np.where(expected == 1, on, 1 - on)
        np.testing.assert_allclose(
            log_probs[row], np.log(chosen).sum(), rtol=1e-4
        )


def test_labels_come_as_often_as_their_probability_says():
    head, num_rows = _head(3), 20000
    outputs = [
        tf.repeat(tensor, num_rows, axis=0) for tensor in _outputs(head, 1)
    ]
    labels, log_probs = head.draw(outputs, samplers.make_sampler(), _SEED)
    nats = head.nats(outputs, labels)
    np.testing.assert_allclose(log_probs, -nats, rtol=1e-4, atol=1e-5)
    numbers = labels.numpy() @ [4, 2, 1]
    shares = np.bincount(numbers, minlength=8) / num_rows
    for number, bits in enumerate(itertools.product([0, 1], repeat=3)):
        one = [tensor[0] for tensor in outputs]
        expected = np.exp(-_numpy_nats(head, one, bits))
        assert abs(shares[number] - expected) < 0.015


def test_rows_do_not_depend_on_their_number():
    head, sampler = _head(20), samplers.make_sampler()
    outputs = _outputs(head, 5)
    labels, _ = head.draw(outputs, sampler, _SEED)
    two, _ = head.draw([tensor[:2] for tensor in outputs], sampler, _SEED)
    np.testing.assert_array_equal(two, labels[:2])


def test_bits_that_are_not_allowed_stay_off():
    head, sampler = _head(8), samplers.make_sampler()
    allowed = np.ones([4, 8, 2], bool)
    allowed[:, ::2, 1] = False
    allowed[:, 1, 0] = False
    labels, log_probs = head.draw(
        _outputs(head, 4), sampler, _SEED, tf.constant(allowed)
    )
    assert not labels.numpy()[:, ::2].any()
    assert labels.numpy()[:, 1].all()
    assert np.isfinite(log_probs).all()


def test_accuracies_by_hand():
    head = NadeHead(4, 2)
    head.build((None, 3))
    head.set_weights([np.zeros(w.shape) for w in head.weights])
    b = tf.zeros([3, 2])
    c = tf.constant([[1.0, 1, -1, -1]] * 3)
    labels = tf.constant([[1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]])
    found = head.accuracies((b, c), labels, tf.constant([1.0, 2, 0]), None)
    pairs = {name: (float(s), float(w)) for name, (s, w) in found.items()}
    assert pairs == {
        "accuracy": (2 + 8, 12),
        "precision": (1 + 4, 2 + 4),
        "recall": (1 + 4, 2 + 4),
    }
