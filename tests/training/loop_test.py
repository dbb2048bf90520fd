import json
import os
import resource
import signal

import numpy as np
import pytest
import tensorflow as tf
import training_fixture
from training_fixture import Fixture, make_batch, train_batches

from magenta_lite.errors import UserError
from magenta_lite.training.exhibits import Picture
from magenta_lite.training.loop import LoopOptions


def lines_of(fixture, split):
    lines = fixture.run.metrics_file.read_text().splitlines()
    return [m for m in map(json.loads, lines) if m["split"] == split]


def losses_of(fixture, split="train"):
    return {line["step"]: line["loss"] for line in lines_of(fixture, split)}


def stop_at(step, number=signal.SIGINT):
    """Batches that press Ctrl-C when the batch of a step is asked for."""

    def batches(start_step):
        def press(i, batch):
            if i + start_step == step:
                os.kill(os.getpid(), number)
            return batch

        dataset = train_batches(start_step)
        wrapped = (press(i, b) for i, b in enumerate(dataset))
        return WithSpec(wrapped, dataset.element_spec)

    return batches


class WithSpec:
    def __init__(self, items, element_spec):
        self._items = items
        self.element_spec = element_spec

    def __iter__(self):
        return iter(self._items)


def test_finished_run_leaves_what_its_readers_need(tmp_path):
    fixture = Fixture(tmp_path)
    result = fixture.start()

    assert (result.status, result.start_step, result.step) == (
        "finished",
        0,
        6,
    )
    assert sorted(losses_of(fixture)) == [1, 2, 3, 4, 5, 6]
    validation = losses_of(fixture, "validation")
    assert sorted(validation) == [3, 6]
    assert result.best_loss == pytest.approx(min(validation.values()))
    assert result.best_step == min(validation, key=validation.get)
    last = lines_of(fixture, "train")[-1]
    assert last["learning_rate"] == pytest.approx(0.01)
    assert last["perplexity"] == pytest.approx(np.exp(last["loss"]), rel=1e-6)
    assert last["events_per_second"] > 0
    assert last["gradient_norm"] > 0
    assert list(fixture.run.tensorboard_dir.glob("train/events.*"))
    assert list(fixture.run.tensorboard_dir.glob("validation/events.*"))


def test_longer_training_learns(tmp_path):
    fixture = Fixture(tmp_path, num_steps=60, eval_every=30, log_every=30)
    fixture.start()
    losses = losses_of(fixture)
    assert sorted(losses) == [30, 60]
    assert losses[60] < losses[30]


def test_training_loss_of_a_look_averages_over_events(tmp_path):
    each = Fixture(tmp_path / "a")
    each.start()
    pairs = Fixture(tmp_path / "b", log_every=2)
    pairs.start()
    weights = {s + 1: (make_batch(s)["lengths"] - 1).sum() for s in (4, 5)}
    losses = losses_of(each)
    expected = sum(losses[s] * w for s, w in weights.items()) / sum(
        weights.values()
    )
    assert losses_of(pairs)[6] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_and_continued_run_equals_uninterrupted_one(tmp_path, number):
    whole = Fixture(tmp_path / "whole")
    whole.start()

    parts = Fixture(tmp_path / "parts")
    result = parts.start(stop_at(4, number))
    assert (result.status, result.step) == ("interrupted", 5)
    result = parts.start()
    assert (result.status, result.start_step) == ("finished", 5)

    assert losses_of(parts) == losses_of(whole)
    assert losses_of(parts, "validation") == losses_of(whole, "validation")
    for a, b in zip(parts.weights(), whole.weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_killed_run_goes_on_from_its_last_checkpoint(tmp_path):
    whole = Fixture(tmp_path / "whole")
    whole.start()

    def dies(start_step):
        return WithSpec(crash(train_batches(start_step)), spec)

    def crash(batches):
        for i, batch in enumerate(batches):
            if i == 5:
                raise RuntimeError("power cut")
            yield batch

    spec = train_batches(0).element_spec
    parts = Fixture(tmp_path / "parts")
    with pytest.raises(RuntimeError, match="power cut"):
        parts.start(dies)
    assert sorted(losses_of(parts)) == [1, 2, 3, 4, 5]
    result = parts.start()
    assert result.start_step == 3
    assert losses_of(parts) == losses_of(whole)


def test_run_stopped_while_evaluating_evaluates_that_step_again(tmp_path):
    fixture = Fixture(tmp_path)

    def press(batches):
        os.kill(os.getpid(), signal.SIGINT)
        list(batches)

    result = fixture.start(evaluate_fn=press)
    assert (result.status, result.step) == ("interrupted", 3)
    assert losses_of(fixture, "validation") == {}
    fixture.start()
    assert sorted(losses_of(fixture, "validation")) == [3, 6]


def test_finished_run_is_left_alone_and_can_be_prolonged(tmp_path):
    fixture = Fixture(tmp_path)
    fixture.start()
    before = fixture.run.metrics_file.read_text()
    result = fixture.start()
    assert (result.status, result.start_step) == ("finished", 6)
    assert fixture.run.metrics_file.read_text() == before

    longer = Fixture(tmp_path, num_steps=9)
    result = longer.start()
    assert (result.start_step, result.step) == (6, 9)
    assert sorted(losses_of(longer)) == list(range(1, 10))


def test_stops_early_and_stays_stopped(tmp_path):
    losses = {1: 3.0, 2: 1.0, 3: 2.0, 4: 1.5, 5: 0.5}
    steps = iter(losses)
    fixture = Fixture(tmp_path, eval_every=1, patience=2, num_steps=5)
    result = fixture.start(
        evaluate_fn=lambda batches: {"loss": losses[next(steps)]}
    )
    assert (result.status, result.step) == ("early_stopped", 4)
    assert (result.best_step, result.best_loss) == (2, 1.0)
    result = fixture.start(evaluate_fn=lambda batches: pytest.fail("evaluated"))
    assert (result.status, result.start_step) == ("early_stopped", 4)


def test_keeps_the_last_checkpoints_and_the_best(tmp_path):
    fixture = Fixture(
        tmp_path, eval_every=1, num_steps=5, checkpoints_to_keep=2
    )
    losses = iter([3.0, 1.0, 2.0, 2.0, 2.0])
    fixture.start(evaluate_fn=lambda batches: {"loss": next(losses)})

    def steps(kind):
        files = fixture.run.checkpoint_dir(kind).glob("*.index")
        return sorted(int(f.stem.split("-")[-1]) for f in files)

    assert steps("latest") == [4, 5]
    assert steps("best") == [2]


def test_divergence_names_step_and_last_good_checkpoint(tmp_path):
    fixture = Fixture(tmp_path, learning_rate=float("inf"), eval_every=1)
    with pytest.raises(UserError) as error:
        fixture.start(evaluate_fn=lambda batches: {"loss": 1.0})
    assert "at step 2" in str(error.value)
    assert "latest/ckpt-1" in str(error.value)
    assert "\n" not in str(error.value)


def test_unfinite_validation_loss_saves_nothing(tmp_path):
    fixture = Fixture(tmp_path)
    with pytest.raises(UserError, match="validation loss is nan at step 3"):
        fixture.start(evaluate_fn=lambda batches: {"loss": float("nan")})
    assert not fixture.run.checkpoint_dir("latest").exists()


def test_full_disk_is_one_line_and_keeps_the_checkpoint_before(tmp_path):
    fixture = Fixture(tmp_path)
    fixture.start()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fills_disk(batches):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        return {"loss": 0.1}

    longer = Fixture(tmp_path, num_steps=9)
    try:
        with pytest.raises(UserError) as error:
            longer.start(evaluate_fn=fills_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "checkpoint of step 9 could not be written" in str(error.value)
    assert "latest/ckpt-6" in str(error.value)
    result = longer.start()
    assert (result.start_step, result.status) == (6, "finished")


def test_batches_of_all_shapes_are_traced_once(tmp_path, monkeypatch):
    from magenta_lite.training import loop

    steps = []

    class Spy(loop.TrainStep):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            steps.append(self)

    monkeypatch.setattr(loop, "TrainStep", Spy)
    Fixture(tmp_path, num_steps=8).start()
    assert [step.num_traces for step in steps] == [1]


def test_sample_pictures_and_config_reach_tensorboard(tmp_path):
    fixture = Fixture(tmp_path)
    picture = np.zeros([4, 5, 3], np.uint8)
    asked = []

    def sample(step):
        asked.append(step)
        return [Picture("sample", picture)]

    fixture.start(sample_fn=sample, config_text="train.seed = 3")
    assert asked == [3, 6]
    tags = set()
    for file in fixture.run.tensorboard_dir.rglob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            tags |= {value.tag for value in event.summary.value}
    assert {"sample", "batch", "config", "loss", "perplexity"} <= tags


@pytest.mark.parametrize(
    "option", ["num_steps", "eval_every", "log_every", "clip_norm", "patience"]
)
def test_options_must_be_positive(option):
    with pytest.raises(ValueError, match=f"{option} is 0"):
        LoopOptions(**{"num_steps": 1, option: 0})


def test_what_a_model_complains_of_is_shown(tmp_path, capsys, monkeypatch):
    def complaints(self, metrics):
        return [f"loss is {metrics['loss']:.1f}."]

    monkeypatch.setattr(training_fixture.Bigrams, "complaints", complaints)
    Fixture(tmp_path).start()
    shown = capsys.readouterr().out
    assert "step 3/6  warning: loss is" in shown
