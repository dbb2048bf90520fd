"""Key signatures: pitch classes and modes against accidentals."""

from __future__ import annotations

from magenta_lite.notes.proto import NoteSequence

_Key = NoteSequence.KeySignature

MODE_TO_MAJOR = {
    _Key.MAJOR: 0,
    _Key.MINOR: 3,
    _Key.NOT_SPECIFIED: 0,
    _Key.MIXOLYDIAN: 5,
    _Key.DORIAN: 10,
    _Key.PHRYGIAN: 8,
    _Key.LYDIAN: 7,
    _Key.LOCRIAN: 1,
}
"""Semitones up from the tonic of a mode to the major key of its notes."""


def accidentals(key: int, mode: int) -> int:
    """Sharps (above 0) or flats (below 0) of a key, from -5 to 6.

    Args:
      key: pitch class of the tonic, 0 = C.
      mode: a `NoteSequence.KeySignature.Mode`.
    """
    major = (key + MODE_TO_MAJOR.get(mode, 0)) % 12
    fifths = major * 7 % 12
    return fifths - 12 if fifths > 6 else fifths
