"""Checkpoints, folders and archives of the original are opened as data."""

import io
import json
import os
import tarfile

import numpy as np
import pytest
from magenta_js_files import write_magenta_js
from original_bundles import metagraph, rnn_variables, saved

from magenta_lite.bundles import original
from magenta_lite.bundles.bundle import read_bundle
from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.original_source import is_original, open_source

BASIC = rnn_variables(38, (5, 4), 38)
ATTENTION = rnn_variables(74, (5, 4), 40, "first")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A V2 checkpoint of a training, with optimizer slots."""
    folder = tmp_path_factory.mktemp("run") / "train"
    folder.mkdir()
    saved(BASIC, folder, version=2, slots=True)
    return folder / "model.ckpt"


def assert_basic(path, **options):
    planned = original.plan_of_path(path, **options)
    assert planned.model_id == "basic_rnn"
    assert planned.model["config"]["units"] == [5, 4]
    weights = planned.weights_fn()
    np.testing.assert_array_equal(
        weights["logits/kernel"], BASIC["fully_connected/weights"]
    )


def write_tar(path, *members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def files_of(checkpoint):
    return [
        (path.name, path.read_bytes())
        for path in sorted(checkpoint.parent.glob("model.ckpt.*"))
    ]


@pytest.mark.parametrize("name", ["model.ckpt", "model.ckpt.index", ".", ".."])
def test_a_training_under_all_its_names(checkpoint, name):
    """Its note of the latest checkpoint names a folder that has moved."""
    note = checkpoint.with_name("checkpoint")
    note.write_text('model_checkpoint_path: "/elsewhere/model.ckpt"\n')
    path = checkpoint.parent / name
    assert is_original(path)
    assert_basic(path)


def test_a_folder_of_several_checkpoints_asks_which(checkpoint, tmp_path):
    for name, data in files_of(checkpoint):
        (tmp_path / name).write_bytes(data)
    assert_basic(tmp_path)
    (tmp_path / "model.ckpt-7.index").write_bytes(b"")
    with pytest.raises(BundleError, match="2 checkpoints"):
        open_source(tmp_path)
    with pytest.raises(BundleError, match="no checkpoint"):
        open_source(checkpoint.parent.parent.parent)


def test_an_archive_is_read_in_place(checkpoint, tmp_path):
    members = [(f"./some/{name}", data) for name, data in files_of(checkpoint)]
    path = write_tar(tmp_path / "a.tar", ("../../outside.txt", b"no"), *members)
    assert is_original(path)
    assert_basic(path)
    assert os.listdir(tmp_path) == ["a.tar"]
    cut = tmp_path / "cut.tar"
    cut.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(BundleError, match=r"cut\.tar.*truncated"):
        original.plan_of_path(cut)


def test_links_and_doubles_in_archives(checkpoint, tmp_path):
    (index, data), *_ = reversed(files_of(checkpoint))
    assert index.endswith(".index")
    path = write_tar(tmp_path / "twice.tar", (index, data), (index, data))
    with pytest.raises(BundleError, match="twice"):
        open_source(path)
    path = tmp_path / "link.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("model.ckpt.index")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(BundleError, match="0 checkpoints"):
        open_source(path)


def test_a_compressed_archive_is_not_even_opened(checkpoint, tmp_path):
    path = write_tar(
        tmp_path / "a.tar.gz", ("a.index", b"\0" * 10**6), mode="w:gz"
    )
    assert not is_original(path)
    with pytest.raises(BundleError, match="unpack"):
        read_bundle(path)


def test_the_attention_length_is_the_graph_s_then_the_id_s(tmp_path):
    prefix = saved(ATTENTION, tmp_path, version=2)
    planned = original.plan_of_path(tmp_path / "model.ckpt")
    assert planned.model_id == "attention_rnn"
    assert planned.model["config"]["attention_length"] == 40
    assert "40 steps are the default" in planned.notes[0]
    asked = original.plan_of_path(tmp_path / "model.ckpt", attention_length=9)
    assert asked.model["config"]["attention_length"] == 9

    (tmp_path / "model.ckpt.meta").write_bytes(metagraph(7, 5))
    planned = original.plan_of_path(tmp_path / "model.ckpt")
    assert planned.model["config"]["attention_length"] == 7
    assert planned.notes == ()
    del prefix


def test_sizes_that_several_ids_have_ask_which(tmp_path):
    nade = rnn_variables(88, (5,), 88, nade_hidden=3)
    saved(nade, tmp_path)
    planned = original.plan_of_path(tmp_path / "model.ckpt")
    assert planned.model_id == "rnn-nade"  # The other id has an attention.
    with pytest.raises(BundleError, match="basic_rnn has a NADE|other"):
        original.plan_of_path(tmp_path / "model.ckpt", "basic_rnn")
    with pytest.raises(BundleError, match="'nothing'"):
        original.plan_of_path(tmp_path / "model.ckpt", "nothing")


@pytest.mark.parametrize("name", ["", "config.json", "weights_manifest.json"])
def test_magenta_js(tmp_path, name):
    folder = write_magenta_js(tmp_path / "basic", BASIC, shards=3)
    assert is_original(folder / name)
    assert_basic(folder / name)
    assert original.plan_of_path(folder).made_by == "Magenta.js"


def test_quantized_weights_of_magenta_js(tmp_path):
    kernel = "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel"
    quantized = {kernel: "uint8", "fully_connected/biases": "uint16"}
    folder = write_magenta_js(tmp_path / "js", BASIC, quantized=quantized)
    weights = original.plan_of_path(folder).weights_fn()
    bias = BASIC["fully_connected/biases"]
    step = np.ptp(bias) / (2**16 - 1)
    np.testing.assert_allclose(weights["logits/bias"], bias, atol=step * 0.51)
    assert (weights["logits/bias"] != bias).any()
    top = BASIC[kernel][:38]  # inputs x [i, g, f, o] against [i, f, g, o]
    np.testing.assert_allclose(
        weights["lstm_0/lstm/lstm_cell/kernel"][:, :5],
        top[:, :5],
        atol=np.ptp(BASIC[kernel]) / 255 * 0.51,
    )
    exact = "rnn/multi_rnn_cell/cell_1/basic_lstm_cell/kernel"
    np.testing.assert_array_equal(
        weights["lstm_1/lstm/lstm_cell/recurrent_kernel"][:, :4],
        BASIC[exact][5:, :4],
    )


def test_the_attention_of_magenta_js(tmp_path):
    config = {"type": "MusicRNN", "attentionLength": 13}
    folder = write_magenta_js(tmp_path / "js", ATTENTION, config)
    planned = original.plan_of_path(folder)
    assert planned.model["config"]["attention_length"] == 13


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m[0]["paths"].append("../secret"), "secret"),
        (lambda m: m[0]["paths"].append("/etc/passwd"), "passwd"),
        (lambda m: m[0]["paths"].pop(), "should hold"),
        (lambda m: m[0]["weights"][0].update(shape=[2**30, 2**30]), "hold"),
        (lambda m: m[0]["weights"][0].update(shape=[-1]), "weight"),
        (lambda m: m[0]["weights"][0].update(dtype="string"), "weight"),
        (lambda m: m[0]["weights"].append(m[0]["weights"][0]), "twice"),
        (lambda m: m.append(3), "manifest"),
    ],
)
def test_manifests_of_magenta_js_that_cannot_be(tmp_path, change, words):
    folder = write_magenta_js(tmp_path / "js", BASIC)
    path = folder / "weights_manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=words):
        original.plan_of_path(folder)


def test_a_published_attention_model_of_magenta_js(tmp_path):
    """Its names and shapes are real; the numbers are not."""
    from shared_data import shared_dir

    folder = shared_dir("reference")
    published = json.loads(
        (folder / "published_names_and_shapes.json").read_text()
    )
    for name, expected, units in (
        ("magenta-js basic_rnn", "basic_rnn", [512, 512]),
        ("tfjs attention_rnn (user-trained)", "attention_rnn", [128, 128]),
    ):
        variables = {
            key: np.zeros(shape, "f4")
            for key, shape in published[name]["weights"].items()
        }
        config = published[name]["config.json"]
        js = write_magenta_js(tmp_path / expected, variables, config)
        planned = original.plan_of_path(js)
        assert planned.model_id == expected
        assert planned.model["config"]["units"] == units
        assert planned.weights_fn()
