"""A name for a melody that does not depend on its key or tempo.

Two copies of one tune in different keys must not sit in two splits of a
dataset; equal fingerprints tell that they are one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

_SAME_ONSET = 0.05
"""Notes closer than this part of the median distance sound as a chord."""

_STEPS_PER_OCTAVE = 12
"""Ratios of durations are told apart at 2 ** (1 / 12), a tenth of a dotted
note: all ratios of small integers lie well inside their step."""


def melody_fingerprint(notes: Mapping[str, np.ndarray]) -> str:
    """A stable hash of the intervals and rhythm of a melody.

    The melody is the highest note at each onset, over all instruments but
    drums; a piece of drums alone is taken as it is, without transposition.
    What counts are the semitones from note to note and the ratio of each
    distance in time to the one before: lengths, velocities, instruments and
    silence at the start do not.

    Args:
      notes: `pitch`, `start_time` (seconds) and `is_drum`: `[notes]` each, in
        any order.

    Returns:
      32 hexadecimal digits, the same on every machine: equal for equal
      melodies up to transposition and a constant factor of tempo. All
      sequences without notes have one fingerprint.
    """
    pitch, start_seconds = notes["pitch"], notes["start_time"]
    is_drum = notes["is_drum"]
    is_pitched = not is_drum.all()
    if is_pitched and is_drum.any():
        pitch, start_seconds = pitch[~is_drum], start_seconds[~is_drum]
    pitch, onset = _top_line(pitch, start_seconds)
    intervals = pitch[1:] - pitch[:-1] if is_pitched else pitch
    distances = onset[1:] - onset[:-1]
    ratios = np.rint(
        _STEPS_PER_OCTAVE * np.log2(distances[1:] / distances[:-1])
    ).astype(np.int64)
    kind = "melody" if is_pitched else "drums"
    text = f"{kind} {len(pitch)} {intervals.tolist()} {ratios.tolist()}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _top_line(
    pitch: np.ndarray, start_seconds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The highest pitch at each onset, and the onsets: `[onsets]` both."""
    if not len(pitch):
        return pitch, start_seconds
    order = np.lexsort((-pitch, start_seconds))
    pitch, start_seconds = pitch[order], start_seconds[order]
    distances = start_seconds[1:] - start_seconds[:-1]
    apart = distances[distances > 1e-6 * max(start_seconds[-1], 1e-6)]
    shortest = _SAME_ONSET * np.median(apart) if len(apart) else np.inf
    is_first = np.ones(len(pitch), bool)
    is_first[1:] = distances > shortest
    first = is_first.nonzero()[0]
    return np.maximum.reduceat(pitch, first), start_seconds[first]
