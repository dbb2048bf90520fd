import keras
import numpy as np
import pytest
import tensorflow as tf
from training_fixture import make_batch, make_model

from magenta_lite.batch import LENGTHS, spec
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.models.event_rnn import EventRnn
from magenta_lite.training.step import OBJECTIVE, TrainStep

NUM_ROWS = 8


def one_step(micro_batch_size, dropout=0.0, seed=0):
    """Weights and metrics after one step on a batch of ragged rows."""
    model = make_model(dropout)
    sums, objectives = take_step(model, micro_batch_size, seed)
    return model.table.numpy(), sums, objectives


def take_step(model, micro_batch_size, seed):
    """Changes the weights; gives the metrics."""
    optimizer = keras.optimizers.SGD(0.5)
    optimizer.build(model.trainable_variables)
    batch = {k: tf.constant(v) for k, v in make_batch(3, NUM_ROWS).items()}
    assert len(set(batch[LENGTHS].numpy())) > 2
    step = TrainStep(
        model,
        optimizer,
        tf.distribute.get_strategy(),
        spec(),
        seed=seed,
        clip_norm=1.0,
        micro_batch_size=micro_batch_size,
    )
    sums, objectives, _ = step.read([step(batch)])
    return sums, objectives


@pytest.mark.parametrize("micro_batch_size", [1, 3, 4, 8, 100])
def test_micro_batches_make_the_same_step(micro_batch_size):
    weights, sums, objectives = one_step(None)
    same_weights, same_sums, same_objectives = one_step(micro_batch_size)

    np.testing.assert_allclose(same_weights, weights, atol=1e-6)
    assert same_objectives == pytest.approx(objectives, rel=1e-6)
    assert sums[OBJECTIVE][0] == pytest.approx(
        sums["loss"][0] / sums["loss"][1]
    )
    assert set(same_sums) == set(sums)
    for name, pair in sums.items():
        assert same_sums[name] == pytest.approx(pair, rel=1e-5), name


def event_rnn_weights(micro_batch_size, seed=0):
    """Of a model that takes trimmed parts, after one step with dropout."""
    keras.utils.set_random_seed(0)
    model = EventRnn(OneHotEncoding(7), units=(6,), dropout=0.5)
    take_step(model, micro_batch_size, seed)
    return np.concatenate([np.ravel(w) for w in model.weights])


@pytest.mark.parametrize("micro_batch_size", [1, 3])
def test_trimming_parts_changes_nothing(micro_batch_size):
    parts = event_rnn_weights(micro_batch_size)
    np.testing.assert_allclose(parts, event_rnn_weights(None), atol=1e-6)
    assert np.abs(parts - event_rnn_weights(None, seed=1)).max() > 1e-4


@pytest.mark.parametrize("micro_batch_size", [1, 3, 4])
def test_micro_batches_have_the_dropout_of_the_whole(micro_batch_size):
    whole, *_ = one_step(None, dropout=0.5)
    parts, *_ = one_step(micro_batch_size, dropout=0.5)
    other, *_ = one_step(micro_batch_size, dropout=0.5, seed=1)

    np.testing.assert_allclose(parts, whole, atol=1e-6)
    assert np.abs(parts - other).max() > 1e-4
