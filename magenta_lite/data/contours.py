"""What a piece of music sounds like, as a set of short phrases.

Two versions of a piece share many phrases whatever their key, tempo and file
format; two pieces share hardly any. `near_duplicates` counts them. A phrase is
a number of 64 bits, a hash of

* in a melody: eight intervals. The melody of a track is its highest line: the
  notes that sound below no other one. Rhythm does not count;
* in a track of chords: 24 of them, by the intervals inside and between. Two
  songs may have a dozen chords in common without being versions of each other;
* in a track of drums: 16 steps on which something is hit, what kinds of drums,
  and how many sixteenths follow. Quarter notes are those of the tempo map, so
  that a loop sounds the same at any tempo.

Tracks are taken one by one: a melody alone and with its chords share phrases.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

MELODY_INTERVALS = 8
CHORDS = 24
DRUM_STEPS = 16

_Notes = Mapping[str, np.ndarray]

_SAME_ONSET_SECONDS = 0.03
_NOTES_PER_CHORD = 2.2
"""A track with more notes at a time is one of chords."""

_MAX_COVERED = 32
"""A held note hides at most so many later ones below it."""

_STEPS_PER_QUARTER = 4
_DEFAULT_QPM = 120.0
_MAX_GAP_STEPS = 63

# Kinds of drums that a listener tells apart, by the keys of General MIDI:
# bass, snare, hi-hat closed and open, low and high toms, crash, ride; others.
_DRUM_KINDS = (
    (35, 36),
    (37, 38, 39, 40),
    (42, 44),
    (46,),
    (41, 43, 45),
    (47, 48, 50),
    (49, 52, 55, 57),
    (51, 53, 59),
)
_NUM_KINDS = len(_DRUM_KINDS) + 1
_KIND_OF_PITCH = np.full(128, _NUM_KINDS - 1, np.int64)
for _kind, _keys in enumerate(_DRUM_KINDS):
    _KIND_OF_PITCH[list(_keys)] = _kind

# Keeps the numbers of the three sorts of tracks apart.
_CHORD_MARK, _DRUM_MARK = 1 << 48, 1 << 49

_BASE = np.uint64(0xD6E8FEB86659FD93)  # Odd, and else of no meaning.


def phrases(
    notes: _Notes, tempo_seconds: np.ndarray, qpm: np.ndarray
) -> np.ndarray:
    """The phrases of a piece: uint64, sorted, each once.

    Args:
      notes: `pitch`, `start_time`, `end_time` (seconds), `instrument` and
        `is_drum`: `[notes]` each, in any order.
      tempo_seconds: when tempos start: `[tempos]`.
      qpm: these tempos: `[tempos]`.
    """
    found = [np.zeros(0, np.uint64)]
    tracks = 2 * notes["instrument"] + notes["is_drum"]
    for track in set(tracks.tolist()):
        here = tracks == track
        start, end, pitch = (
            notes[name][here] for name in ("start_time", "end_time", "pitch")
        )
        if track % 2:
            quarters = _quarters(start, tempo_seconds, qpm)
            steps = np.rint(quarters * _STEPS_PER_QUARTER)
            found.append(_drum_phrases(steps, pitch))
        else:
            found.append(_pitched_phrases(start, end, pitch))
    return np.unique(np.concatenate(found))


def _pitched_phrases(
    start: np.ndarray, end: np.ndarray, pitch: np.ndarray
) -> np.ndarray:
    order = np.lexsort((-pitch, start))
    start, end, pitch = start[order], end[order], pitch[order]
    if len(start) > _NOTES_PER_CHORD * len(_firsts(start)):
        return _hash_runs(_chords(start, pitch), CHORDS)
    is_top = ~_hidden(start, end, pitch)
    start, pitch = start[is_top], pitch[is_top]
    highest = np.maximum.reduceat(pitch, _firsts(start))
    return _hash_runs(highest[1:] - highest[:-1], MELODY_INTERVALS)


def _firsts(start: np.ndarray) -> np.ndarray:
    """Where in sorted times a new onset begins."""
    is_first = np.ones(len(start), bool)
    is_first[1:] = start[1:] - start[:-1] > _SAME_ONSET_SECONDS
    return is_first.nonzero()[0]


def _hidden(
    start: np.ndarray, end: np.ndarray, pitch: np.ndarray
) -> np.ndarray:
    """Notes in the middle of which an earlier, higher one still sounds."""
    middle = (start + end) / 2
    last_end = np.maximum.accumulate(end)
    hidden = np.zeros(len(start), bool)
    for back in range(1, min(_MAX_COVERED + 1, len(start))):
        if not (last_end[:-back] > middle[back:]).any():
            break  # Nothing sounds as long as that.
        is_lower = pitch[back:] < pitch[:-back]
        hidden[back:] |= is_lower & (end[:-back] > middle[back:])
    return hidden


def _chords(start: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """A number for each chord but the last: its shape, and the top's move."""
    first = _firsts(start)
    highest = np.maximum.reduceat(pitch, first)
    below = np.repeat(highest, np.diff(first, append=len(pitch))) - pitch
    shape = np.bitwise_or.reduceat(1 << np.minimum(below, 31), first)
    moved = np.diff(highest) + 128
    return shape[:-1] + (moved << 32) + _CHORD_MARK


def _drum_phrases(steps: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    hits = np.unique(steps.astype(np.int64) * 16 + _KIND_OF_PITCH[pitch])
    onsets, first = np.unique(hits // 16, return_index=True)
    kinds = np.bitwise_or.reduceat(1 << hits % 16, first)
    gaps = np.minimum(onsets[1:] - onsets[:-1], _MAX_GAP_STEPS)
    numbers = kinds[:-1] * (_MAX_GAP_STEPS + 1) + gaps + _DRUM_MARK
    return _hash_runs(numbers, DRUM_STEPS)


def _quarters(
    seconds: np.ndarray, tempo_seconds: np.ndarray, qpm: np.ndarray
) -> np.ndarray:
    """Times in quarter notes from the start."""
    if not len(tempo_seconds) or not (qpm > 0).all():
        return seconds * (_DEFAULT_QPM / 60)
    order = np.argsort(tempo_seconds, kind="stable")
    at, qpm = tempo_seconds[order], qpm[order]
    passed = np.append(0.0, np.cumsum(np.diff(at) * qpm[:-1] / 60))
    index = np.maximum(np.searchsorted(at, seconds, side="right") - 1, 0)
    return passed[index] + (seconds - at[index]) * qpm[index] / 60


def _hash_runs(numbers: np.ndarray, length: int) -> np.ndarray:
    """A hash of each run of `length` numbers; of all, if there are fewer."""
    length = min(length, len(numbers))
    if not length:
        return np.zeros(0, np.uint64)
    hashed = mix(numbers.astype(np.uint64) + np.uint64(1))
    num_runs = len(numbers) - length + 1
    total = np.full(num_runs, length, np.uint64)
    for offset in range(length):
        total = total * _BASE + hashed[offset : offset + num_runs]
    return mix(total)


def mix(values: np.ndarray) -> np.ndarray:
    """Spreads numbers over all 64 bits: uint64 to uint64, one to one.

    The finalizer of SplitMix64 (Steele et al., 2014).
    """
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values ^ values >> np.uint64(31)
