"""Checkpoints of the original MusicVAE, told apart and opened in every form."""

import json

import numpy as np
import pytest
from configured import recipe_parts
from magenta_js_files import write_magenta_js
from original_bundles import InMemory, saved, vae_variables
from shared_data import shared_dir

from magenta_lite.bundles import manifest, original, original_vae_kinds
from magenta_lite.bundles.bundle import read_bundle, write_bundle
from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.original_source import OriginalSource
from magenta_lite.bundles.original_vae_kinds import KINDS, id_in_path
from magenta_lite.cli import config

CONFIGS = ("cat-mel_2bar_small", "groovae_2bar_humanize", "hierdec-mel_16bar")


def test_a_checkpoint_becomes_a_bundle_of_ours(tmp_path):
    folder = tmp_path / "cat-mel_2bar_small"
    folder.mkdir()
    values = vae_variables()
    saved(values, folder, version=2, slots=True)
    theirs = read_bundle(folder)
    assert theirs.id == "cat-mel_2bar_small"
    assert "its name says" in theirs.notes[0]
    ours = tmp_path / "ours.mag"
    write_bundle(
        ours, model=theirs.model, codec=theirs.codec, bundle_id=theirs.id
    )
    again = read_bundle(ours)
    assert again.codec == theirs.codec
    assert again.model.get_config() == theirs.model.get_config()
    for one, other in zip(
        theirs.model.weights, again.model.weights, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    planned = original.plan_of_path(folder)
    sizes = sum(array.size for array in values.values())
    assert planned.num_parameters == sizes
    assert (
        planned.model["config"].items()
        <= {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in theirs.model.get_config().items()
        }.items()
    )


def test_magenta_js(tmp_path):
    values = vae_variables()
    js = write_magenta_js(tmp_path / "js", values, {"type": "MusicVAE"})
    planned = original.plan_of_path(js, "cat-mel_2bar_small")
    assert planned.model["config"]["z_size"] == 3
    model = planned.build_fn()
    np.testing.assert_array_equal(
        model.latent.mu.kernel.numpy(), values["encoder/mu/kernel"]
    )


def test_a_nameless_checkpoint_asks_for_its_configuration():
    source = OriginalSource(InMemory(vae_variables()))
    with pytest.raises(BundleError, match="--config=ID"):
        original.plan(source)
    with pytest.raises(BundleError, match="cat-mel_2bar_big"):
        original.plan(source, "nothing")
    with pytest.raises(BundleError, match="last layer is another"):
        original.plan(source, "nade-drums_2bar_reduced")
    with pytest.raises(BundleError, match="of another config"):
        original.plan(source, "groovae_4bar").build_fn()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("models/cat-drums_2bar_small.lokl.tar", "cat-drums_2bar_small"),
        (
            "a/groovae_2bar_tap_fixed_velocity_note_dropout.tar",
            "groovae_2bar_tap_fixed_velocity_note_dropout",
        ),
        ("groovae_2bar_humanize/model.ckpt-7", "groovae_2bar_humanize"),
        ("groovae_4bar/cat-mel_2bar_big.tar", "cat-mel_2bar_big"),
        ("models/checkpoint.tar", ""),
    ],
)
def test_names(path, expected):
    assert id_in_path(path) == expected


@pytest.mark.parametrize("model_id", KINDS)
def test_every_kind_is_its_recipe(model_id):
    codec, encoding = recipe_parts(model_id)
    kind = KINDS[model_id]
    built = manifest.build_codec(kind.codec)
    assert built == codec
    sizes = codec.encoding_sizes()
    if "nade" in model_id:
        sizes["num_hidden"] = 128
    assert manifest.describe(
        manifest.build_encoding(kind.encoding(**sizes))
    ) == manifest.describe(encoding)


def test_every_published_name_has_a_kind():
    from magenta_lite.bundles import PUBLISHED
    from magenta_lite.bundles.original_kinds import KINDS as RNN_KINDS

    for published in PUBLISHED.values():
        if published.config not in RNN_KINDS:
            original_vae_kinds.kind_of(published.config)
    config.find_file("recipes/music_vae/cat-mel_2bar_big.gin")


@pytest.mark.parametrize("name", CONFIGS)
def test_real_checkpoints_in_every_form(name):
    folder = shared_dir("reference")
    truth = json.loads(
        (folder / f"vae_{name}" / f"vae_{name}.truth.json").read_text()
    )
    plans = [
        original.plan_of_path(path)
        for path in (folder / f"vae_{name}", folder / f"vae_{name}.tar")
    ]
    assert plans[0].model == plans[1].model
    assert plans[0].model_id == name
    assert plans[0].model["config"]["z_size"] == 16
    assert plans[0].model["config"]["encoder_units"][0] == 32
    one, other = (planned.weights_fn() for planned in plans)
    assert one.keys() == other.keys()
    for key, values in one.items():
        np.testing.assert_array_equal(values, other[key])
    assert truth
