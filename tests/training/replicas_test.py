"""Devices side by side: each row of a batch goes to one of them."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve()
NUM_ROWS = 7  # no multiple of the devices


def measured(num_devices):
    """(sum, weight) of every metric of a step; in a process of its own."""
    import keras
    import tensorflow as tf
    from training_fixture import make_batch, make_model

    from magenta_lite.training.step import TrainStep
    from magenta_lite.training.strategies import make_strategy

    strategy = make_strategy(
        "mirrored" if num_devices > 1 else "one", num_devices
    )
    assert strategy.num_replicas_in_sync == num_devices
    with strategy.scope():
        model = make_model()
        optimizer = keras.optimizers.SGD(0.5)
        optimizer.build(model.trainable_variables)
    batch = {k: tf.constant(v) for k, v in make_batch(3, NUM_ROWS).items()}
    step = TrainStep(
        model,
        optimizer,
        strategy,
        {name: tf.TensorSpec(t.shape, t.dtype) for name, t in batch.items()},
        seed=0,
    )
    sums, _, _ = step.read([step(batch)])
    return sums


def in_a_process(num_devices):
    done = subprocess.run(
        [sys.executable, HERE, str(num_devices)],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(map(str, HERE.parents[1:3]))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("num_devices", [2, 3])
def test_every_row_counts_once(num_devices):
    alone, together = in_a_process(1), in_a_process(num_devices)
    assert set(alone) == set(together)
    # Sums, which twice the rows would double; means would hide it.
    assert alone["events"][0] > NUM_ROWS
    assert together["events"][0] == alone["events"][0]
    assert together["loss"] == pytest.approx(alone["loss"], rel=1e-5)


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
