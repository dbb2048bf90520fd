"""Checkpoints of the original MusicVAE give what the original computed."""

import dataclasses
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from shared_data import shared_dir

from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.original_vae import (
    build_music_vae,
    original_shapes,
)
from magenta_lite.bundles.tf_checkpoint import open_checkpoint
from magenta_lite.encodings import heads
from magenta_lite.encodings.base import Encoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.layers.latent import kl_from_prior
from magenta_lite.models.music_vae import MusicVae


@dataclasses.dataclass(frozen=True)
class RawGroove(Encoding):
    """Events are what the original reads: 27 numbers."""

    head = heads.Groove(9)
    input_depth = 27
    default_label = None
    num_events: int = 0

    def inputs(self, events):
        return events

    labels = inputs

    def initial_state(self, batch_size):
        return ()

    def step(self, event, state, control=None):
        return event, state

    def event(self, label, state):
        return label


_STEPS = {
    "cat-mel_2bar_small": 60,
    "groovae_2bar_humanize": 60,
    "hierdec-mel_16bar": 30,
}
_OPTIONS = {
    "cat-mel_2bar_small": {},
    "groovae_2bar_humanize": {},
    "hierdec-mel_16bar": {"decoder_lengths": (16, 16)},
}

all_configs = pytest.mark.parametrize("config", _STEPS)


def _model_and_truth(config):
    folder = shared_dir("reference") / f"vae_{config}"
    prefix = folder / f"model.ckpt-{_STEPS[config]}"
    model = build_music_vae(
        open_checkpoint(prefix),
        RawGroove() if "groovae" in config else OneHotEncoding(90),
        **_OPTIONS[config],
    )
    return model, np.load(folder / f"vae_{config}.truth.npz")


def _events(vectors, model):
    if isinstance(model.encoding, RawGroove):
        return tf.constant(vectors)
    return tf.constant(vectors.argmax(-1).astype(np.int32))


def _logits(model, read, z):
    """Logits `[b, t, classes]` after the inputs that the original read."""
    hidden = model.decoder(tf.constant(read), tf.constant(z))
    return tf.transpose(model.head(hidden), [1, 0, 2])


@all_configs
def test_latent_and_logits_are_the_originals(config):
    model, truth = _model_and_truth(config)
    events = _events(truth["inputs"], model)
    lengths = tf.constant(truth["lengths"].astype(np.int32))
    mu, sigma = model.encode(events, lengths)
    np.testing.assert_allclose(mu, truth["mu"], atol=1e-4)
    np.testing.assert_allclose(sigma, truth["sigma"], atol=1e-4)
    kl = tf.reduce_sum(kl_from_prior(mu, sigma), axis=1)
    np.testing.assert_allclose(kl, truth["kl_div"], rtol=1e-4, atol=1e-3)
    results = "decode_T0.0001_results."
    found = _logits(model, truth[results + "rnn_input"], truth["z_fixed"])
    np.testing.assert_allclose(found, truth[results + "rnn_output"], atol=1e-4)


@all_configs
def test_reconstruction_loss_is_the_originals(config):
    model, truth = _model_and_truth(config)
    events = _events(truth["outputs_target"], model)
    outputs = model.outputs(events, tf.constant(truth["mu"]))
    rest = range(2, events.shape.rank)
    labels = tf.transpose(events, [1, 0, *rest])
    nats = model.head.nats(outputs, labels)
    np.testing.assert_allclose(
        tf.reduce_sum(nats, axis=0), truth["recon_loss_z_eq_mu"], rtol=1e-4
    )


@all_configs
def test_steps_give_the_logits_of_whole_clips(config):
    model, truth = _model_and_truth(config)
    results = "decode_T0.0001_results."
    read = truth[results + "rnn_input"][:, :40]
    state = model.initial_state(4, tf.constant(truth["z_fixed"]))
    step = tf.function(model.step)
    for t in range(read.shape[1]):
        logits, state = step(tf.constant(read[:, t]), state)
        np.testing.assert_allclose(
            logits, truth[results + "rnn_output"][:, t], atol=1e-4
        )


_PUBLISHED = {
    "magenta-js mel_2bar_small": {
        "z_size": 256,
        "encoder_units": (512,),
        "decoder_units": (256, 256),
    },
    "cat-mel_2bar_big (checkpoint index)": {
        "z_size": 512,
        "encoder_units": (2048,),
        "decoder_units": (2048,) * 3,
    },
}


@pytest.mark.parametrize("name", _PUBLISHED)
def test_published_models_have_our_names_and_shapes(name):
    path = shared_dir("reference") / "published_names_and_shapes.json"
    published = json.loads(path.read_text())[name]
    published = {
        name: tuple(shape)
        for name, shape in published.get("weights", published).items()
        if "/" in name and "Adam" not in name
    }
    with tf.Graph().as_default():  # Allocates nothing.
        model = MusicVae(OneHotEncoding(90), **_PUBLISHED[name])
        count = sum(math.prod(w.shape) for w in model.weights)
    assert original_shapes(model) == published
    assert count == sum(map(math.prod, published.values()))


def test_a_checkpoint_of_another_config_is_refused():
    prefix = "vae_cat-mel_2bar_small/model.ckpt-60"
    checkpoint = open_checkpoint(shared_dir("reference") / prefix)
    with pytest.raises(BundleError, match="of another config"):
        build_music_vae(checkpoint, OneHotEncoding(38))
    with pytest.raises(BundleError, match="hierarchical_level_0"):
        build_music_vae(checkpoint, OneHotEncoding(90), encoder_lengths=(16, 2))
