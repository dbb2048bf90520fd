"""Every recurrent layer: whole sequences, single steps and gradients agree."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from magenta_lite.layers.attention_cell import AttentionCell
from magenta_lite.layers.gru import Gru
from magenta_lite.layers.lstm import Lstm
from magenta_lite.layers.stack import Stack

_LAYERS = {
    "lstm": lambda: Lstm(6),
    "gru": lambda: Gru(6),
    "attention over lstm": lambda: AttentionCell(Lstm(6), 3),
    "attention over gru": lambda: AttentionCell(Gru(6), 3),
    "attention longer than a chunk": lambda: AttentionCell(Lstm(6), 20),
    "attention over a stack": lambda: AttentionCell(
        Stack([Lstm(4), Gru(6)]), 3
    ),
}
# Lengths and rows on both sides of a chunk's 16 steps and of the shards.
_SIZES = [(1, 1), (16, 2), (17, 3), (40, 5)]


def _built(name, depth=5, seed=0):
    layer = _LAYERS[name]()
    layer.build((None, None, depth))
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        weight.assign(rng.normal(0, 0.4, weight.shape))
    return layer


def _inputs(num_steps, num_rows, depth=5):
    rng = np.random.default_rng(num_steps)
    shape = (num_steps, num_rows, depth)
    return tf.constant(rng.normal(size=shape), tf.float32)


def _step_by_step(layer, inputs):
    state = layer.initial_state(inputs.shape[1])
    outputs = []
    for t in range(inputs.shape[0]):
        output, state = layer.step(inputs[t], state)
        outputs.append(output)
    return tf.stack(outputs)


def _gradients(run, layer, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        # Weighted, so that every output matters differently.
        outputs = run(layer, inputs)
        ramp = tf.linspace(0.5, 1.5, tf.size(outputs))
        loss = tf.reduce_sum(tf.reshape(outputs, [-1]) ** 2 * ramp)
    weights = [w.value for w in layer.trainable_weights]
    return tape.gradient(loss, [inputs, *weights])


@pytest.mark.parametrize("num_steps, num_rows", _SIZES)
@pytest.mark.parametrize("name", _LAYERS)
def test_sequence_equals_steps(name, num_steps, num_rows):
    layer = _built(name)
    inputs = _inputs(num_steps, num_rows)
    np.testing.assert_allclose(
        layer(inputs), _step_by_step(layer, inputs), atol=2e-6
    )


@pytest.mark.parametrize("name", _LAYERS)
def test_gradients_equal_those_through_steps(name):
    layer = _built(name)
    inputs = _inputs(37, 3)
    fast = _gradients(lambda layer, x: layer(x), layer, inputs)
    slow = _gradients(_step_by_step, layer, inputs)
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["lstm", "attention over gru"])
def test_gradients_in_a_graph_with_open_shapes(name):
    layer = _built(name)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 5], tf.float32)])
    def in_graph(inputs):
        return _gradients(lambda layer, x: layer(x), layer, inputs)

    for num_steps, num_rows in ((20, 3), (33, 4)):
        inputs = _inputs(num_steps, num_rows)
        eager = _gradients(lambda layer, x: layer(x), layer, inputs)
        for a, b in zip(in_graph(inputs), eager, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", _LAYERS)
def test_a_layer_is_causal(name):
    layer = _built(name)
    inputs = _inputs(24, 2)
    changed = tf.concat([inputs[:10], inputs[10:] + 1.0], axis=0)
    before, after = layer(inputs), layer(changed)
    np.testing.assert_array_equal(before[:10], after[:10])
    assert np.abs(before[10:] - after[10:]).max() > 1e-3


@pytest.mark.parametrize(
    "ours, theirs", [(Lstm(6), keras.layers.LSTM), (Gru(6), keras.layers.GRU)]
)
def test_layers_equal_those_of_keras(ours, theirs):
    ours.build((None, None, 5))
    oracle = theirs(6, return_sequences=True)
    oracle.build((None, None, 5))
    oracle.set_weights([w.numpy() for w in ours.weights])
    inputs = _inputs(21, 3)
    expected = tf.transpose(oracle(tf.transpose(inputs, [1, 0, 2])), [1, 0, 2])
    np.testing.assert_allclose(ours(inputs), expected, atol=1e-6)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_attention_follows_its_formula():
    """Against the class docstring's formula, written out in NumPy."""
    layer = _built("attention over lstm")
    weights = [w.numpy() for w in layer.weight_tensors()]
    w_in, b_in, w_query, b_query, w_key, score, w_out, b_out = weights[:8]
    kernel, recurrent, bias = weights[8:]
    inputs = _inputs(9, 2).numpy()
    h = c = context = np.zeros((2, 6))
    past = [np.zeros((2, 6))] * 3
    for t, x in enumerate(layer(tf.constant(inputs)).numpy()):
        joined = np.concatenate([inputs[t], context], axis=1) @ w_in + b_in
        i, f, g, o = np.split(joined @ kernel + h @ recurrent + bias, 4, 1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        query = np.concatenate([c, h], axis=1) @ w_query + b_query
        scores = np.stack([np.tanh(p @ w_key + query) @ score for p in past])
        shares = np.exp(scores) / np.exp(scores).sum(axis=0)
        context = sum(s[:, None] * p for s, p in zip(shares, past, strict=True))
        output = np.concatenate([h, context], axis=1) @ w_out + b_out
        past = [*past[1:], output]
        np.testing.assert_allclose(x, output, atol=1e-5)
