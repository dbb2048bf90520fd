"""Chord symbols on a grid, against note_seq's chord progressions."""

import note_seq
import numpy as np
import pytest
from note_seq import chords_lib, sequences_lib

from magenta_lite.notes import chord_rendering, chords, quantize
from magenta_lite.notes.proto import NoteSequence


def sheet(symbols, end=8.0, tempos=((0.0, 120.0),)):
    """A note that lasts to the end, under symbols (seconds, text)."""
    sequence = NoteSequence(total_time=end)
    for time, qpm in tempos:
        sequence.tempos.add(time=time, qpm=qpm)
    sequence.time_signatures.add(numerator=4, denominator=4)
    for start in np.arange(0, end, 0.5):
        sequence.notes.add(pitch=60, velocity=80, start_time=start)
        sequence.notes[-1].end_time = start + 0.5
    for time, text in symbols:
        sequence.text_annotations.add(time=time, text=text, annotation_type=1)
    sequence.text_annotations.add(time=1.0, text="la", annotation_type=0)
    return sequence


def reference(sequence, start_step, num_steps):
    """note_seq's chords of the first section with a tempo of its own."""
    found = []
    for part in sequences_lib.split_note_sequence_on_time_changes(sequence):
        quantized = sequences_lib.quantize_note_sequence(part, 4)
        progression = note_seq.ChordProgression()
        progression.from_quantized_sequence(
            quantized, start_step, start_step + num_steps
        )
        found.append(list(progression))
    return found


def ours(sequence, start_step, num_steps):
    found = []
    for section in quantize.split_on_time_changes(sequence):
        notes = quantize.quantize(section, 4)
        changes = chords.chord_changes(sequence, notes)
        found.append(changes.at_steps(start_step, num_steps))
    return found


@pytest.mark.parametrize(
    "symbols",
    [
        [],
        [(0, "C")],
        [(1.0, "C"), (2.0, "G7"), (5.1, "N.C."), (6.0, "Am")],
        [(2.0, "G7"), (0.5, "Dm")],
        [(0.5, "Dm"), (0.51, "Dm"), (3.99, "F"), (4.0, "Bb"), (7.9, "C")],
        [(0.0, "A"), (0.0, "B"), (4.0, "C")],
    ],
)
@pytest.mark.parametrize("tempos", [((0, 120),), ((0, 120), (4.0, 60))])
@pytest.mark.parametrize("span", [(0, 16), (3, 12), (16, 8)])
def test_equals_note_seq(symbols, tempos, span):
    sequence = sheet(symbols, tempos=tempos)
    assert ours(sequence, *span) == reference(sequence, *span)


def test_two_chords_at_once_are_an_error_where_they_are_asked_for():
    sequence = sheet([(1.0, "C"), (1.02, "G")])
    with pytest.raises(chords_lib.CoincidentChordsError):
        reference(sequence, 0, 16)
    with pytest.raises(chords.CoincidentChordsError, match="C and G .* step 8"):
        ours(sequence, 0, 16)
    assert ours(sequence, 9, 7) == reference(sequence, 9, 7) == [["G"] * 7]


def test_a_sequence_that_was_quantised_keeps_its_steps():
    sequence = sheet([(1.0, "C"), (2.0, "G7")])
    quantized = sequences_lib.quantize_note_sequence(sequence, 4)
    notes = quantize.read_quantized(quantized)
    found = chords.chord_changes(quantized, notes).at_steps(0, 20)
    assert found == ["N.C."] * 8 + ["C"] * 8 + ["G7"] * 4


def test_symbols_are_written_where_the_chord_changes():
    sequence = NoteSequence()
    figures = ["N.C.", "N.C.", "C", "C", "G", "N.C.", "G"]
    chords.add_chords(sequence, figures, 0.25, start_seconds=1.0)
    written = [(a.time, a.text) for a in sequence.text_annotations]
    assert written == [(1.5, "C"), (2.0, "G"), (2.25, "N.C."), (2.5, "G")]
    assert chords.has_chords(sequence)
    assert not chords.has_chords(NoteSequence())


def test_rendered_chords_are_note_seqs():
    symbols = [(0.5, "Am7/G"), (2.0, "N.C."), (3.0, "F#dim"), (9.0, "C")]
    expected = sheet(symbols)
    note_seq.BasicChordRenderer(velocity=50).render(expected)
    found = sheet(symbols)
    chord_rendering.render_chords(found)

    def notes_of(sequence):
        return sorted(
            (n.start_time, n.end_time, n.pitch, n.velocity, n.program)
            for n in sequence.notes
            if n.instrument == 1
        )

    assert len(notes_of(found)) == 5 + 4
    assert notes_of(found) == notes_of(expected)


def test_rendered_chords_last_as_long_as_asked():
    sequence = sheet([(0.0, "C")], end=2.0)
    sequence.notes[0].instrument = 8
    chord_rendering.render_chords(sequence, end_seconds=4.0)
    chord = [note for note in sequence.notes if note.program == 88]
    assert {note.end_time for note in chord} == {4.0}
    assert {note.instrument for note in chord} == {10}
    assert sequence.total_time == 4.0
