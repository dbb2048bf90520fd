"""Shares of chord tones, counted by hand."""

import math

import numpy as np
import pytest

from magenta_lite import chord_fields
from magenta_lite.codecs.lead_sheet import LeadSheetCodec
from magenta_lite.evaluation.chord_tones import chord_tones

CODEC = LeadSheetCodec()


def piece(steps):
    """Events of (pitch or None, chord)."""
    return np.array(
        [
            (0 if pitch is None else pitch - 46, *chord_fields.from_figure(f))
            for pitch, f in steps
        ],
        np.int32,
    )


PIECE = piece(
    [
        (60, "C"),  # C, a chord tone
        (62, "C"),  # D, none
        (None, "C"),
        (67, "G7"),  # G, at a change
        (65, "G7"),  # F, the seventh
        (64, "Am"),  # E, at a change
        (66, "N.C."),  # no chord
        (61, "Am"),  # C#, at a change: none
    ]
)


def test_all_notes_over_chords():
    found = chord_tones(CODEC, [PIECE])
    assert (found.num_notes, found.share) == (6, 4 / 6)
    twice = chord_tones(CODEC, [PIECE, PIECE])
    assert (twice.num_notes, twice.share) == (12, 4 / 6)


def test_notes_where_the_chord_changes():
    found = chord_tones(CODEC, [PIECE], at_changes=True)
    # The first note counts: a piece begins with a chord.
    assert (found.num_notes, found.share) == (4, 3 / 4)


def test_chance_is_the_mean_over_other_keys():
    # Three of twelve pitch classes are in a triad, one of them in this key.
    found = chord_tones(CODEC, [piece([(60, "C")])])
    assert (found.share, found.chance) == (1.0, pytest.approx(2 / 11))
    found = chord_tones(CODEC, [piece([(62, "C")])])
    assert (found.share, found.chance) == (0.0, pytest.approx(3 / 11))


def test_no_notes():
    found = chord_tones(CODEC, [piece([(None, "C"), (60, "N.C.")])])
    assert found.num_notes == 0 and math.isnan(found.share)
