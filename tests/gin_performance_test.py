"""The performance recipes have Magenta's hyper-parameters."""

import gin
import pytest

from magenta_lite.cli import config


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


# id -> (codec, encoding, controls, velocity bins)
MAGENTA = {
    "performance": ("PerformanceCodec", "OneHotEncoding", None, 0),
    **{
        f"performance_with_dynamics{suffix}": (codec, encoding, None, 32)
        for suffix, codec, encoding in (
            ("", "PerformanceCodec", "OneHotEncoding"),
            ("_compact", "PerformanceCodec", "OneHotEncoding"),
            ("_and_modulo_encoding", "PerformanceCodec", "ModuloEncoding"),
            (
                "_and_note_encoding",
                "NotePerformanceCodec",
                "OneHotFieldsEncoding",
            ),
        )
    },
    **{
        f"{prefix}conditioned_performance_with_dynamics": (
            "PerformanceCodec",
            "conditional_encoding",
            depths,
            32,
        )
        for prefix, depths in (
            ("density_", [8]),
            ("pitch_", [12]),
            ("multi", [8, 12]),
            ("optional_multi", [21]),
        )
    },
}


@pytest.mark.parametrize("recipe", MAGENTA)
def test_hyper_parameters_are_magentas(recipe):
    codec, encoding, controls, bins = MAGENTA[recipe]
    config.parse([f"recipes/performance_rnn/{recipe}.gin"], entry="train")
    model = gin.get_bindings("EventRnn")
    assert model["units"] == (512, 512, 512)
    assert (model["dropout"], model["attention_length"]) == (0.0, 0)
    train = gin.get_bindings("train")
    assert (train["batch_size"], train["max_events"]) == (64, 512)
    assert type(train["codec"]).__name__ == codec
    assert train["codec"].num_velocity_bins == bins
    assert gin.get_bindings("LoopOptions")["clip_norm"] == 3.0
    optimizer = gin.get_bindings("Adam")
    assert optimizer == {"learning_rate": 1e-3, "epsilon": 1e-8}
    factory = gin.get_bindings("train", resolve_references=False)["encoding"]
    assert str(factory) == f"@{encoding}"
    shifts = gin.get_bindings("RandomTranspose")["shifts"]
    assert shifts == tuple(range(-3, 4))
    built = train["encoding"](**train["codec"].encoding_sizes())
    if controls:
        parts = [part.input_depth for part in built.parts]
        assert parts == controls
    else:
        assert built.control_depth == 0
    if codec == "PerformanceCodec":
        assert built.num_classes == 356 + bins
        assert built.default_label == 355
        factors = gin.get_bindings("RandomTimeStretch")["factors"]
        assert factors == (0.95, 0.975, 1.0, 1.025, 1.05)
