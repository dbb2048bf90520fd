"""The hand-written attention chunk, beside the generic one and its limits."""

import numpy as np
import pytest
import tensorflow as tf

from magenta_lite.layers import chunked, products
from magenta_lite.layers.attention_cell import AttentionCell
from magenta_lite.layers.lstm import Lstm
from magenta_lite.layers.recurrence import chunk_of

_STEPS = chunked.CHUNK_STEPS
_UNITS, _DEPTH = 4, 3


def _cell(attention_length, scale=0.4):
    layer = AttentionCell(Lstm(_UNITS), attention_length)
    layer.build((None, None, _DEPTH))
    rng = np.random.default_rng(attention_length)
    for weight in layer.weights:
        weight.assign(rng.normal(0, scale, weight.shape))
    return layer


def _inputs(num_steps, num_rows=3):
    rng = np.random.default_rng(num_steps)
    return tf.constant(
        rng.normal(size=(num_steps, num_rows, _DEPTH)), tf.float32
    )


def _generic(layer, inputs):
    """What a cell over any other layer runs."""
    return chunked.run(
        chunk_of(layer.recurrence()),
        layer.weight_tensors(),
        inputs,
        layer.initial_state,
    )


def _steps(layer, inputs):
    state = layer.initial_state(inputs.shape[1])
    outputs = []
    for row in inputs:
        output, state = layer.step(row, state)
        outputs.append(output)
    return tf.stack(outputs)


def _outputs_and_gradients(run, layer, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = run(layer, inputs)
        ramp = tf.linspace(0.5, 1.5, tf.size(outputs))
        loss = tf.reduce_sum(tf.reshape(outputs, [-1]) ** 2 * ramp)
    weights = [w.value for w in layer.trainable_weights]
    return outputs, *tape.gradient(loss, [inputs, *weights])


# Within one block of rows, a whole one, over more than two, and over many.
@pytest.mark.parametrize(
    "attention_length", [1, _STEPS, 2 * _STEPS + 3, 5 * _STEPS]
)
def test_equals_the_generic_chunk(attention_length):
    layer, inputs = _cell(attention_length), _inputs(4 * _STEPS + 5)
    ours = _outputs_and_gradients(lambda f, x: f(x), layer, inputs)
    theirs = _outputs_and_gradients(_generic, layer, inputs)
    for a, b in zip(ours, theirs, strict=True):
        # A share of one row is 1 whatever the score: gradients of zero.
        scale = np.abs(b).max() or 1.0
        np.testing.assert_allclose(a / scale, b / scale, atol=5e-6)


@pytest.mark.parametrize("one_hots", [(), (_DEPTH,), (_DEPTH - 1,)])
def test_data_give_the_same_gradients_of_weights(one_hots):
    layer, data = _cell(5), _inputs(2 * _STEPS)
    if one_hots:
        classes = tf.argmax(data, axis=-1)[..., tf.newaxis] % one_hots[0]
        rest = data[..., one_hots[0] :]
        data = tf.concat([tf.cast(classes, tf.float32), rest], axis=-1)
    vectors = products.expanded(data, one_hots)
    ours = _outputs_and_gradients(
        lambda f, x: f.over_data(x, one_hots), layer, data
    )
    theirs = _outputs_and_gradients(lambda f, x: f(x), layer, vectors)
    assert ours[1] is None
    for a, b in zip(ours[:1] + ours[2:], theirs[:1] + theirs[2:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_graph_takes_batches_of_every_size():
    layer = _cell(5)

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, _DEPTH], tf.float32)]
    )
    def in_graph(inputs):
        return _outputs_and_gradients(lambda f, x: f(x), layer, inputs)

    for num_steps, num_rows in ((20, 3), (33, 4)):
        inputs = _inputs(num_steps, num_rows)
        eager = _outputs_and_gradients(lambda f, x: f(x), layer, inputs)
        for a, b in zip(in_graph(inputs), eager, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("key_scale, query_bias", [(8, 9), (8, -9), (0, 1e3)])
def test_saturated_activations_equal_those_of_steps(key_scale, query_bias):
    layer, inputs = _cell(6), _inputs(2 * _STEPS)
    layer.key.kernel.assign(layer.key.kernel * key_scale)
    layer.query.bias.assign(tf.fill([_UNITS], float(query_bias)))
    np.testing.assert_allclose(
        layer(inputs), _steps(layer, inputs), rtol=1e-4, atol=1e-5
    )


def test_keys_and_queries_out_of_range_stay_finite():
    layer, inputs = _cell(6, scale=1.0), _inputs(3 * _STEPS)
    layer.key.kernel.assign(layer.key.kernel * 1e6)
    layer.query.kernel.assign(layer.query.kernel * -1e6)
    for values in _outputs_and_gradients(lambda f, x: f(x), layer, inputs):
        assert np.isfinite(values).all()
