"""Overlays of gin/runs that change how a run computes, end to end."""

import json
import os

import gin
import numpy as np
import pytest
from cli_fixture import run_command, run_train

from magenta_lite.bundles.bundle import read_bundle
from magenta_lite.cli import export, generate, samples
from magenta_lite.training.run_dir import checkpoints_of, load_run

RECIPES = {
    "melody_rnn": "recipes/melody_rnn/basic_rnn.gin",
    "music_vae": "recipes/music_vae/cat-mel_2bar_small.gin",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(samples, "make_sample_fn", lambda *args: None)
    yield
    gin.clear_config()


@pytest.mark.slow
@pytest.mark.parametrize("overlay", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("family", RECIPES)
def test_mixed_precision_trains_exports_and_plays(family, overlay, tmp_path):
    losses = {}
    for name in ("float32", overlay):
        overlays = [] if name == "float32" else [f"--gin_file=runs/{name}.gin"]
        assert not run_train(
            tmp_path / name,
            tmp_path / "data",
            *overlays,
            "--dataset=synthetic",
            "--gin_param=NUM_STEPS=6",
            recipe=RECIPES[family],
        )
        gin.clear_config()
        losses[name] = [
            line["loss"]
            for line in map(
                json.loads,
                (tmp_path / name / "metrics.jsonl").read_text().splitlines(),
            )
            if line["split"] == "validation"
        ]
    # Eight bits of a bfloat16 are right, where a device computes in it.
    np.testing.assert_allclose(losses[overlay], losses["float32"], rtol=0.02)
    bundle = tmp_path / "toy.mag"
    run_command(
        export, f"--run_dir={tmp_path / overlay}", f"--bundle_file={bundle}"
    )
    assert all(w.dtype == "float32" for w in read_bundle(bundle).model.weights)
    assert not run_command(
        generate,
        f"--bundle_file={bundle}",
        f"--output_dir={tmp_path / 'music'}",
        "--num_outputs=1",
        "--seed=1",
    )
    assert list((tmp_path / "music").glob("*.mid"))


@pytest.mark.slow
def test_averages_are_exported_from_any_checkpoint(tmp_path):
    arguments = [
        "--gin_file=runs/averages.gin",
        "--gin_param=Adam.ema_momentum=0.5",
        "--dataset=synthetic",
    ]
    run_dir, whole = tmp_path / "run", tmp_path / "whole"
    run_train(run_dir, tmp_path / "data", *arguments)
    run_train(run_dir, tmp_path / "data", *arguments, "--gin_param=NUM_STEPS=4")
    run_train(whole, tmp_path / "data", *arguments, "--gin_param=NUM_STEPS=4")

    exported = {}
    for checkpoint in ("latest", "best"):
        bundle = tmp_path / f"{checkpoint}.mag"
        run_command(
            export,
            f"--run_dir={run_dir}",
            f"--bundle_file={bundle}",
            f"--checkpoint={checkpoint}",
        )
        exported[checkpoint] = weights_of(read_bundle(bundle).model)
    # Here the last step is the best, and resuming has lost no average.
    assert load_run(run_dir, "best").step == 4
    for latest, best, other in zip(
        exported["latest"],
        exported["best"],
        weights_of(load_run(whole, "latest").model),
        strict=True,
    ):
        np.testing.assert_array_equal(latest, best)
        np.testing.assert_array_equal(latest, other)


@pytest.mark.slow
def test_averages_are_found_by_a_relative_path(tmp_path, monkeypatch):
    run_dir = tmp_path / "run"
    run_train(
        run_dir,
        tmp_path / "data",
        "--gin_file=runs/averages.gin",
        "--gin_param=Adam.ema_momentum=0.5",
        "--dataset=synthetic",
    )
    monkeypatch.chdir(tmp_path)
    *_, checkpoint, _ = checkpoints_of(run_dir)  # before the best
    assert load_run(run_dir, checkpoint).step == 2  # at 1 they are equal
    for relative, absolute in zip(
        weights_of(load_run(run_dir, os.path.relpath(checkpoint)).model),
        weights_of(load_run(run_dir, checkpoint).model),
        strict=True,
    ):
        np.testing.assert_array_equal(relative, absolute)


def weights_of(model):
    return [weight.numpy() for weight in model.weights]
