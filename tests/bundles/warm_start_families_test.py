"""Models of every family go on from a bundle, or say what would fit."""

import numpy as np
import pytest
from cli_fixture import run_command
from toy_bundles import FAMILIES, toy_bundle, toy_model

from magenta_lite.bundles.warm_start import WarmStartError, warm_start
from magenta_lite.cli import train
from magenta_lite.errors import UserError

all_families = pytest.mark.parametrize("family", FAMILIES)


@all_families
def test_weights_carry_over(family, tmp_path):
    path = toy_bundle(tmp_path / "toy.mag", family)
    codec, model = toy_model(family, seed=1)
    warm_start(model, codec, path)
    _, theirs = toy_model(family)
    for one, other in zip(model.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@all_families
def test_what_would_fit_is_said(family, tmp_path):
    path = toy_bundle(tmp_path / "toy.mag", family)
    codec, model = toy_model(family, units=(6,))
    with pytest.raises(WarmStartError) as error:
        warm_start(model, codec, path)
    message = str(error.value)
    assert message.startswith("layer ") and "\n" not in message
    assert f"in bundle '{family}'; use its EventRnn.units = [5]." in message


@pytest.mark.parametrize(
    ("family", "other", "message"),
    [
        (
            "improv_rnn",
            "melody_rnn",
            "LeadSheetCodec where this run has Melody",
        ),
        ("improv_rnn", "chord_pitches_improv", r"use its .*parts = .*Triad"),
        (
            "performance_rnn",
            "multiconditioned",
            "OneHotEncoding where this run",
        ),
        ("polyphony_rnn", "pianoroll_rnn_nade", "PolyphonyCodec where this"),
    ],
)
def test_families_do_not_mix(family, other, message, tmp_path):
    path = toy_bundle(tmp_path / "toy.mag", family)
    codec, model = toy_model(other)
    with pytest.raises(WarmStartError, match=message) as error:
        warm_start(model, codec, path)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_training_of_chords_goes_on_with_other_music(tmp_path):
    """From a bundle, by the command; a wrong size is told before a run."""
    path = toy_bundle(tmp_path / "toy.mag", "improv_rnn", units=(8,))

    def run(run_dir, *arguments):
        return run_command(
            train,
            "--gin_file=recipes/improv_rnn/basic_improv.gin",
            "--gin_file=runs/smoke.gin",
            f"--run_dir={run_dir}",
            f"--data_dir={tmp_path}",
            f"--warm_start_bundle={path}",
            *arguments,
        )

    assert run(tmp_path / "run") == 0
    with pytest.raises(UserError, match=r"use its EventRnn.units = \[8\]"):
        run(tmp_path / "other", "--gin_param=WIDTH=4")
