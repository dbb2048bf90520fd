"""MusicVAE learns: from clips to vectors and back to the same clips."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.evaluation.latent_use import measure_latent_use
from magenta_lite.generation.decode_loop import DecodeLoop
from magenta_lite.generation.samplers import Greedy
from magenta_lite.models.music_vae import MusicVae
from magenta_lite.training.step import TrainStep

_NUM_EVENTS = 5
_LENGTH = 16


@pytest.mark.slow
@pytest.mark.parametrize("decoder_lengths", [(), (2, 8)])
def test_clips_come_back_from_their_vectors(decoder_lengths):
    keras.utils.set_random_seed(0)
    model = MusicVae(
        OneHotEncoding(_NUM_EVENTS),
        z_size=8,
        encoder_units=(32,),
        decoder_units=(48,),
        decoder_lengths=decoder_lengths,
        max_beta=0.01,
        sampling_schedule="linear",
        sampling_rate=300,
    )
    clips = np.random.default_rng(0).integers(0, _NUM_EVENTS, (8, _LENGTH))
    lengths = tf.fill([8], _LENGTH)
    batch = {
        batch_keys.EVENTS: tf.constant(clips, tf.int32),
        batch_keys.LENGTHS: lengths,
        batch_keys.STEPS: lengths,
    }
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    step = TrainStep(
        model,
        optimizer,
        tf.distribute.get_strategy(),
        batch_keys.spec(8, _LENGTH),
        seed=0,
        clip_norm=1.0,
    )
    for _ in range(250):
        step(batch)
    mu, _ = model.encode(batch[batch_keys.EVENTS], lengths)
    loop = DecodeLoop(model, np.ones([_NUM_EVENTS], np.int32))
    found = loop(
        np.zeros([0], np.int32),
        num_steps=_LENGTH,
        sampler=Greedy(),
        batch_size=8,
        conditioning=mu,
    )
    assert np.mean(np.array(found.events) == clips) > 0.95
    use = measure_latent_use(model, [batch])
    assert use.active.sum() >= 3
