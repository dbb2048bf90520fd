"""How well melodies fit the chords that they go with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from magenta_lite import chord_fields
from magenta_lite.codecs.lead_sheet import LeadSheetCodec

_PITCH_CLASSES = chord_fields.PITCH_CLASSES


@dataclasses.dataclass(frozen=True)
class ChordTones:
    """Which of the notes that start over a chord are tones of it.

    Attributes:
      num_notes: notes over a chord.
      share: of them, those whose pitch class the chord has; nan of none.
      chance: the same, had each piece's chords been in another key: the mean
        over the eleven other keys.
    """

    num_notes: int
    share: float
    chance: float


def chord_tones(
    codec: LeadSheetCodec,
    pieces: Iterable[np.ndarray],
    at_changes: bool = False,
) -> ChordTones:
    """Counts over events of a codec.

    Args:
      codec: of the events.
      pieces: int32 `[time, fields]` each.
      at_changes: count only notes that start where the chord changes, which
        is on strong beats, and where passing notes are rare.
    """
    pitch_of = codec.pitch_table()[0]
    counts = np.zeros([_PITCH_CLASSES], np.int64)
    num_notes = 0
    for events in pieces:
        chords = events[:, 1:]
        counted = (pitch_of[events[:, 0]] >= 0) & (
            chords[:, chord_fields.ROOT] > 0
        )
        if at_changes:
            counted[1:] &= (chords[1:] != chords[:-1]).any(axis=1)
        pitches = pitch_of[events[counted, 0]]
        counts += _hits(pitches, chords[counted])
        num_notes += int(counted.sum())
    if not num_notes:
        return ChordTones(0, float("nan"), float("nan"))
    return ChordTones(
        num_notes,
        float(counts[0] / num_notes),
        float(counts[1:].mean() / num_notes),
    )


def _hits(pitches: np.ndarray, chords: np.ndarray) -> np.ndarray:
    """How many pitches are chord tones, with chords moved by 0 to 11.

    Args:
      pitches: `[notes]`.
      chords: their fields, `[notes, fields]`.
    """
    bits = chords[:, chord_fields.LOWER_TONES] + (
        chords[:, chord_fields.UPPER_TONES] << _PITCH_CLASSES // 2
    )
    root = chords[:, chord_fields.ROOT] - 1
    moved = np.arange(_PITCH_CLASSES)[:, None]
    above_root = (pitches - root - moved) % _PITCH_CLASSES  # [keys, notes]
    return (bits >> above_root & 1).sum(axis=1)
