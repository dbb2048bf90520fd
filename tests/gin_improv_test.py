"""The improv recipes have Magenta's hyper-parameters."""

import gin
import pytest

from magenta_lite.cli import config


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


# id -> (units, clip norm, attention, target, control, depth of the control)
MAGENTA = {
    "basic_improv": (
        (64, 64),
        *(5.0, 0, "OneHotEncoding", "TriadControl", 49),
    ),
    "attention_improv": (
        (128, 128, 128),
        *(3.0, 40, "KeyMelodyEncoding", "TriadControl", 49),
    ),
    "chord_pitches_improv": (
        (256, 256, 256),
        *(3.0, 0, "OneHotEncoding", "ChordTonesControl", 37),
    ),
}


@pytest.mark.parametrize("recipe", MAGENTA)
def test_hyper_parameters_are_magentas(recipe):
    units, clip, attention, target, control, depth = MAGENTA[recipe]
    config.parse([f"recipes/improv_rnn/{recipe}.gin"], entry="train")
    model = gin.get_bindings("EventRnn")
    assert model["units"] == units
    assert (model["dropout"], model["attention_length"]) == (0.5, attention)
    train = gin.get_bindings("train")
    assert train["batch_size"] == 128
    codec = train["codec"]
    assert (codec.min_pitch, codec.max_pitch) == (48, 84)
    assert (codec.min_bars, codec.max_steps) == (7, 512)
    assert (codec.min_unique_pitches, codec.gap_bars) == (3, 1.0)
    assert codec.triads_only == (control == "TriadControl")
    assert gin.get_bindings("LoopOptions")["clip_norm"] == clip
    optimizer = gin.get_bindings("Adam")
    assert optimizer == {"learning_rate": 1e-3, "epsilon": 1e-8}
    encoding = train["encoding"](**codec.encoding_sizes())
    (part,) = encoding.parts
    assert type(encoding.target).__name__ == target
    assert type(part).__name__ == control
    assert part.input_depth == depth
    assert encoding.num_classes == (40 if attention else 38)
    (transposition,) = train["augmentations"]
    assert {shift % 12 for shift in transposition.shifts} == set(range(12))
