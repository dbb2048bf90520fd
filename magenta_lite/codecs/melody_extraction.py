"""Finds the melodies in quantised notes, as arrays of events.

The rules are those of note_seq's `Melody.from_quantized_sequence` and of the
loop that Magenta ran around it. Events here are 0 (nothing new), 1 (note-off)
and 2 + pitch, over all 128 MIDI pitches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from magenta_lite.errors import UserError
from magenta_lite.notes.quantize import QuantizedNotes

NO_EVENT = 0
NOTE_OFF = 1
NUM_SPECIAL_EVENTS = 2
NUM_PITCHES = 128
_OCTAVE = 12
_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)

MAJOR_KEYS = np.array(
    [
        [(pc - key) % 12 in _MAJOR_SCALE for key in range(12)]
        for pc in range(12)
    ],
    np.int64,
)
"""`[pitch class, key]`: 1 where the pitch class lies in that major key."""


class RejectedTrackError(UserError):
    """A track holds no usable melody; `reason` says why in snake_case."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"unusable track: {reason}")


@dataclasses.dataclass(frozen=True)
class Rules:
    """What counts as one melody; the fields of `MelodyCodec` in steps.

    Attributes:
      steps_per_bar: length of a bar.
      gap_steps: silence of this length or longer ends a melody.
      ignore_polyphonic_notes: keep the highest of notes that start together,
        rather than reject the track.
      pad_end: fill the last bar.
      filter_drums: leave drum notes out.
      max_steps: where to cut a melody; None for nowhere.
    """

    steps_per_bar: int
    gap_steps: float
    ignore_polyphonic_notes: bool
    pad_end: bool
    filter_drums: bool
    max_steps: int | None


@dataclasses.dataclass(frozen=True)
class Melody:
    """One melody.

    Attributes:
      start_step: first step of the bar of the first note.
      num_steps: how long it is before being cut at `max_steps`.
      events: int32 `[time]`.
    """

    start_step: int
    num_steps: int
    events: np.ndarray


def tracks(notes: QuantizedNotes) -> list[np.ndarray]:
    """Row numbers of each instrument's notes, by start and falling pitch."""
    instrument = notes.notes.instrument
    order = np.lexsort((-notes.notes.pitch, notes.start_step, instrument))
    borders = np.flatnonzero(np.diff(instrument[order])) + 1
    return np.split(order, borders) if len(order) else []


def track_melodies(
    notes: QuantizedNotes, rows: np.ndarray, rules: Rules
) -> Iterator[Melody]:
    """The melodies of one track, one after the other.

    The search for the next melody starts at the first bar line that is not
    before the end of the last melody.

    Args:
      notes: all the notes.
      rows: those of the track, from `tracks`.
      rules: what counts as a melody.

    Yields:
      Melodies of at least one note, in order.

    Raises:
      RejectedTrackError: at a chord (reason `polyphonic`), unless chords are
        ignored, or at a note that makes no sense (`bad_note`). Melodies
        before it have been yielded.
    """
    # The bar of the first note counts even where that note is filtered out.
    onsets = notes.start_step[rows]
    starts, ends, pitches, chord = _sounding(notes, rows, rules)
    is_stop = chord.copy()
    is_stop[1:] |= starts[1:] - ends[:-1] >= rules.gap_steps
    (stops,) = is_stop.nonzero()
    search_start = 0
    while True:
        first = np.searchsorted(starts, search_start)
        if first == len(starts):
            return
        last = stops[np.searchsorted(stops, first, "right") :][:1]
        if len(last) and chord[last[0]]:
            raise RejectedTrackError("polyphonic")
        span = slice(first, last[0] if len(last) else None)
        onset = int(onsets[np.searchsorted(onsets, search_start)])
        start_step = onset - onset % rules.steps_per_bar
        yield _melody(
            starts[span] - start_step,
            ends[span] - start_step,
            pitches[span],
            start_step,
            rules,
        )
        end_step = start_step + int(ends[span][-1] - start_step)
        search_start = end_step + -end_step % rules.steps_per_bar


def _sounding(
    notes: QuantizedNotes, rows: np.ndarray, rules: Rules
) -> tuple[np.ndarray, ...]:
    """Starts, ends and pitches of a track, and what starts with another."""
    sounding = notes.notes.velocity[rows] > 0
    if rules.filter_drums:
        sounding &= ~notes.notes.is_drum[rows]
    rows = rows[sounding]
    starts, ends = notes.start_step[rows], notes.end_step[rows]
    pitches = notes.notes.pitch[rows]
    if (ends <= starts).any() or (pitches >= NUM_PITCHES).any():
        raise RejectedTrackError("bad_note")
    chord = np.zeros(len(rows), bool)
    chord[1:] = starts[1:] == starts[:-1]
    if not rules.ignore_polyphonic_notes:
        return starts, ends, pitches, chord
    # Higher pitches come first, so the first of a chord is the one to keep.
    keep = ~chord
    return starts[keep], ends[keep], pitches[keep], chord[keep]


def _melody(
    starts: np.ndarray,
    ends: np.ndarray,
    pitches: np.ndarray,
    start_step: int,
    rules: Rules,
) -> Melody:
    """Lays out notes that start one after the other as events."""
    # The last note-off is left out: the end of the melody ends the note.
    off_steps = ends[:-1][ends[:-1] < starts[1:]]
    num_steps = int(ends[-1])
    if rules.pad_end and num_steps % rules.steps_per_bar:
        off_steps = np.append(off_steps, num_steps)
        num_steps += -num_steps % rules.steps_per_bar
    length = num_steps
    if rules.max_steps is not None and num_steps > rules.max_steps:
        length = rules.max_steps
        if rules.pad_end:
            length -= length % rules.steps_per_bar
    events = np.full([length], NO_EVENT, np.int32)
    events[off_steps[off_steps < length]] = NOTE_OFF
    kept = starts < length
    events[starts[kept]] = pitches[kept] + NUM_SPECIAL_EVENTS
    return Melody(start_step, num_steps, events)


def num_pitch_classes(events: np.ndarray) -> int:
    """How many of the twelve pitch classes a melody uses."""
    return int(np.count_nonzero(_pitch_class_counts(events)))


def squash_shift(
    events: np.ndarray, min_pitch: int, max_pitch: int, key: int
) -> int:
    """Semitones that bring a melody to a key and to the middle of a range.

    The melody's own key is the major key that holds most of its notes, the
    lowest of equals; the octave is the one nearest to the range's centre.

    Args:
      events: int32 `[time]`.
      min_pitch: lowest pitch of the range.
      max_pitch: the pitch above the highest.
      key: the tonic to go to, 0 for C.
    """
    pitches = events[events >= NUM_SPECIAL_EVENTS] - NUM_SPECIAL_EVENTS
    if not len(pitches):
        return 0
    own_key = int((_pitch_class_counts(events) @ MAJOR_KEYS).argmax())
    centre = (int(pitches.min()) + int(pitches.max())) / 2
    target = (min_pitch + max_pitch - 1) / 2
    octaves = round((target - centre - (key - own_key)) / _OCTAVE)
    return key - own_key + _OCTAVE * octaves


def fold(pitches: np.ndarray, min_pitch: int, max_pitch: int) -> np.ndarray:
    """Moves pitches outside a range by octaves to its nearer end."""
    low = min_pitch + (pitches - min_pitch) % _OCTAVE
    high = max_pitch - _OCTAVE + (pitches - max_pitch) % _OCTAVE
    folded = np.where(pitches < min_pitch, low, pitches)
    return np.where(pitches >= max_pitch, high, folded)


def _pitch_class_counts(events: np.ndarray) -> np.ndarray:
    pitches = events[events >= NUM_SPECIAL_EVENTS] - NUM_SPECIAL_EVENTS
    return np.bincount(pitches % _OCTAVE, minlength=_OCTAVE)
