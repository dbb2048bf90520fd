"""A chord as five small numbers: what codecs store and encodings read.

Root, bass, kind of triad, and which semitones above the root sound. All but
root and bass stay what they are in another key. The kind of triad is said by
the symbol's scale degrees, not by its tones: "C7sus(#9)" has a minor third and
a fifth, and no minor triad.
"""

from __future__ import annotations

import functools

import numpy as np

from magenta_lite import chord_symbols

PITCH_CLASSES = 12
_HALF = 6

FIELD_SIZES = (1 + PITCH_CLASSES, 1 + PITCH_CLASSES, 5, 2**_HALF, 2**_HALF)
"""Root and bass (0: none, else 1 + pitch class), quality (0: no triad, else 1 +
`chord_symbols.MAJOR`, ...), and as bits the semitones 0 to 5 and 6 to 11 above
the root."""

NUM_FIELDS = len(FIELD_SIZES)
ROOT, BASS, QUALITY, LOWER_TONES, UPPER_TONES = range(NUM_FIELDS)
NO_CHORD = (0,) * NUM_FIELDS


@functools.lru_cache(maxsize=4096)
def from_figure(figure: str) -> tuple[int, ...]:
    """The fields of a chord symbol, e.g. "Am7/G".

    Raises:
      ChordSymbolError: if it is no chord symbol.
    """
    chord = chord_symbols.parse(figure)
    if chord is None:
        return NO_CHORD
    tones = sum(
        1 << (pitch_class - chord.root) % PITCH_CLASSES
        for pitch_class in chord.pitch_classes
    )
    upper, lower = divmod(tones, 2**_HALF)
    quality = 0 if chord.quality is None else 1 + chord.quality
    return (1 + chord.root, 1 + chord.bass, quality, lower, upper)


def to_figure(fields: tuple[int, ...]) -> str:
    """A chord symbol for the fields; any values within their sizes will do.

    It has these root, bass and tones, if there is a symbol for them.
    """
    root, bass, _, lower, upper = fields
    if not root:
        return chord_symbols.NO_CHORD
    root -= 1
    pitch_classes = frozenset(
        (root + semitones) % PITCH_CLASSES
        for semitones in range(PITCH_CLASSES)
        if (lower + (upper << _HALF)) >> semitones & 1
    )
    over = bass - 1 if bass else root
    return chord_symbols.chord_name(root, pitch_classes, over)


def has_triad(fields: tuple[int, ...]) -> bool:
    """Whether it is one of the four triads, or no chord at all."""
    return not fields[ROOT] or bool(fields[QUALITY])


def transposition_table(shifts: tuple[int, ...]) -> np.ndarray:
    """What each value of each field becomes in another key.

    Args:
      shifts: semitones.

    Returns:
      int32 `[len(shifts), NUM_FIELDS, max(FIELD_SIZES)]`.
    """
    values = np.arange(max(FIELD_SIZES), dtype=np.int32)
    table = np.tile(values, [len(shifts), NUM_FIELDS, 1])
    classes = np.arange(PITCH_CLASSES)
    moved = 1 + (classes + np.array(shifts)[:, None]) % PITCH_CLASSES
    table[:, [ROOT, BASS], 1 : 1 + PITCH_CLASSES] = moved[:, None]
    return table
