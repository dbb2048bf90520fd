import keras
import numpy as np
import tensorflow as tf

from magenta_lite.batch import EVENTS, LENGTHS, STEPS
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.models.event_rnn import EventRnn
from magenta_lite.training.exhibits import (
    Histogram,
    Picture,
    batch_exhibits,
    matrix_pixels,
    model_exhibits,
)

BATCH = {
    EVENTS: tf.constant([[0, 1, 2], [2, 2, 0]]),
    LENGTHS: tf.constant([3, 2]),
    STEPS: tf.constant([2, 1]),
}


def model(attention_length=0):
    keras.utils.set_random_seed(0)
    return EventRnn(
        OneHotEncoding(3), units=(4,), attention_length=attention_length
    )


def test_matrix_spans_black_to_white():
    pixels = matrix_pixels(np.array([[0.0, 1.0], [2.0, 4.0]]))
    assert pixels.shape == (4, 4, 3)
    assert pixels[::2, ::2, 0].tolist() == [[0, 63], [127, 255]]


def test_batch_is_shown_as_the_model_reads_it():
    (picture,) = batch_exhibits(model(), BATCH)
    grey = picture.pixels[::2, ::2, 0][:3]  # [depth, time] of the first row
    assert (grey // 255).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_attention_is_shown_where_there_is_some():
    assert model_exhibits(model(), BATCH) == []
    (picture,) = model_exhibits(model(attention_length=5), BATCH)
    assert isinstance(picture, Picture) and picture.name == "attention"
    assert picture.pixels.shape == (2 * 5, 2 * 3, 3)


def test_shares_are_those_that_make_the_output():
    layer = model(attention_length=2).recurrent[0]
    inputs = tf.random.stateless_normal([4, 2, 3], [1, 2])
    shares = layer.shares(inputs)
    np.testing.assert_allclose(tf.reduce_sum(shares, axis=-1), 1, atol=1e-6)
    state = layer.initial_state(2)
    for t in range(4):
        outputs, _ = tf.split(state[1], 2, axis=-1)
        _, state = layer.step(inputs[t], state)
        context = tf.einsum("bn,bnu->bu", shares[t], outputs)
        np.testing.assert_allclose(context, state[0][1], atol=1e-6)


def test_vectors_are_histograms():
    class Latent(EventRnn):
        def look_inside(self, batch):
            return {"means": tf.zeros([7])}

    (shown,) = model_exhibits(Latent(OneHotEncoding(3), units=(4,)), BATCH)
    assert isinstance(shown, Histogram) and shown.values.shape == (7,)
