"""Every recipe, at toy size, from training to music.

A recipe trains, is exported, reloaded, and plays; one of each family is also
stopped and taken up again. New files in gin/recipes are tested without a change
here.
"""

import json
import os
import signal

import gin
import numpy as np
import pytest
from absl import flags

from magenta_lite.bundles.bundle import read_bundle, write_bundle
from magenta_lite.cli import config, samples, train
from magenta_lite.generation.generator import Generator
from magenta_lite.training.run_dir import load_run

RECIPES = [name for name in config.gin_names() if name.startswith("recipes/")]
# Exact resumption is the loop's affair; a recipe of each family is enough.
FIRST_OF_FAMILIES = list({os.path.dirname(r): r for r in RECIPES}.values())


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


@pytest.fixture
def stop_at(monkeypatch):
    """Presses Ctrl-C after the evaluation of a step; 0 for never."""
    step_to_stop = [0]

    def make_sample_fn(*args):
        def sample(step):
            if step == step_to_stop[0]:
                os.kill(os.getpid(), signal.SIGINT)
            return []

        return sample

    monkeypatch.setattr(samples, "make_sample_fn", make_sample_fn)

    def set_step(step):
        step_to_stop[0] = step

    return set_step


def run_recipe(recipe, run_dir, data_dir):
    flag_values = flags.FlagValues()
    train.define_flags(flag_values)
    flag_values(
        [
            "train",
            f"--gin_file={recipe}",
            "--gin_file=runs/smoke.gin",
            f"--run_dir={run_dir}",
            f"--data_dir={data_dir}",
        ]
    )
    return train.main([], flag_values)


def losses_of(run_dir):
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return {
        (line["split"], line["step"]): line["loss"]
        for line in map(json.loads, lines)
    }


@pytest.mark.slow
@pytest.mark.parametrize("recipe", FIRST_OF_FAMILIES)
def test_is_taken_up_again_exactly(recipe, tmp_path, data_dir, stop_at):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run_recipe(recipe, whole, data_dir) == 0
    stop_at(1)
    assert run_recipe(recipe, parts, data_dir) == train.INTERRUPTED_STATUS
    stop_at(0)
    assert run_recipe(recipe, parts, data_dir) == 0
    assert losses_of(parts) == losses_of(whole)
    assert_same_weights(load_run(whole, "latest"), load_run(parts, "latest"))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_trains_exports_reloads_and_plays(recipe, tmp_path, data_dir, stop_at):
    stop_at(0)  # and no samples, each of which would be compiled
    run_dir = tmp_path / "run"
    assert run_recipe(recipe, run_dir, data_dir) == 0
    losses = losses_of(run_dir)
    assert sorted(losses) == [
        (split, step) for split in ("train", "validation") for step in (1, 2)
    ]
    assert np.isfinite(list(losses.values())).all()

    run = load_run(run_dir)
    bundle_file = tmp_path / "toy.mag"
    write_bundle(
        bundle_file, model=run.model, codec=run.codec, bundle_id=run.recipe
    )
    bundle = read_bundle(bundle_file)
    assert bundle.codec == run.codec
    assert bundle.model.encoding == run.model.encoding
    assert_same_weights(bundle, run)
    assert len(play(bundle)) == 2

    # The run's own configuration, without any other file, is the same run.
    config.parse([str(run_dir / "config.gin")], entry="train")
    assert "BATCH_SIZE = 2" in gin.config_str()


def assert_same_weights(one, other):
    for a, b in zip(one.model.weights, other.model.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def play(trained):
    """Music of a model in a run or a bundle."""
    generator = Generator(trained.model, trained.codec, jit_compile=False)
    return generator.generate(num_steps=24, num_outputs=2, seed=5)
