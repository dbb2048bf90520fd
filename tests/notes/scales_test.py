"""Scales by name."""

import pytest

from magenta_lite.errors import UserError
from magenta_lite.notes.scales import pitch_classes


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C major", {0, 2, 4, 5, 7, 9, 11}),
        ("a minor", {0, 2, 4, 5, 7, 9, 11}),
        ("D Dorian", {0, 2, 4, 5, 7, 9, 11}),
        ("F# major", {6, 8, 10, 11, 1, 3, 5}),
        ("Bb  harmonic   minor", {10, 0, 1, 3, 5, 6, 9}),
        ("Cb major", {11, 1, 3, 4, 6, 8, 10}),
        ("G blues", {7, 10, 0, 1, 2, 5}),
    ],
)
def test_pitch_classes(name, expected):
    assert pitch_classes(name) == expected


@pytest.mark.parametrize("name", ["", "C", "H major", "C klezmer", "[0, 2]"])
def test_unknown_scales_are_one_line(name):
    with pytest.raises(UserError, match="no scale") as error:
        pitch_classes(name)
    assert "\n" not in str(error.value)
