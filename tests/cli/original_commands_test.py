"""An original bundle through every command, as it is and converted."""

import json
import pathlib

import gin
import numpy as np
import pytest
from cli_fixture import run_command, run_evaluate, run_train
from original_bundles import bundle_bytes, metagraph, rnn_variables, saved

from magenta_lite.bundles.bundle import read_bundle
from magenta_lite.cli import export, generate, samples
from magenta_lite.notes import midi
from magenta_lite.training.run_dir import load_run


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An original bundle of a lookback_rnn, and what export makes of it."""
    folder = tmp_path_factory.mktemp("bundles")
    prefix = saved(rnn_variables(121, (8,), 40), folder)
    original, converted = folder / "original.mag", folder / "ours.mag"
    checkpoint = pathlib.Path(prefix).read_bytes()
    original.write_bytes(bundle_bytes("lookback_rnn", checkpoint, metagraph()))
    run_command(export, f"--from={original}", f"--bundle_file={converted}")
    return original, converted


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def test_both_make_the_same_music(files, tmp_path):
    made = []
    for path in files:
        folder = tmp_path / path.stem
        run_command(
            generate,
            f"--bundle_file={path}",
            f"--output_dir={folder}",
            "--num_outputs=2",
            "--num_steps=24",
            "--seed=5",
            "--formats=mid",
            "--primer_melody=[60, -2, 62, -2]",
        )
        made.append(
            [midi.read_midi(file).notes for file in sorted(folder.iterdir())]
        )
    assert made[0] == made[1] and len(made[0]) == 2


def test_both_score_alike_on_a_dataset(files, data_dir, tmp_path):
    losses = []
    for path in files:
        output = tmp_path / "result.json"
        run_evaluate(
            data_dir,
            f"--bundle_file={path}",
            "--dataset=synthetic",
            f"--output_json={output}",
        )
        result = json.loads(output.read_text())
        assert result["id"] == "lookback_rnn"
        losses.append(result["metrics"]["loss"])
    assert losses[0] == losses[1] > 0


def test_training_goes_on_from_it_and_exports(
    files, data_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr(samples, "make_sample_fn", lambda *args: None)
    run_dir = tmp_path / "run"
    run_train(
        run_dir,
        data_dir,
        f"--warm_start_bundle={files[0]}",
        "--gin_param=LEARNING_RATE=1e-9",
        "--dataset=synthetic",
        recipe="recipes/melody_rnn/lookback_rnn.gin",
    )
    gin.clear_config()
    run = load_run(run_dir)
    assert run.manifest["warm_start"]["bundle_id"] == "lookback_rnn"
    path = tmp_path / "again.mag"
    run_command(export, f"--run_dir={run_dir}", f"--bundle_file={path}")
    for one, other in zip(
        read_bundle(files[0]).model.weights,
        read_bundle(path).model.weights,
        strict=True,
    ):
        np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6)
