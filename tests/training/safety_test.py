"""What keeps a run safe: skipped steps, averages, locks, leftovers."""

import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
import training_fixture
from training_fixture import Fixture, make_batch, make_model

from magenta_lite.batch import EVENTS
from magenta_lite.errors import UserError
from magenta_lite.training import averages
from magenta_lite.training.loss_scale import LossScale
from magenta_lite.training.run_dir import RunDir, RunError, checkpoints_of
from magenta_lite.training.schedules import WarmUpInverseSquareRoot
from magenta_lite.training.step import TrainStep


def make_step(model, optimizer, **options):
    optimizer.build(model.trainable_variables)
    batch = {k: tf.constant(v) for k, v in make_batch(3, 4).items()}
    step = TrainStep(
        model,
        optimizer,
        tf.distribute.get_strategy(),
        {name: tf.TensorSpec(t.shape, t.dtype) for name, t in batch.items()},
        seed=0,
        **options,
    )
    return step, batch


class Spoilt(training_fixture.Bigrams):
    """Its loss is not finite where the first event is 0."""

    def loss_and_metrics(self, batch, training, seed=None):
        loss, metrics = super().loss_and_metrics(batch, training, seed)
        bad = tf.equal(batch[EVENTS][0, 0], 0)
        return loss * tf.where(bad, float("nan"), 1.0), metrics


class Steep(training_fixture.Bigrams):
    """Its gradients overflow where the loss is scaled too far."""

    def loss_and_metrics(self, batch, training, seed=None):
        loss, metrics = super().loss_and_metrics(batch, training, seed)
        return loss * 1000, metrics


def test_step_without_finite_gradient_changes_nothing_but_is_counted():
    model = make_model()
    model.__class__ = Spoilt
    optimizer = keras.optimizers.Adam(0.1)
    step, batch = make_step(model, optimizer)
    bad = batch | {EVENTS: batch[EVENTS] * 0}
    good = batch | {EVENTS: tf.ones_like(batch[EVENTS])}

    results = [step(good)]
    before = [v.numpy() for v in model.weights + optimizer.variables[1:]]
    results.append(step(bad))
    after = [v.numpy() for v in model.weights + optimizer.variables[1:]]
    results.append(step(good))

    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(optimizer.iterations.numpy()) == 3
    sums, objectives, skipped = step.read(results)
    assert skipped == [False, True, False]
    assert np.isnan(objectives[1]) and np.isfinite(objectives[::2]).all()
    assert sums["skipped"] == (1.0, 1.0)
    assert sums["loss"][0] == pytest.approx(
        (objectives[0] + objectives[2]) * sums["loss"][1] / 2, rel=1e-5
    )
    assert step.num_traces == 1


def test_scaled_loss_makes_the_same_step_and_overflow_halves_the_scale():
    plain, scaled = make_model(), make_model()
    plain.__class__ = scaled.__class__ = Steep
    step, batch = make_step(plain, keras.optimizers.SGD(1e-3))
    step(batch)
    scale = LossScale(used=True)
    step, _ = make_step(scaled, keras.optimizers.SGD(1e-3), loss_scale=scale)
    step(batch)
    np.testing.assert_allclose(scaled.table, plain.table, atol=1e-6)
    assert (float(scale.scale), int(scale.num_finite)) == (2.0**15, 1)

    scale.scale.assign(3e38)
    before = scaled.table.numpy()
    _, _, skipped = step.read([step(batch)])
    assert skipped == [True]
    np.testing.assert_array_equal(scaled.table, before)
    assert float(scale.scale) == pytest.approx(1.5e38)


def test_scale_grows_after_many_finite_steps():
    scale = LossScale(used=True)
    scale.num_finite.assign(1999)
    scale.update(tf.constant(True))
    assert (float(scale.scale), int(scale.num_finite)) == (2.0**16, 0)
    scale.update(tf.constant(False))
    assert float(scale.scale) == 2.0**15


def test_too_many_skipped_steps_end_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(training_fixture, "Bigrams", Spoilt)
    monkeypatch.setattr(
        training_fixture,
        "make_batch",
        lambda i, rows=3: {
            k: v * 0 if k == EVENTS else v for k, v in make_batch(i).items()
        },
    )
    fixture = Fixture(tmp_path, max_skipped=3, log_every=1)
    with pytest.raises(UserError, match="loss became nan at step 3"):
        fixture.start()


def test_averages_are_what_is_evaluated_and_kept(tmp_path, monkeypatch):
    adam = keras.optimizers.Adam
    monkeypatch.setattr(
        keras.optimizers,
        "Adam",
        lambda rate: adam(rate, use_ema=True, ema_momentum=0.5),
    )
    seen = {}

    def evaluate(batches):
        seen["evaluated"] = fixture.model.table.numpy()
        return {"loss": 1.0}

    fixture = Fixture(tmp_path, num_steps=4, eval_every=4)
    fixture.start(evaluate_fn=evaluate)
    raw = fixture.model.table.numpy()
    assert np.abs(seen["evaluated"] - raw).max() > 1e-4

    best, latest = (
        tf.train.load_checkpoint(str(fixture.run.checkpoint_dir(kind)))
        for kind in ("best", "latest")
    )
    name = "model/_values/0/.ATTRIBUTES/VARIABLE_VALUE"
    np.testing.assert_array_equal(best.get_tensor(name), seen["evaluated"])
    np.testing.assert_array_equal(latest.get_tensor(name), raw)


def test_averages_are_keras_own():
    model = make_model()
    optimizer = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9)
    step, batch = make_step(model, optimizer)
    step(batch)  # the first step sets the average
    first = model.table.numpy()
    step(batch)
    second = model.table.numpy()
    with averages.in_place(model, optimizer):
        np.testing.assert_allclose(
            model.table, 0.9 * first + 0.1 * second, atol=1e-6
        )
    np.testing.assert_array_equal(model.table, second)


def test_lock_names_the_process_and_goes_with_it(tmp_path):
    run = RunDir(tmp_path / "run")
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(f"""
                import fcntl, os, sys, time
                os.makedirs({str(run.path)!r})
                file = open({str(run.lock_file)!r}, "w")
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(f"process {{os.getpid()}} on here")
                file.flush()
                print("held", flush=True)
                sys.stdin.read()
            """),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(RunError, match=f"process {holder.pid} on here"),
        run.lock(),
    ):
        pass
    holder.kill()
    holder.communicate()
    with run.lock():
        assert f"process {os.getpid()} on" in run.lock_file.read_text()
    assert not run.lock_file.exists()


def test_lock_leaves_no_empty_folder(tmp_path):
    run = RunDir(tmp_path / "run")
    with pytest.raises(ValueError), run.lock():
        raise ValueError
    assert not run.path.exists()


def test_run_killed_while_it_began_can_begin_again(tmp_path):
    run = RunDir(tmp_path)
    run.config_file.write_text("x = 1")
    run.lock_file.write_text("process 1 on here")
    (tmp_path / ".manifest.json.77").write_text("{")
    run.check_empty()
    with run.lock():
        run.create({}, "x = 2")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.gin",
        "manifest.json",
    ]


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    fixture = Fixture(tmp_path)
    fixture.start()
    folder = fixture.run.checkpoint_dir("latest")
    before = sorted(path.name for path in folder.iterdir())
    (folder / "ckpt-9.data-00000-of-00001").write_bytes(b"half")
    (folder / "ckpt-9_temp").mkdir()
    (folder / "ckpt-9_temp" / "part").write_bytes(b"half")
    fixture.start()
    assert sorted(path.name for path in folder.iterdir()) == before


def test_all_checkpoints_are_found(tmp_path):
    fixture = Fixture(tmp_path)
    fixture.start()
    names = [
        "/".join(p.split("/")[-2:]) for p in checkpoints_of(fixture.run.path)
    ]
    assert names[:2] == ["latest/ckpt-3", "latest/ckpt-6"]
    assert names[2].startswith("best/ckpt-")


def test_warm_up_rises_to_its_peak_and_falls_with_the_root():
    schedule = WarmUpInverseSquareRoot(0.8, warm_up_steps=4)
    rates = [float(schedule(step)) for step in (0, 1, 3, 15)]
    np.testing.assert_allclose(rates, [0.2, 0.4, 0.8, 0.4], rtol=1e-6)
    again = WarmUpInverseSquareRoot.from_config(schedule.get_config())
    assert float(again(1)) == pytest.approx(0.4)
    with pytest.raises(ValueError, match="above 0"):
        WarmUpInverseSquareRoot(0.8, 0)
