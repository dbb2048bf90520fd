"""Recipes of MusicVAE have as many weights as Magenta's configs.

The formulas below follow Magenta 2.1.4: an LSTM of n units over inputs of
depth d has 4 n (d + n + 1) weights, a linear layer m (d + 1).
"""

import dataclasses
import math

import gin
import pytest
import tensorflow as tf

from magenta_lite.cli import config

_CHORDS = 49
_TRACKS = 256 + 4 * 24 + 8 + 129 + 1  # notes, shifts, loudness, programs, END


@dataclasses.dataclass(frozen=True)
class Config:
    """A config of Magenta: sizes, and the depths that its converter has.

    `parts` are the depths of separate decoders, `nade` the hidden units of a
    NADE, `levels` those of the encoder; `conducts` is whether the decoder is
    hierarchical.
    """

    encoder: tuple
    decoder: tuple
    z: int
    reads: int
    writes: int
    controls: int = 0
    levels: int = 1
    conducts: bool = False
    parts: tuple = ()
    nade: int = 0


def _small(reads, writes, **more):
    return Config((512,), (256, 256), 256, reads, writes, **more)


def _big(reads, writes):
    return Config((2048,), (2048,) * 3, 512, reads, writes)


def _nade(bits):
    return Config((1024,), (512, 512), 256, bits + 1, bits, nade=128)


def _bars(decoder, encoder=(2048, 2048), depth=90, **more):
    return Config(encoder, decoder, 512, depth, depth, **more)


_TRIO = (90, 90, 512)
_MED = {"encoder": (1024,), "decoder": (512,) * 3}
_LARGE = {"encoder": (2048,), "decoder": (1024,) * 3}
_MULTI = {"depth": _TRACKS, "levels": 2, "conducts": True}
_CONDUCTED = {"decoder": (1024, 1024), "conducts": True}

CONFIGS = {
    "cat-mel_2bar_small": _small(90, 90),
    "cat-mel_2bar_big": _big(90, 90),
    "cat-mel_2bar_med_chords": Config(
        (1024,), (512,) * 3, 256, 90, 90, controls=_CHORDS
    ),
    "cat-drums_2bar_small": _small(10, 512),
    "cat-drums_2bar_big": _big(10, 512),
    "nade-drums_2bar_reduced": _nade(9),
    "nade-drums_2bar_full": _nade(61),
    "flat-trio_16bar": _bars((2048,) * 3, depth=692),
    "hierdec-trio_16bar": _bars(depth=692, parts=_TRIO, **_CONDUCTED),
    "hier-trio_16bar": _bars(
        depth=692, parts=_TRIO, encoder=(1024,), levels=2, **_CONDUCTED
    ),
    "flat-mel_16bar": _bars((2048,) * 3),
    "hierdec-mel_16bar": _bars(**_CONDUCTED),
    "hier-mel_16bar": _bars(encoder=(1024,), levels=2, **_CONDUCTED),
    "hier-multiperf_vel_1bar_med": _bars(**_MED, **_MULTI),
    "hier-multiperf_vel_1bar_med_chords": _bars(
        **_MED, **_MULTI, controls=_CHORDS
    ),
    "hier-multiperf_vel_1bar_big": _bars(**_LARGE, **_MULTI),
    "hier-multiperf_vel_1bar_big_chords": _bars(
        **_LARGE, **_MULTI, controls=_CHORDS
    ),
    "groovae_4bar": _small(27, 27),
    "groovae_2bar_humanize": _small(27, 27),
    "groovae_2bar_tap_fixed_velocity": _small(27, 27),
    "groovae_2bar_tap_fixed_velocity_note_dropout": _small(27, 27),
    "groovae_2bar_add_closed_hh": _small(27, 27),
    "groovae_2bar_hits_control_tfds": _small(27, 27, controls=9),
}


def _lstm(depth, units):
    return 4 * units * (depth + units + 1)


def _dense(depth, size):
    return size * (depth + 1)


def _stack(depth, units):
    """LSTM layers on each other, and what sets their states."""
    below = (depth, *units)
    return sum(map(_lstm, below, units))


def _first_state(embedding, units):
    return _dense(embedding, 2 * sum(units))


def _encoder(c):
    total, below = 0, c.reads + c.controls
    for _ in range(c.levels):
        for units in c.encoder:
            total += 2 * _lstm(below, units)
            below = 2 * units
    return total + 2 * _dense(below, c.z)


def _decoder(c):
    total, embedding = 0, c.z
    if c.conducts:
        # The conductor reads one zero a step.
        total += _stack(1, c.decoder) + _first_state(c.z, c.decoder)
        embedding = c.decoder[-1]
    for depth in c.parts or (c.writes,):
        total += _first_state(embedding, c.decoder)
        total += _stack(depth + embedding + c.controls, c.decoder)
        total += _dense(c.decoder[-1], depth + c.nade)
    return total + 2 * c.writes * c.nade


def test_the_formulas_give_what_is_known_of_published_models():
    """Sums over the shapes of the checkpoints that Magenta published."""
    small = CONFIGS["cat-mel_2bar_small"]
    assert _encoder(small) + _decoder(small) == 4_423_770
    big = CONFIGS["cat-mel_2bar_big"]
    assert _encoder(big) + _decoder(big) == 134_571_098


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


@pytest.mark.parametrize("name", CONFIGS)
def test_a_recipe_has_the_weights_of_the_original(name):
    config.parse([f"recipes/music_vae/{name}.gin"], entry="train")
    bound = gin.get_bindings("train")
    encoding = bound["encoding"](**bound["codec"].encoding_sizes())
    with tf.Graph().as_default():  # Allocates nothing.
        model = bound["model"](encoding)
        count = sum(math.prod(w.shape) for w in model.weights)
    expected = CONFIGS[name]
    assert model.z_size == expected.z
    assert encoding.encoder_input_depth == expected.reads + expected.controls
    assert encoding.input_depth == expected.writes + expected.controls
    assert count == _encoder(expected) + _decoder(expected)


def test_all_configs_of_the_original_are_there():
    recipes = {
        name.removeprefix("recipes/music_vae/").removesuffix(".gin")
        for name in config.gin_names()
        if name.startswith("recipes/music_vae/")
    }
    assert set(CONFIGS) <= recipes
    assert len(CONFIGS) == 23
