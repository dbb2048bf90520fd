"""What a training is said to need, and when it is refused."""

import pytest

from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError
from magenta_lite.models.music_vae import MusicVae
from magenta_lite.training.memory import (
    Need,
    check_fits,
    machine_bytes,
    need_of,
)

GB = 10**9


def test_a_big_model_is_measured_without_being_made():
    """134 million weights: 5 copies of 4 bytes each."""
    need = need_of(
        lambda: MusicVae(
            OneHotEncoding(90),
            z_size=512,
            encoder_units=(2048,),
            decoder_units=(2048,) * 3,
        ),
        num_rows=512,
        num_events=32,
    )
    assert need.num_weights == 134_571_098
    assert need.weight_bytes == 20 * 134_571_098
    # Gates, cell and output of five layers of 2048 alone are 4 GB.
    floats = 512 * 32 * 6 * 5 * 2048
    assert 4 * floats < need.activation_bytes < 8 * floats


def test_what_does_not_fit_is_refused_with_advice():
    rows = Need(10**8, 2 * GB, 14 * GB)
    with pytest.raises(UserError, match=r"17\.1 GB .* has 16\.0 GB: set a sma"):
        check_fits(rows, 16 * GB)
    weights = Need(10**9, 20 * GB, 1 * GB)
    with pytest.raises(UserError, match="use smaller layers"):
        check_fits(weights, 16 * GB)
    check_fits(rows, 18 * GB)


def test_this_machine_has_memory():
    assert GB / 4 < machine_bytes() < 10**6 * GB
