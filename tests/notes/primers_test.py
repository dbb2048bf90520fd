"""Primers written as lists: notes as Magenta's flags meant them."""

import note_seq
import pytest

from magenta_lite.errors import UserError
from magenta_lite.notes import primers


def _notes(primer):
    return [(n.pitch, n.start_time, n.end_time) for n in primer.sequence.notes]


def test_melody_is_that_of_note_seq():
    primer = primers.melody([60, -2, -1, 62], qpm=60)
    assert _notes(primer) == [(60, 0.0, 0.5), (62, 0.75, 1.0)]
    expected = note_seq.Melody([60, -2, -1, 62]).to_sequence(qpm=60)
    assert primer.sequence.notes == expected.notes
    assert primer.is_melody
    assert not primers.melody([]).sequence.notes


def test_rests_at_the_end_of_a_melody_count():
    assert primers.melody([60, -1, -2, -2], qpm=60).seconds == 1.0
    assert (
        primers.melody([60, -1, -2, -2], qpm=60, steps_per_quarter=2).seconds
        == 2
    )


@pytest.mark.parametrize("value", [-3, 128, 60.5, "C", None, True])
def test_bad_value_in_melody(value):
    with pytest.raises(UserError, match="at position 1 is not -2") as error:
        primers.melody([60, value])
    assert "\n" not in str(error.value)


def test_drums_are_those_of_note_seq():
    steps = [(36, 42), (), (38,), (42, 42)]
    primer = primers.drums(steps, qpm=90)
    track = note_seq.DrumTrack([frozenset(s) for s in steps])
    expected = track.to_sequence(qpm=90)
    assert sorted(_notes(primer)) == sorted(
        (n.pitch, n.start_time, n.end_time) for n in expected.notes
    )
    assert all(n.is_drum and n.instrument == 9 for n in primer.sequence.notes)
    assert primer.seconds == pytest.approx(4 * 60 / 90 / 4)


def test_pitches_are_a_quarter_long():
    primer = primers.pitches([67, 60, 64], qpm=120)
    assert _notes(primer) == [(60, 0, 0.5), (64, 0, 0.5), (67, 0, 0.5)]
    assert primer.seconds == 0.5


def test_pianoroll_joins_steps_as_note_seq_does():
    frames = [(55,), (54, 60), (55, 60), (), (60,)]
    primer = primers.pianoroll(frames, qpm=60)
    roll = note_seq.PianorollSequence(
        events_list=frames, steps_per_quarter=4, min_pitch=0, max_pitch=127
    )
    expected = roll.to_sequence(qpm=60)
    assert sorted(_notes(primer)) == sorted(
        (n.pitch, n.start_time, n.end_time) for n in expected.notes
    )
    assert primer.seconds == 1.25


@pytest.mark.parametrize("build", [primers.drums, primers.pianoroll])
@pytest.mark.parametrize("value", [60, "ab", (128,), (-1,), (60.0,), None])
def test_bad_steps_are_named(build, value):
    with pytest.raises(UserError, match="at position 1 is no list of pitches"):
        build([(36,), value])


def test_bad_pitches_are_named():
    with pytest.raises(UserError, match="no list of pitches"):
        primers.pitches([60, 128])
