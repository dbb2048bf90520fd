"""Chord symbols as notes that sound."""

from __future__ import annotations

from magenta_lite import chord_symbols
from magenta_lite.notes import chords
from magenta_lite.notes.proto import NoteSequence

VELOCITY = 50
PROGRAM = 88  # a soft pad
_CHORD_OCTAVE_PITCH = 48
_BASS_OCTAVE_PITCH = 36


def render_chords(
    sequence: NoteSequence,
    end_seconds: float | None = None,
    velocity: int = VELOCITY,
    program: int = PROGRAM,
) -> None:
    """Adds notes that hold each chord until the next one, and its bass.

    The voicing is that of note_seq's `BasicChordRenderer`. The notes get an
    instrument of their own; the symbols stay.

    Args:
      sequence: in seconds, with chord symbols.
      end_seconds: the end of the last chord; that of the sequence if None.
      velocity: MIDI velocity of the notes.
      program: MIDI program of the notes.

    Raises:
      ChordSymbolError: if a symbol is not understood.
    """
    end = sequence.total_time if end_seconds is None else end_seconds
    symbols = sorted(
        (
            (annotation.time, annotation.text)
            for annotation in sequence.text_annotations
            if chords.is_chord(annotation) and annotation.time < end
        ),
        key=lambda symbol: symbol[0],
    )
    instrument = 1 + max((n.instrument for n in sequence.notes), default=-1)
    instrument += instrument == 9  # which stands for drums
    starts = [start for start, _ in symbols]
    for (start, figure), stop in zip(symbols, [*starts[1:], end], strict=True):
        chord = chord_symbols.parse(figure)
        if chord is None or stop <= start:
            continue
        pitches = [_CHORD_OCTAVE_PITCH + p for p in sorted(chord.pitch_classes)]
        for pitch in (*pitches, _BASS_OCTAVE_PITCH + chord.bass):
            sequence.notes.add(
                pitch=pitch,
                velocity=velocity,
                instrument=instrument,
                program=program,
                start_time=start,
                end_time=stop,
            )
    last_end = max((note.end_time for note in sequence.notes), default=0.0)
    sequence.total_time = max(sequence.total_time, last_end)
