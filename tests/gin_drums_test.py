"""The drum recipes have Magenta's hyper-parameters."""

import gin
import pytest

from magenta_lite.cli import config


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


# id -> (units, clip norm, attention, steps a quarter, encoding)
MAGENTA = {
    "one_drum": ((128, 128), 5.0, 0, 2, "OneHotEncoding"),
    "drum_kit": ((256, 256, 256), 3.0, 32, 4, "LookbackEncoding"),
}


@pytest.mark.parametrize("recipe", MAGENTA)
def test_hyper_parameters_are_magentas(recipe):
    units, clip, attention, steps_per_quarter, encoding = MAGENTA[recipe]
    config.parse([f"recipes/drums_rnn/{recipe}.gin"], entry="train")
    model = gin.get_bindings("EventRnn")
    assert model["units"] == units
    assert model["dropout"] == 0.5
    assert model["attention_length"] == attention
    codec = gin.get_bindings("DrumsCodec")
    assert codec["steps_per_quarter"] == steps_per_quarter
    assert gin.get_bindings("LoopOptions")["clip_norm"] == clip
    assert gin.get_bindings("train")["batch_size"] == 128
    optimizer = gin.get_bindings("Adam")
    assert optimizer == {"learning_rate": 1e-3, "epsilon": 1e-8}
    factory = gin.get_bindings("train", resolve_references=False)["encoding"]
    assert str(factory) == f"@{encoding}"


def test_drum_kit_counts_four_bars_and_looks_back_nowhere():
    config.parse(["recipes/drums_rnn/drum_kit.gin"], entry="train")
    encoding = gin.get_bindings("LookbackEncoding")
    assert encoding["lookback_distances"] == ()
    assert encoding["binary_counter_bits"] == 6
