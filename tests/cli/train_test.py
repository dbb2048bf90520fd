import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import gin
import numpy as np
import pytest
from cli_fixture import BASIC, run_command, run_train

from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.cli import evaluate, samples, train
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError
from magenta_lite.models.event_rnn import EventRnn
from magenta_lite.training.run_dir import load_run

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, data_dir):
    """A finished run; copy it to change it. `--dataset` wins over gin."""
    path = tmp_path_factory.mktemp("runs") / "basic"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "make_sample_fn", lambda *args: None)
        status = run_train(
            path,
            data_dir,
            "--gin_param=train.dataset='nowhere'",
            "--dataset=synthetic",
        )
    assert status == 0
    return path


@pytest.fixture
def run_dir(finished, tmp_path):
    return pathlib.Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No pictures, but where a test asks for them; gin as it was."""
    monkeypatch.setattr(samples, "make_sample_fn", lambda *args: None)
    yield
    gin.clear_config()


def fails(*arguments, **kwargs):
    with pytest.raises(UserError) as error:
        run_train(*arguments, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_run_dir_holds_what_readers_need(finished):
    manifest = json.loads((finished / "manifest.json").read_text())
    assert manifest["recipe"] == "basic_rnn"
    assert manifest["dataset"]["name"] == "synthetic"
    assert manifest["model"]["config"]["units"] == [8]
    assert manifest["codec"]["config"]["transpose_to_key"] == 0
    assert {"magenta_lite", "tensorflow"} <= manifest["versions"].keys()
    assert set(manifest["dataset"]["fingerprints"]) == {"train", "validation"}
    assert {"command", "started", "seed", "git"} <= manifest.keys()
    assert not (finished / "lock").exists()
    assert "EventRnn.dropout = 0.5" in (finished / "config.gin").read_text()
    assert (finished / "metrics.jsonl").is_file()
    assert list((finished / "tensorboard").rglob("events.*"))
    assert load_run(finished).step in (1, 2)


def test_same_command_goes_on_or_says_that_it_is_done(
    run_dir, data_dir, capsys
):
    run_train(run_dir, data_dir, "--dataset=synthetic")
    printed = capsys.readouterr().out
    assert "was finished before" in printed
    assert "validation loss" in printed
    assert f"--run_dir={run_dir}" in printed
    run_train(
        run_dir, data_dir, "--dataset=synthetic", "--gin_param=NUM_STEPS=3"
    )
    printed = capsys.readouterr().out
    assert "from step 2" in printed
    assert "finished at step 3" in printed


def losses_of(run_dir):
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return [
        (line["split"], line["step"], line["loss"])
        for line in map(json.loads, lines)
    ]


def test_folder_of_a_run_is_enough_to_do_it_again_elsewhere(finished, tmp_path):
    """Only its config.gin goes to a place without data, or any other file."""
    (tmp_path / "old").mkdir()
    shutil.copy(finished / "config.gin", tmp_path / "old")
    run_command(
        train,
        f"--gin_file={tmp_path / 'old' / 'config.gin'}",
        f"--run_dir={tmp_path / 'again'}",
        f"--data_dir={tmp_path / 'data'}",
    )
    assert losses_of(tmp_path / "again") == losses_of(finished)
    manifests = [
        json.loads((path / "manifest.json").read_text())
        for path in (finished, tmp_path / "again")
    ]
    assert manifests[0]["identity"] == manifests[1]["identity"]
    weights, same = (
        load_run(path, "latest").model.weights
        for path in (finished, tmp_path / "again")
    )
    for a, b in zip(weights, same, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_resume_needs_the_folder_alone(run_dir, data_dir, capsys):
    before = losses_of(run_dir)
    run_command(
        train,
        f"--run_dir={run_dir}",
        "--resume",
        "--gin_param=NUM_STEPS=3",
        f"--data_dir={data_dir}",
    )
    assert "from step 2" in capsys.readouterr().out
    assert losses_of(run_dir)[: len(before)] == before
    assert max(step for _, step, _ in losses_of(run_dir)) == 3
    with pytest.raises(UserError, match="no run to --resume"):
        run_command(train, f"--run_dir={run_dir.parent}", "--resume")


@pytest.mark.parametrize(
    "param, difference",
    [
        ("WIDTH=9", "model.config.units is [8] there and [9] here"),
        ("LEARNING_RATE=0.1", "learning_rate is 0.001 there and 0.1 here"),
        ("SEED=1", "seed is 0 there and 1 here"),
        ("PRECISION='mixed_bfloat16'", "precision"),
    ],
)
def test_run_dir_of_another_recipe_is_refused(
    run_dir, data_dir, param, difference
):
    config_text = (run_dir / "config.gin").read_text()
    message = fails(
        run_dir, data_dir, "--dataset=synthetic", f"--gin_param={param}"
    )
    assert difference in message
    assert (run_dir / "config.gin").read_text() == config_text


def test_folder_with_other_files_is_left_alone(tmp_path, data_dir):
    (tmp_path / "thesis.txt").write_text("mine")
    assert "holds files but no run" in fails(tmp_path, data_dir)
    assert [f.name for f in tmp_path.iterdir()] == ["thesis.txt"]


def test_dataset_that_gives_nothing_says_why_and_leaves_nothing(
    tmp_path, data_dir
):
    message = fails(
        tmp_path / "run", data_dir, "--gin_param=MelodyCodec.min_bars=1000"
    )
    assert "gives no example" in message
    assert not (tmp_path / "run").exists()


def test_dataset_that_is_not_prepared(tmp_path, data_dir):
    message = fails(tmp_path / "run", data_dir, "--dataset=nowhere")
    assert "'nowhere' is not prepared" in message
    assert "bin/prepare.py" in message
    assert not (tmp_path / "run").exists()


def test_value_that_a_component_refuses(tmp_path, data_dir):
    message = fails(
        tmp_path / "run", data_dir, "--gin_param=EventRnn.cell='gur'"
    )
    assert message.startswith("EventRnn: cell is 'gur'")
    message = fails(tmp_path / "run", data_dir, "--gin_param=NUM_STEPS=0")
    assert message.startswith("LoopOptions: num_steps is 0")


@pytest.mark.parametrize(
    "arguments, advice",
    [
        ([f"--gin_file={BASIC}"], "give --run_dir"),
        (["--run_dir=x"], "give --gin_file"),
        (["--run_dir=x", "--resume"], "no run to --resume"),
    ],
)
def test_flags_that_must_be_given(arguments, advice):
    with pytest.raises(UserError, match=advice):
        run_command(train, *arguments)


def test_warm_start_begins_with_the_weights_of_a_bundle(
    finished, tmp_path, data_dir
):
    first = load_run(finished, "latest")
    bundle_file = tmp_path / "first.mag"
    write_bundle(
        bundle_file, model=first.model, codec=first.codec, bundle_id="basic_rnn"
    )
    warm = [
        f"--warm_start_bundle={bundle_file}",
        "--gin_param=LEARNING_RATE=1e-9",
        "--gin_param=EventRnn.dropout=0.1",
        "--gin_param=MelodyCodec.min_bars=3",
        "--gin_param=SEED=8",
    ]
    run_train(tmp_path / "second", data_dir, *warm)
    second = load_run(tmp_path / "second", "latest")
    for a, b in zip(first.model.weights, second.model.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
    assert second.manifest["warm_start"]["bundle_id"] == "basic_rnn"

    message = fails(tmp_path / "third", data_dir, *warm, "--gin_param=WIDTH=9")
    assert "EventRnn.units = [8]" in message
    message = fails(
        tmp_path / "third", data_dir, *warm, "--gin_param=MIN_PITCH=36"
    )
    assert "MelodyCodec.min_pitch = 48" in message
    assert not (tmp_path / "third").exists()


def test_sample_is_a_picture_and_its_sound(monkeypatch):
    monkeypatch.undo()
    codec = MelodyCodec()
    model = EventRnn(OneHotEncoding(codec.num_events), units=(4,))
    picture, sound = samples.make_sample_fn(model, codec, seed=2**40)(7)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.ndim == 3 and picture.pixels.shape[2] == 3
    assert sound.samples.shape[1] == 2
    assert len(sound.samples) > sound.sample_rate


def test_flags_of_commands_do_not_clash_on_import():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import magenta_lite.cli.prepare, magenta_lite.cli.evaluate, "
            "magenta_lite.cli.train, sys; "
            "sys.exit('tensorflow' in sys.modules)",
        ],
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0
    assert evaluate.define_flags is not train.define_flags


def test_command_line_says_in_one_line_what_is_wrong(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "bin" / "train.py",
            "--gin_file=recipes/melody_rnn/basic_rn.gin",
            f"--run_dir={tmp_path / 'run'}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert "did you mean recipes/melody_rnn/basic_rnn.gin" in lines[0]
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path, data_dir):
    command = [
        sys.executable,
        ROOT / "bin" / "train.py",
        f"--gin_file={BASIC}",
        "--gin_file=runs/smoke.gin",
        "--gin_param=NUM_STEPS=1000000",
        "--gin_param=EVAL_EVERY=1000000",
        "--run_dir=run",
        f"--data_dir={data_dir}",
    ]
    metrics_file = tmp_path / "run" / "metrics.jsonl"
    for _ in range(2):
        num_lines = len(read_lines(metrics_file))
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        while len(read_lines(metrics_file)) < num_lines + 5:
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate()
        assert process.returncode == train.INTERRUPTED_STATUS
        assert "run the same command again to go on." in printed
    assert "going on with basic_rnn" in printed
    steps = [json.loads(line)["step"] for line in read_lines(metrics_file)]
    assert steps == list(range(1, len(steps) + 1))


def read_lines(path):
    return path.read_text().splitlines() if path.exists() else []
