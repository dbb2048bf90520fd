"""Every recipe's whole training step is one XLA program of static shapes.

That is what a TPU asks for. No TPU was at hand: this compiles for the CPU.
"""

import gin
import keras
import numpy as np
import pytest
import tensorflow as tf
from configured import RECIPES

from magenta_lite.batch import EVENTS, LENGTHS, STEPS
from magenta_lite.cli import config
from magenta_lite.training.step import OBJECTIVE, TrainStep

ROWS, TIME = 2, 6


def bindings(recipe):
    config.parse([recipe, "runs/smoke.gin"], entry="train")
    return gin.get_bindings("train")


def random_batch(codec):
    random = np.random.default_rng(0)
    time = getattr(codec, "num_clip_events", TIME)  # clips are whole
    shape = (ROWS, time, *codec.event_shape)
    (sizes,) = codec.encoding_sizes().values()
    return {
        EVENTS: tf.constant(random.integers(0, sizes, shape), tf.int32),
        LENGTHS: tf.constant([time, time - 2]),
        STEPS: tf.constant([time - 1, time - 3]),
    }


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_whole_step_compiles_with_static_shapes(recipe):
    bound = bindings(recipe)
    keras.utils.set_random_seed(1)
    codec = bound["codec"]
    model = bound["model"](bound["encoding"](**codec.encoding_sizes()))
    optimizer = bound["optimizer"]()
    optimizer.build(model.trainable_variables)
    batch = random_batch(codec)
    step = TrainStep(
        model,
        optimizer,
        tf.distribute.get_strategy(),
        {name: tf.TensorSpec(t.shape, t.dtype) for name, t in batch.items()},
        seed=3,
        clip_norm=1.0,
        jit_compile=True,
    )
    before = [v.numpy() for v in model.trainable_variables]
    sums, objectives, skipped = step.read([step(batch)])

    assert np.isfinite(objectives).all() and not any(skipped)
    assert sums[OBJECTIVE][0] == pytest.approx(objectives[0])
    assert any(
        np.abs(v.numpy() - old).max() > 0
        for v, old in zip(model.trainable_variables, before, strict=True)
    )
    assert step.num_traces == 1
