"""bin/evaluate.py on models with a latent space."""

import json

import keras
import matplotlib.image
import pytest
from cli_fixture import run_evaluate
from configured import recipe_parts
from toy_bundles import toy_bundle

from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.errors import UserError
from magenta_lite.models.music_vae import MusicVae


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def measured(recipe, data_dir, folder, *arguments):
    """What the command writes of a toy model of a recipe."""
    codec, encoding = recipe_parts(recipe)
    keras.utils.set_random_seed(0)
    model = MusicVae(encoding, z_size=3, encoder_units=(4,), decoder_units=(5,))
    path, output = folder / "toy.mag", folder / "result.json"
    write_bundle(path, model=model, codec=codec, bundle_id="toy")
    run_evaluate(
        data_dir,
        f"--bundle_file={path}",
        "--dataset=synthetic",
        "--split=test",
        f"--output_json={output}",
        *arguments,
    )
    return json.loads(output.read_text())


@pytest.mark.slow
def test_reconstruction_space_prior_and_map(data_dir, tmp_path, capsys):
    picture = tmp_path / "pictures" / "map.png"
    result = measured(
        "cat-mel_2bar_small", data_dir, tmp_path, f"--map_png={picture}"
    )
    latent = result["latent"]
    assert sorted(latent) == ["prior", "reconstruction", "space"]
    back = latent["reconstruction"]
    # Untrained: z says nothing, so that its mean or a draw is the same.
    assert back["elbo"] == pytest.approx(result["metrics"]["elbo"], rel=0.02)
    assert back["elbo"] == pytest.approx(-back["r_loss"] - back["kl"])
    assert 0 < back["sampled_accuracy"] < 0.3
    space, prior = latent["space"], latent["prior"]
    assert space["num_clips"] == result["num_examples"]
    assert len(space["kl_nats_per_dimension"]) == space["z_size"] == 3
    assert prior["samples"]["num_clips"] == prior["data"]["num_clips"]
    assert 0 < prior["pitches_distance"] <= 1
    assert result["baselines"] == {}
    printed = capsys.readouterr().out
    assert "sampled_accuracy_mean_z" in printed
    assert "test loss (nats a clip): model" in printed.splitlines()[-1]
    assert matplotlib.image.imread(picture).shape[:2] == (910, 1066)


@pytest.mark.slow
def test_grooves_beside_stiff_and_mean_ones(data_dir, tmp_path):
    result = measured("groovae_2bar_humanize", data_dir, tmp_path)
    groove = result["latent"]["groove"]
    assert sorted(groove) == ["mean", "mean_by_step", "model", "quantised"]
    hits = {name: found["num_hits"] for name, found in groove.items()}
    assert len(set(hits.values())) == 1 and min(hits.values()) > 0
    assert groove["quantised"]["hit_f1"] == groove["mean"]["hit_f1"] == 1
    assert groove["model"]["velocity_mae"] > 0


def test_a_map_needs_a_latent_space(data_dir, tmp_path):
    path = toy_bundle(tmp_path / "rnn.mag", "melody_rnn")
    with pytest.raises(UserError, match="--map_png is for models with"):
        run_evaluate(
            data_dir,
            f"--bundle_file={path}",
            "--dataset=synthetic",
            "--map_png=map.png",
        )
