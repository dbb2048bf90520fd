"""The recipes of many voices have Magenta's hyper-parameters."""

import gin
import pytest

from magenta_lite.cli import config


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


# Recipe -> (units, batch, attention, fewest and most steps, encoding)
MAGENTA = {
    "polyphony_rnn/polyphony": (
        (256, 256, 256),
        *(64, 0, (80, 512), "OneHotEncoding"),
    ),
    "pianoroll_rnn_nade/rnn-nade": (
        (128, 128, 128),
        *(64, 0, (80, 2048), "PianorollEncoding"),
    ),
    "pianoroll_rnn_nade/rnn-nade_attn": (
        (128, 128),
        *(48, 32, (80, 2048), "PianorollEncoding"),
    ),
}


@pytest.mark.parametrize("recipe", MAGENTA)
def test_hyper_parameters_are_magentas(recipe):
    units, batch_size, attention, steps, encoding = MAGENTA[recipe]
    config.parse([f"recipes/{recipe}.gin"], entry="train")
    model = gin.get_bindings("EventRnn")
    assert model["units"] == units
    assert model["dropout"] == 0.5
    assert model["attention_length"] == attention
    train = gin.get_bindings("train")
    assert train["batch_size"] == batch_size
    assert train["recipe"] == recipe.split("/")[1]
    codec = train["codec"]
    assert codec.steps_per_quarter == 4
    assert (codec.min_steps, codec.max_steps) == steps
    (transposition,) = train["augmentations"]
    assert transposition.shifts == tuple(range(-4, 5))
    assert gin.get_bindings("LoopOptions")["clip_norm"] == 5.0
    optimizer = gin.get_bindings("Adam")
    assert optimizer == {"learning_rate": 1e-3, "epsilon": 1e-8}
    factory = gin.get_bindings("train", resolve_references=False)["encoding"]
    assert str(factory) == f"@{encoding}"


def test_rolls_are_learned_whole_and_in_their_key():
    config.parse(
        ["recipes/pianoroll_rnn_nade/rnn-nade_rolls.gin"], entry="train"
    )
    train = gin.get_bindings("train")
    assert train["codec"].min_steps == 1
    assert train["codec"].max_steps is None
    assert train["augmentations"] == ()
