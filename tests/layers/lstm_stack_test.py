"""Stacks that an embedding sets going: runs equal steps, gradients too."""

import numpy as np
import pytest
import tensorflow as tf

from magenta_lite.layers.lstm_stack import LstmStack, flat_state


def _stack(reads_embedding=True):
    stack = LstmStack((5, 3), reads_embedding)
    stack.build((2, 4))
    rng = np.random.default_rng(0)
    for weight in stack.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return stack


def _given(num_steps=6, num_rows=3):
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(num_steps, num_rows, 2))
    embedding = rng.normal(size=(num_rows, 4))
    return tf.constant(inputs, tf.float32), tf.constant(embedding, tf.float32)


def _step_by_step(stack, inputs, embedding):
    """Reads the embedding beside every input, as the formula says."""
    states = stack.start(embedding, constant=False)
    outputs = []
    for x in tf.unstack(inputs):
        if stack.reads_embedding:
            x = tf.concat([x, embedding], axis=-1)
        output, states = stack.step(x, states)
        outputs.append(output)
    return tf.stack(outputs), states


@pytest.mark.parametrize("reads_embedding", [True, False])
def test_runs_and_their_gradients_equal_steps(reads_embedding):
    stack = _stack(reads_embedding)
    inputs, embedding = _given()
    found = []
    for run in (
        lambda: stack.run(inputs, embedding, chunk_steps=3),
        lambda: _step_by_step(stack, inputs, embedding),
    ):
        with tf.GradientTape() as tape:
            tape.watch(embedding)
            outputs, states = run()
            last = flat_state(states)
            loss = tf.reduce_sum(outputs**2) + tf.reduce_sum(last**3)
        sources = [embedding, *(w.value for w in stack.trainable_weights)]
        found.append([outputs, last, *tape.gradient(loss, sources)])
    for fast, slow in zip(*found, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-4, atol=1e-5)


def test_the_first_state_is_a_squashed_image_of_the_embedding():
    stack = _stack()
    _, embedding = _given()
    kernel, bias = (w.numpy() for w in stack.first_state.weights)
    np.testing.assert_allclose(
        flat_state(stack.start(embedding)),
        np.tanh(embedding.numpy() @ kernel + bias),
        atol=1e-6,
    )


def test_an_embedding_gets_in_before_training():
    _, embedding = _given()
    spread = {}
    for reads_embedding in (True, False):
        stack = LstmStack((64,), reads_embedding)
        stack.build((2, 4))
        states = flat_state(stack.start(embedding)).numpy()
        spread[reads_embedding] = states.std(axis=0).mean()
    # Read at every step, it need not change the first state; else it must.
    assert spread[True] < 0.01
    assert spread[False] > 0.05


def test_a_constant_embedding_is_multiplied_once_in_steps():
    stack = _stack()
    inputs, embedding = _given()
    states = stack.start(embedding)
    outputs = []
    for x in tf.unstack(inputs):
        output, states = stack.step(x, states)
        outputs.append(output)
    expected, _ = _step_by_step(stack, inputs, embedding)
    np.testing.assert_allclose(tf.stack(outputs), expected, atol=1e-6)
