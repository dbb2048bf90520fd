"""MusicVae: its objective by hand, its shapes, seeds, and step by step."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from toy_vectors import FieldControl, PairEncoding

from magenta_lite import batch as batch_keys
from magenta_lite.encodings.conditional import ConditionalEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.models.music_vae import MusicVae

_NUM_EVENTS = 5
_SIZES = {"z_size": 3, "encoder_units": (4,), "decoder_units": (6, 5)}
_OPTIONS = {
    "flat": {},
    "hierarchical": {"encoder_lengths": (4, 3), "decoder_lengths": (3, 4)},
    "autoregressive": {"decoder_lengths": (3, 4), "autoregressive": True},
    "parts": {"separate_parts": True},
    "hierarchical parts": {"separate_parts": True, "decoder_lengths": (3, 4)},
    "controls": {},
}

all_kinds = pytest.mark.parametrize("kind", _OPTIONS)


def _encoding(kind):
    if "parts" in kind:
        return PairEncoding((3, 4))
    if kind == "controls":
        target = OneHotEncoding(_NUM_EVENTS)
        return ConditionalEncoding(target, (FieldControl(3),))
    return OneHotEncoding(_NUM_EVENTS)


def _model(kind="flat", **options):
    keras.utils.set_random_seed(1)
    model = MusicVae(_encoding(kind), **_SIZES, **_OPTIONS[kind], **options)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def _events(kind="flat", rows=3, steps=12):
    rng = np.random.default_rng(2)
    if "parts" in kind or kind == "controls":
        return rng.integers(0, 3, (rows, steps, 2)).astype(np.int32)
    return rng.integers(0, _NUM_EVENTS, (rows, steps)).astype(np.int32)


def _batch(events, step=None, lengths=None):
    if lengths is None:
        lengths = [events.shape[1]] * len(events)
    batch = {
        batch_keys.EVENTS: tf.constant(events),
        batch_keys.LENGTHS: tf.constant(lengths, tf.int32),
        batch_keys.STEPS: tf.constant(lengths, tf.int32),
    }
    if step is not None:
        batch[batch_keys.TRAINING_STEP] = tf.constant(step)
    return batch


def _means(metrics):
    return {n: float(s) / float(w) for n, (s, w) in metrics.items() if w != 0}


def test_the_objective_by_hand():
    """Without weights: even odds for every event, one Gaussian for all."""
    model = _model(free_bits=0.5, max_beta=0.2)
    for weight in model.weights:
        weight.assign(tf.zeros_like(weight))
    _, metrics = model.loss_and_metrics(_batch(_events()), training=False)
    found = _means(metrics)
    sigma = math.log(2)  # softplus of 0
    kl = 3 * (0.5 * (sigma**2 - 1) - math.log(sigma))
    nats = 12 * math.log(_NUM_EVENTS)
    assert found["kl"] == pytest.approx(kl, rel=1e-5)
    assert found["r_loss"] == pytest.approx(nats, rel=1e-5)
    assert found["elbo"] == pytest.approx(-nats - kl, rel=1e-5)
    cost = max(kl - 0.5 * math.log(2), 0)
    assert found["loss"] == pytest.approx(nats + 0.2 * cost, rel=1e-5)
    assert found["beta"] == pytest.approx(0.2)
    assert found["active_units"] == 0


def test_beta_follows_the_step_in_training_alone():
    model = _model(max_beta=0.5, beta_rate=0.9)
    seed = tf.constant([0, 1])
    events = _events()
    for step in (0, 3):
        batch = _batch(events, step)
        _, metrics = model.loss_and_metrics(batch, True, seed)
        found = _means(metrics)
        beta = (1 - 0.9**step) * 0.5
        assert found["beta"] == pytest.approx(beta, rel=1e-5)
        assert found["loss"] == pytest.approx(
            found["r_loss"] + beta * found["kl"], rel=1e-5
        )
    _, metrics = model.loss_and_metrics(_batch(events, 3), training=False)
    assert _means(metrics)["beta"] == pytest.approx(0.5)


def test_active_units_are_means_that_tell_clips_apart():
    model = _model()
    model.latent.mu.kernel.assign(
        tf.constant([[10.0, 1e-3, 0.0]]) * model.latent.mu.kernel
    )
    _, metrics = model.loss_and_metrics(
        _batch(_events(rows=20)), training=False
    )
    assert _means(metrics)["active_units"] == 1


@all_kinds
def test_steps_give_the_loss_of_whole_clips(kind):
    model = _model(kind)
    events = _events(kind)
    batch = _batch(events)
    z, _ = model.encode(batch["events"], batch["lengths"])
    encoding = model.encoding
    controls = encoding.controls(batch["events"])
    has_controls = encoding.control_depth > 0
    inputs, encoding_state = encoding.start(
        3,
        encoding.initial_state(3),
        controls[:, 0] if has_controls else None,
    )
    state = model.initial_state(3, z)
    step = tf.function(model.step)
    labels = encoding.labels(batch["events"])
    nats = 0.0
    for t in range(12):
        outputs, state = step(inputs, state)
        nats += model.head.nats(outputs, labels[:, t])
        control = controls[:, min(t + 1, 11)] if has_controls else None
        inputs, encoding_state = encoding.step(
            batch["events"][:, t], encoding_state, control
        )
    _, metrics = model.loss_and_metrics(batch, training=False)
    expected = _means(metrics)["r_loss"]
    assert float(tf.reduce_mean(nats)) == pytest.approx(expected, rel=1e-5)


@all_kinds
def test_config_and_weights_rebuild_the_model(kind):
    model = _model(kind, dropout=0.2, free_bits=3, sampling_rate=0.5)
    again = MusicVae(model.encoding, **model.get_config())
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    assert len({w.path for w in model.weights}) == len(model.weights)
    again.set_weights(model.get_weights())
    batch = _batch(_events(kind))
    assert float(again.loss_and_metrics(batch, False)[0]) == float(
        model.loss_and_metrics(batch, False)[0]
    )


@all_kinds
def test_every_weight_that_can_learn_learns(kind):
    model = _model(kind, max_beta=0.1)
    with tf.GradientTape() as tape:
        loss, _ = model.loss_and_metrics(
            _batch(_events(kind), 5), True, tf.constant([0, 1])
        )
    weights = model.trainable_weights
    gradients = tape.gradient(loss, [w.value for w in weights])
    unmoved = {
        w.path.removeprefix("music_vae/")
        for w, g in zip(weights, gradients, strict=True)
        if float(tf.norm(g)) == 0
    }
    expected = set()
    if "hierarchical" in kind:  # Reads zeros, as in the original.
        expected = {"decoder/conductor/lstm_0/lstm/lstm_cell/kernel"}
    assert unmoved == expected


def test_padding_does_not_matter():
    model = _model()
    events = _events()
    short = _batch(events[:, :9], lengths=[9, 5, 9])
    padded = np.zeros((4, 12), np.int32)
    padded[:3, :9] = events[:, :9]
    padded[1, 5:] = 3
    long = _batch(padded, lengths=[9, 5, 9, 0])
    a, _ = model.loss_and_metrics(short, training=False)
    b, _ = model.loss_and_metrics(long, training=False)
    assert float(a) == pytest.approx(float(b), rel=1e-5)


def test_noise_is_a_function_of_the_seed():
    model = _model(dropout=0.3, sampling_rate=0.5)
    batch = _batch(_events(), 7)

    def loss(seed):
        return float(model.loss_and_metrics(batch, True, seed)[0])

    first, second = tf.constant([1, 2]), tf.constant([1, 3])
    assert loss(first) == loss(first)
    assert loss(first) != loss(second)


@pytest.mark.parametrize("kind", ["flat", "controls", "hierarchical parts"])
def test_sampled_events_are_the_models_own(kind):
    """At probability 1 a model sure of event 2 reads nothing but event 2."""
    model = _model(kind)
    events = _events(kind)
    head = model.head
    if "parts" in kind:
        for field, sure in zip(head.fields, (2, 3), strict=True):
            field.bias.assign(100 * np.eye(field.units)[sure])
    else:
        head.bias.assign(100 * np.eye(_NUM_EVENTS)[2])
    z = tf.zeros([3, 3])
    seed = tf.constant([4, 5])
    mixed = model._mixed(tf.constant(events), z, tf.constant(1.0), seed)
    mixed = mixed.numpy()
    if kind == "controls":
        assert (mixed[..., 0] == 2).all()
        np.testing.assert_array_equal(mixed[..., 1], events[..., 1])
    elif kind == "flat":
        assert (mixed == 2).all()
    else:
        assert (mixed == [2, 3]).all()
    kept = model._mixed(tf.constant(events), z, tf.constant(0.0), seed)
    np.testing.assert_array_equal(kept, events)


def test_half_of_the_events_are_sampled_at_probability_one_half():
    model = _model()
    model.head.bias.assign(100 * np.eye(_NUM_EVENTS)[2])
    events = np.zeros((50, 40), np.int32)
    mixed = model._mixed(
        tf.constant(events), tf.zeros([50, 3]), 0.5, tf.constant([4, 5])
    )
    assert np.mean(mixed == 2) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {"z_size": 0},
        {"encoder_units": ()},
        {"decoder_units": (0,)},
        {"decoder_lengths": (4,)},
        {"dropout": 1.0},
        {"beta_rate": 1.0},
        {"sampling_schedule": "often"},
        {"sampling_rate": 2.0},
        {"separate_parts": True},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        MusicVae(OneHotEncoding(4), **{**_SIZES, **options})


def test_a_collapse_is_said_with_what_to_do():
    model = _model()
    assert model.complaints({"active_units": 2.0}) == []
    assert model.complaints({}) == []
    (line,) = model.complaints({"active_units": 1.0})
    assert "1 of 3" in line and "MAX_BETA" in line


def test_a_new_hierarchical_encoder_tells_clips_apart():
    """Or else Adam's first steps, alike for all clips, would saturate it."""
    num_events = 90
    rng = np.random.default_rng(0)
    events = rng.integers(0, num_events, (32, 256)).astype(np.int32)
    spread = {}
    for lengths in ((), (16, 16)):
        keras.utils.set_random_seed(1)
        model = MusicVae(
            OneHotEncoding(num_events),
            z_size=32,
            encoder_units=(64,),
            decoder_units=(8,),
            encoder_lengths=lengths,
        )
        mu, sigma = model.encode(
            tf.constant(events), tf.fill([len(events)], 256)
        )
        spread[lengths] = np.std(mu, axis=0).mean() / np.mean(sigma)
    assert spread[()] < 0.01  # one Gaussian for all, as in the original
    assert spread[16, 16] > 0.3
    for level in model.encoder.levels:  # each direction draws for itself
        kernels = [way[0].weights[0] for way in (level.forward, level.backward)]
        assert np.std(kernels[0] - kernels[1]) > np.std(kernels[0])
