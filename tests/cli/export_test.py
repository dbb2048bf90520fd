import gin
import numpy as np
import pytest
from cli_fixture import run_command, run_train
from original_bundles import rnn_variables, saved

from magenta_lite.bundles.bundle import read_bundle
from magenta_lite.cli import export, samples
from magenta_lite.errors import UserError
from magenta_lite.training.run_dir import load_run


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "make_sample_fn", lambda *args: None)
        data_dir = tmp_path_factory.mktemp("data")
        run_train(path, data_dir, "--dataset=synthetic")
    gin.clear_config()
    return path


def test_the_bundle_is_the_run(run_dir, tmp_path, capsys):
    path = tmp_path / "new" / "toy.mag"
    arguments = [
        f"--run_dir={run_dir}",
        f"--bundle_file={path}",
        "--bundle_description=a toy",
    ]
    assert run_command(export, *arguments) == 0
    run, bundle = load_run(run_dir), read_bundle(path)
    assert (bundle.id, bundle.description) == ("basic_rnn", "a toy")
    assert (bundle.codec, bundle.encoding) == (run.codec, run.encoding)
    for ours, theirs in zip(
        run.model.weights, bundle.model.weights, strict=True
    ):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    provenance = bundle.manifest["provenance"]
    assert provenance["recipe"] == "basic_rnn"
    assert provenance["step"] == run.step > 0
    assert provenance["dataset"]["name"] == "synthetic"
    assert "train.recipe" in provenance["config"]
    assert str(run_dir.parent) not in str(bundle.manifest)
    printed = capsys.readouterr().out
    assert "basic_rnn" in printed and str(path) in printed

    before = path.read_bytes()
    with pytest.raises(UserError, match="--overwrite"):
        run_command(export, *arguments)
    assert path.read_bytes() == before
    run_command(export, *arguments, "--overwrite", "--checkpoint=latest")
    again = path.read_bytes()
    run_command(export, *arguments, "--overwrite", "--checkpoint=latest")
    assert path.read_bytes() == again


def test_a_checkpoint_of_the_original_becomes_a_bundle(tmp_path, capsys):
    variables = rnn_variables(74, (4, 3), 40, "first")
    saved(variables, tmp_path, version=2, slots=True)
    path = tmp_path / "ours.mag"
    run_command(
        export,
        f"--from={tmp_path}",
        f"--bundle_file={path}",
        "--attention_length=9",
        "--bundle_description=from 2017",
    )
    bundle = read_bundle(path)
    assert (bundle.id, bundle.description) == ("attention_rnn", "from 2017")
    assert bundle.model.attention_length == 9
    np.testing.assert_array_equal(
        bundle.model.head.kernel.numpy(), variables["fully_connected/weights"]
    )
    assert bundle.manifest["provenance"] == {
        "made_by": "the original Magenta",
        "id": "attention_rnn",
        "converted_from": tmp_path.name,
    }
    again = tmp_path / "again.mag"
    run_command(export, f"--from={path}", f"--bundle_file={again}")
    assert read_bundle(again).description == "from 2017"
    assert "attention_rnn" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--run_dir"),
        (["--run_dir=x", "--from=y"], "--from"),
        (["--from=no.mag", "--bundle_file=a.mag"], "no.mag"),
        (["--run_dir=x"], "--bundle_file"),
        (["--run_dir=no/run", "--bundle_file=a.mag"], "no/run"),
    ],
)
def test_bad_requests_are_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        run_command(export, *arguments)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
