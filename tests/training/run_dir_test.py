import json

import numpy as np
import pytest
import training_fixture
from training_fixture import Fixture

from magenta_lite.bundles import manifest as manifests
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError
from magenta_lite.models.event_rnn import EventRnn
from magenta_lite.training.checkpoints import Checkpoints
from magenta_lite.training.early_stopping import EarlyStopping
from magenta_lite.training.run_dir import RunDir, RunError, load_run


def fails(function, *args):
    with pytest.raises(RunError) as error:
        function(*args)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.fixture
def saved(tmp_path):
    """A run with a best checkpoint at step 4 and a latest one at step 7."""
    codec = MelodyCodec()
    model = EventRnn(OneHotEncoding(codec.num_events), units=(3,))
    run = RunDir(tmp_path / "run")
    manifest = {
        "recipe": "toy",
        "codec": manifests.describe(codec),
        "encoding": manifests.describe(model.encoding),
        "model": manifests.describe(model),
    }
    run.create({**manifest, "identity": {"seed": 3}}, "SEED = 3\n")
    optimizer = training_fixture.keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    checkpoints = Checkpoints(run, model, optimizer, EarlyStopping())
    checkpoints.save_best(4)
    best = [v.numpy() for v in model.weights]
    for variable in model.weights:
        variable.assign(variable + 1)
    checkpoints.save_latest(7)
    return run, codec, best


def test_run_loads_from_its_folder_alone(saved):
    run, codec, best = saved
    loaded = load_run(run.path)
    assert loaded.codec == codec
    assert loaded.encoding == OneHotEncoding(codec.num_events)
    assert loaded.model.units == (3,)
    assert (loaded.step, loaded.recipe) == (4, "toy")
    assert loaded.config_text == "SEED = 3\n"
    for a, b in zip(loaded.model.weights, best, strict=True):
        np.testing.assert_array_equal(a.numpy(), b)


def test_latest_checkpoint_can_be_asked_for(saved):
    run, _, best = saved
    loaded = load_run(str(run.path), "latest")
    assert loaded.step == 7
    for a, b in zip(loaded.model.weights, best, strict=True):
        np.testing.assert_array_equal(a.numpy(), b + 1)


def test_latest_stands_in_before_the_first_evaluation(saved):
    run, *_ = saved
    for file in run.checkpoint_dir("best").iterdir():
        file.unlink()
    assert load_run(run.path).step == 7


def test_moved_run_loads(saved, tmp_path):
    run, *_ = saved
    moved = tmp_path / "elsewhere"
    run.path.rename(moved)
    assert load_run(moved).step == 4


def test_folder_that_is_no_run(tmp_path):
    assert "does not exist" in fails(load_run, tmp_path / "nowhere")
    assert "holds no run" in fails(load_run, tmp_path)


def test_run_without_a_checkpoint(saved):
    run, *_ = saved
    for kind in ("best", "latest"):
        (run.checkpoint_dir(kind) / "checkpoint").unlink()
    assert "no checkpoint yet" in fails(load_run, run.path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": "x"}'])
def test_damaged_manifest(saved, text):
    run, *_ = saved
    run.manifest_file.write_text(text)
    assert "is damaged" in fails(load_run, run.path)


def test_manifest_without_a_part(saved):
    run, *_ = saved
    manifest = json.loads(run.manifest_file.read_text())
    del manifest["codec"]
    run.manifest_file.write_text(json.dumps(manifest))
    assert "it has no 'codec'" in fails(load_run, run.path)


def test_manifest_of_a_stranger_builds_nothing_else(saved):
    run, *_ = saved
    manifest = json.loads(run.manifest_file.read_text())
    manifest["codec"]["class"] = "subprocess:Popen"
    run.manifest_file.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="Popen"):
        load_run(run.path)


def test_run_of_a_newer_version(saved):
    run, *_ = saved
    manifest = json.loads(run.manifest_file.read_text())
    manifest["format"] += 1
    run.manifest_file.write_text(json.dumps(manifest))
    assert "newer magenta_lite" in fails(load_run, run.path)


def test_damaged_checkpoint(saved):
    run, *_ = saved
    for file in run.checkpoint_dir("best").glob("*.data-*"):
        file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(UserError, match="best.ckpt-4 cannot be read"):
        load_run(run.path)


def test_checkpoint_of_other_shapes(saved):
    run, *_ = saved
    manifest = json.loads(run.manifest_file.read_text())
    manifest["model"]["config"]["units"] = [4]
    run.manifest_file.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="cannot be read"):
        load_run(run.path)
    manifest["model"]["config"]["units"] = [3, 3]
    run.manifest_file.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="cannot be read"):
        load_run(run.path)


def test_damaged_checkpoint_stops_a_continued_training(tmp_path):
    fixture = Fixture(tmp_path)
    fixture.start()
    for file in fixture.run.checkpoint_dir("latest").glob("*.data-*"):
        file.write_bytes(b"")
    with pytest.raises(UserError, match="ckpt-6 cannot be read"):
        fixture.start()


def test_new_run_does_not_mix_with_other_files(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    run = RunDir(tmp_path)
    assert "holds files but no run" in fails(run.create, {}, "")
    assert [f.name for f in tmp_path.iterdir()] == ["thesis.txt"]
    on_file = RunDir(tmp_path / "thesis.txt")
    assert "is a file" in fails(on_file.create, {}, "")


def test_same_identity_may_go_on(saved):
    run, *_ = saved
    run.check_identity({"seed": 3})


def test_tuples_and_lists_are_the_same(tmp_path):
    run = RunDir(tmp_path / "run")
    run.create({"identity": {"units": (1, 2)}}, "")
    run.check_identity({"units": [1, 2]})
    run.check_identity({"units": (1, 2)})


@pytest.mark.parametrize(
    "identity, shown",
    [
        ({"seed": 4}, "seed is 3 there and 4 here"),
        ({}, "seed is 3 there and null here"),
        ({"seed": 3, "a": {"b": [1]}}, "a.b is null there and [1] here"),
        ({"seed": 3, **dict.fromkeys("abcde", 1)}, "and 2 more"),
    ],
)
def test_other_identity_is_refused(saved, identity, shown):
    run, *_ = saved
    message = fails(run.check_identity, identity)
    assert shown in message
    assert "another --run_dir" in message
