import json

import gin
import pytest
from cli_fixture import run_evaluate, run_train

from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.cli import samples
from magenta_lite.errors import UserError
from magenta_lite.training.run_dir import load_run


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory, data_dir):
    """A toy run that validates on whole examples, as evaluation does.

    It learns from moved melodies: validation must not see them so.
    """
    path = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "make_sample_fn", lambda *args: None)
        run_train(
            path,
            data_dir,
            "--gin_param=MAX_EVENTS=None",
            "--gin_file=runs/transposition.gin",
            "--gin_param=RandomTranspose.shifts=(5,)",
            "--dataset=synthetic",
        )
    gin.clear_config()
    return path


@pytest.fixture(scope="module")
def bundle_file(run_dir, tmp_path_factory):
    run = load_run(run_dir)
    path = tmp_path_factory.mktemp("bundles") / "toy.mag"
    write_bundle(path, model=run.model, codec=run.codec, bundle_id="toy")
    return path


def fails(*arguments):
    with pytest.raises(UserError) as error:
        run_evaluate(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_run_scores_as_it_did_in_training(run_dir, data_dir, tmp_path, capsys):
    output = tmp_path / "new" / "result.json"
    run_evaluate(data_dir, f"--run_dir={run_dir}", f"--output_json={output}")
    result = json.loads(output.read_text())
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    losses = [
        line["loss"]
        for line in map(json.loads, lines)
        if line["split"] == "validation"
    ]
    assert result["metrics"]["loss"] == pytest.approx(min(losses), rel=1e-5)
    assert (result["dataset"], result["split"]) == ("synthetic", "validation")
    assert result["num_examples"] == 125  # melodies and basses of 64 tunes
    assert result["id"] == "basic_rnn"

    unigram, bigram, repeat = (
        result["baselines"][name]["loss"]
        for name in ("unigram", "bigram", "repeat_bar")
    )
    assert bigram < unigram
    closing = capsys.readouterr().out.splitlines()[-1]
    assert closing == (
        f"validation loss (nats an event): model {min(losses):.4f}, "
        f"unigram {unigram:.4f}, bigram {bigram:.4f}, repeat_bar {repeat:.4f}"
    )


def test_all_checkpoints_are_scored(run_dir, data_dir, tmp_path, capsys):
    output = tmp_path / "result.json"
    run_evaluate(
        data_dir,
        f"--run_dir={run_dir}",
        "--checkpoint=all",
        f"--output_json={output}",
    )
    results = json.loads(output.read_text())
    names = [result["checkpoint"] for result in results]
    assert names[:2] == ["latest/ckpt-1", "latest/ckpt-2"]
    assert names[2].startswith("best/")
    lowest = min(result["metrics"]["loss"] for result in results[:2])
    assert results[2]["metrics"]["loss"] == pytest.approx(lowest)
    assert results[0]["baselines"] and not results[1]["baselines"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == names


def test_bundle_scores_like_its_run(run_dir, bundle_file, data_dir, tmp_path):
    results = []
    for source in (f"--run_dir={run_dir}", f"--bundle_file={bundle_file}"):
        output = tmp_path / "result.json"
        run_evaluate(
            data_dir,
            source,
            "--dataset=synthetic",
            "--split=test",
            "--nobaselines",
            "--batch_size=7",
            f"--output_json={output}",
        )
        results.append(json.loads(output.read_text()))
    assert results[0]["metrics"] == results[1]["metrics"]
    assert results[1]["baselines"] == {}
    assert results[1]["id"] == "toy"
    assert results[1]["split"] == "test"


def test_wrong_flags(run_dir, bundle_file, data_dir):
    assert "either --bundle_file or --run_dir" in fails(data_dir)
    assert "either --bundle_file or --run_dir" in fails(
        data_dir, f"--run_dir={run_dir}", f"--bundle_file={bundle_file}"
    )
    assert "give --dataset" in fails(data_dir, f"--bundle_file={bundle_file}")
    message = fails(data_dir, f"--run_dir={run_dir}", "--split=tset")
    assert "choose from train, validation, test" in message


def test_wrong_places(data_dir, run_dir, tmp_path):
    message = fails(data_dir, f"--run_dir={tmp_path}")
    assert "holds no run" in message
    message = fails(data_dir, f"--bundle_file={tmp_path / 'no.mag'}")
    assert "no.mag" in message
    message = fails(data_dir, f"--run_dir={run_dir}", "--dataset=nowhere")
    assert "bin/prepare.py" in message
