"""Names the chords that an accompaniment plays, for codecs that read names."""

from __future__ import annotations

import collections

from magenta_lite.notes.proto import NoteSequence

_CHORD_SYMBOL = NoteSequence.TextAnnotation.CHORD_SYMBOL

_ROOTS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

_KINDS = {
    (0, 4, 7): "",
    (0, 3, 7): "m",
    (0, 3, 6): "dim",
    (0, 4, 8): "aug",
    (0, 4, 7, 10): "7",
    (0, 3, 7, 10): "m7",
    (0, 4, 7, 9): "6",
    (0, 3, 7, 9): "m6",
    (0, 4, 8, 10): "7#5",
    (0, 4, 7, 10, 13): "7b9",
}
"""Kind by the semitones above the lowest note: all that Nottingham has."""


def add_chord_names(sequence: NoteSequence, instrument: int) -> None:
    """Adds a chord symbol wherever an instrument's chord changes.

    Chords are in root position, their notes start together. A chord of an
    unknown kind is left without a name.

    Args:
      sequence: gets text annotations.
      instrument: of the notes that are chords.
    """
    chords = collections.defaultdict(list)
    for note in sequence.notes:
        if note.instrument == instrument:
            chords[note.start_time].append(note.pitch)
    last = ""
    for time, pitches in sorted(chords.items()):
        name = chord_name(pitches)
        if name and name != last:
            sequence.text_annotations.add(
                time=time, text=name, annotation_type=_CHORD_SYMBOL
            )
            last = name


def chord_name(pitches: list[int]) -> str:
    """The name of a chord in root position, such as "Am7"; "" if unknown."""
    root = min(pitches)
    shape = tuple(sorted(pitch - root for pitch in pitches))
    kind = _KINDS.get(shape)
    return "" if kind is None else _ROOTS[root % 12] + kind
