"""EventRnn: losses by hand, options, seeds, and one step at a time."""

import math

import numpy as np
import pytest
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.models.event_rnn import EventRnn

_OPTIONS = {
    "lstm": {},
    "gru": {"cell": "gru"},
    "attention": {"attention_length": 4},
    "residual": {"residual": True, "units": (8, 8, 4)},
    "residual attention": {"residual": True, "attention_length": 4},
    "attention over all": {"attention_length": 4, "attention_over": "all"},
}


def _model(num_events=5, **options):
    options = {"units": (8, 6), **options}
    return EventRnn(OneHotEncoding(num_events), **options)


def _batch(events, lengths):
    lengths = np.array(lengths, np.int32)
    return {
        batch_keys.EVENTS: tf.constant(events, tf.int32),
        batch_keys.LENGTHS: tf.constant(lengths),
        batch_keys.STEPS: tf.constant(np.maximum(lengths - 1, 0)),
    }


def _metric(metrics, name):
    total, weight = metrics[name]
    return float(total / weight)


@pytest.fixture
def events():
    return np.random.default_rng(0).integers(0, 5, (3, 20))


def test_loss_and_metrics_by_hand():
    model = _model(num_events=4)
    model.head.kernel.assign(tf.zeros_like(model.head.kernel))
    # Always event 0 with probability e / (e + 3).
    model.head.bias.assign([1.0, 0.0, 0.0, 0.0])
    batch = _batch([[1, 0, 2, 0], [3, 3, 0, 0]], [4, 2])
    # Predicted events are 0 2 0 and 3: the rest is padding.
    right = math.log(math.e + 3) - 1
    wrong = math.log(math.e + 3)
    loss, metrics = model.loss_and_metrics(batch, training=False)
    assert float(loss) == pytest.approx((2 * right + 2 * wrong) / 4)
    assert _metric(metrics, "loss") == pytest.approx(float(loss))
    assert _metric(metrics, "loss_per_step") == pytest.approx(float(loss))
    assert _metric(metrics, "accuracy") == 0.5
    assert _metric(metrics, "no_event_accuracy") == 1.0
    assert _metric(metrics, "event_accuracy") == 0.0


def test_loss_per_step_counts_steps_not_events():
    model = _model(num_events=4)
    batch = _batch([[1, 0, 2]], [3])
    batch[batch_keys.STEPS] = tf.constant([10])
    loss, metrics = model.loss_and_metrics(batch, training=False)
    assert _metric(metrics, "loss_per_step") == pytest.approx(
        float(loss) * 2 / 10
    )


def test_padding_and_empty_rows_do_not_matter(events):
    model = _model()
    short = _batch(events[:2, :12], [12, 7])
    padded = np.zeros((4, 18), np.int32)
    padded[:2, :12] = events[:2, :12]
    padded[1, 7:] = 3
    long = _batch(padded, [12, 7, 1, 0])
    a, _ = model.loss_and_metrics(short, training=False)
    b, _ = model.loss_and_metrics(long, training=False)
    assert float(a) == pytest.approx(float(b), abs=1e-6)


def test_a_batch_without_predictions_has_no_loss():
    loss, _ = _model().loss_and_metrics(_batch([[1, 0]], [1]), training=False)
    assert float(loss) == 0.0


@pytest.mark.parametrize("name", _OPTIONS)
def test_steps_give_the_loss_of_the_whole_sequence(name, events):
    model = _model(**_OPTIONS[name])
    state = model.initial_state(3)
    inputs = model.encoding.inputs(tf.constant(events, tf.int32))
    losses = []
    for t in range(events.shape[1] - 1):
        logits, state = model.step(inputs[:, t], state)
        losses.append(
            tf.nn.sparse_softmax_cross_entropy_with_logits(
                events[:, t + 1], logits
            )
        )
    loss, _ = model.loss_and_metrics(
        _batch(events, [20, 20, 20]), training=False
    )
    assert float(loss) == pytest.approx(float(np.mean(losses)), abs=1e-6)


@pytest.mark.parametrize("name", _OPTIONS)
def test_config_and_weights_rebuild_the_model(name, events):
    model = _model(**_OPTIONS[name])
    again = EventRnn(model.encoding, **model.get_config())
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    again.set_weights(model.get_weights())
    batch = _batch(events, [20, 20, 20])
    assert float(again.loss_and_metrics(batch, False)[0]) == float(
        model.loss_and_metrics(batch, False)[0]
    )


def test_dropout_is_a_function_of_the_seed(events):
    model = _model(dropout=0.5)
    batch = _batch(events, [20, 20, 20])

    def loss(seed):
        return float(model.loss_and_metrics(batch, True, seed=seed)[0])

    first, second = tf.constant([1, 2]), tf.constant([1, 3])
    assert loss(first) == loss(first)
    assert loss(first) != loss(second)


def test_every_weight_is_trained(events):
    model = _model(residual=True, attention_length=4, dropout=0.1)
    with tf.GradientTape() as tape:
        loss, _ = model.loss_and_metrics(
            _batch(events, [20, 20, 20]), True, seed=tf.constant([0, 0])
        )
    gradients = tape.gradient(loss, [w.value for w in model.trainable_weights])
    assert all(float(tf.norm(g)) > 0 for g in gradients)


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "rnn"},
        {"units": ()},
        {"units": (0,)},
        {"dropout": 1.0},
        {"attention_length": -1},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        _model(**options)
