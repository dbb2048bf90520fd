"""Who plays melody, bass and drums in a piece, and where.

The rules are those of Magenta's `TrioConverter`.
"""

from __future__ import annotations

import numpy as np

from magenta_lite.codecs import drum_extraction
from magenta_lite.codecs import melody_extraction as extraction
from magenta_lite.codecs.melody_extraction import (
    NO_EVENT,
    NOTE_OFF,
    NUM_SPECIAL_EVENTS,
)
from magenta_lite.notes.quantize import QuantizedNotes

MELODY, BASS, DRUMS = range(3)
NUM_PARTS = 3
_NO_PART = 3
_NUM_INSTRUMENTS = 128
_FIRST_BASS_PROGRAM, _LAST_BASS_PROGRAM = 32, 39


def instruments(notes: QuantizedNotes) -> dict[int, list[int]]:
    """The instruments that play each part, in rising order.

    Programs below 32 play melodies, those from 32 to 39 bass. An instrument
    whose notes belong to several parts, or to none, plays nothing.
    """
    program, is_drum = notes.notes.program, notes.notes.is_drum
    part = np.where(program <= _LAST_BASS_PROGRAM, BASS, _NO_PART)
    part = np.where(program < _FIRST_BASS_PROGRAM, MELODY, part)
    part = np.where(is_drum, DRUMS, part)
    found: dict[int, list[int]] = {}
    for instrument in np.unique(notes.notes.instrument).tolist():
        own = np.unique(part[notes.notes.instrument == instrument])
        in_range = 0 <= instrument < _NUM_INSTRUMENTS
        if in_range and len(own) == 1 and own[0] != _NO_PART:
            found.setdefault(int(own[0]), []).append(instrument)
    return found


def melody(
    notes: QuantizedNotes, min_pitch: int, max_pitch: int, num_steps: int
) -> np.ndarray | None:
    """All of what one instrument plays, the highest of each step.

    Args:
      notes: of the instrument.
      min_pitch: notes below are left out.
      max_pitch: so are notes from here on.
      num_steps: length of the result.

    Returns:
      int32 `[num_steps]`, events of a `MelodyCodec` of that range, or None if
      no melody can be found.
    """
    pitch = notes.notes.pitch
    notes = notes.take((min_pitch <= pitch) & (pitch < max_pitch))
    rules = extraction.Rules(
        steps_per_bar=int(notes.steps_per_bar),
        gap_steps=float("inf"),
        ignore_polyphonic_notes=True,
        pad_end=True,
        filter_drums=True,
        max_steps=None,
    )
    for rows in extraction.tracks(notes):
        try:
            found = next(extraction.track_melodies(notes, rows, rules), None)
        except extraction.RejectedTrackError:
            return None
        if found is not None and len(found.events):
            return _laid_out(found, num_steps, min_pitch)
    return None


def _laid_out(
    found: extraction.Melody, num_steps: int, min_pitch: int
) -> np.ndarray:
    """A melody at its place among silent steps; its last note is ended."""
    events = np.full([num_steps], NO_EVENT, np.int32)
    own = found.events[: max(0, num_steps - found.start_step)]
    end = found.start_step + len(own)
    events[found.start_step : end] = own
    changes = own[own != NO_EVENT]
    if end < num_steps and len(changes) and changes[-1] != NOTE_OFF:
        events[end] = NOTE_OFF
    is_note = events >= NUM_SPECIAL_EVENTS
    return np.where(is_note, events - min_pitch, events).astype(np.int32)


def drums(
    notes: QuantizedNotes, table: np.ndarray, num_steps: int
) -> np.ndarray | None:
    """All of what one drummer plays.

    Args:
      notes: of the instrument.
      table: from `drum_extraction.class_of_pitch`.
      num_steps: length of the result.

    Returns:
      int32 `[num_steps]`, events of a `DrumsCodec`, or None for no drums.
    """
    is_known = (
        drum_extraction.classes_of(notes, table) != drum_extraction.NO_CLASS
    )
    rules = drum_extraction.Rules(float("inf"), None, pad_end=True)
    found = next(
        drum_extraction.drum_tracks(notes.take(is_known), table, rules), None
    )
    if found is None:
        return None
    events = np.zeros([num_steps], np.int32)
    own = found.hits[: max(0, num_steps - found.start_step)]
    events[found.start_step : found.start_step + len(own)] = own
    return events


def coverage(notes: QuantizedNotes, num_bars: int) -> np.ndarray:
    """Where each instrument has notes: bool `[num_bars, 128]`."""
    bar = int(notes.steps_per_bar)
    changes = np.zeros([num_bars + 1, _NUM_INSTRUMENTS], int)
    first = np.minimum(notes.start_step // bar, num_bars)
    last = np.minimum(-(-notes.end_step // bar), num_bars)
    instrument = notes.notes.instrument
    known = (0 <= instrument) & (instrument < _NUM_INSTRUMENTS)
    np.add.at(changes, (first[known], instrument[known]), 1)
    np.subtract.at(changes, (last[known], instrument[known]), 1)
    return np.cumsum(changes[:-1], axis=0) > 0


def fill_gaps(covered: np.ndarray, gap_bars: int) -> np.ndarray:
    """Widens what is covered by so many bars either way."""
    padded = np.pad(covered, [(gap_bars, gap_bars), (0, 0)])
    shifts = range(2 * gap_bars + 1)
    return np.logical_or.reduce([padded[s : s + len(covered)] for s in shifts])


def together(covered: np.ndarray, gap_bars: int) -> np.ndarray:
    """Where all parts of a group play: bool `[bars]`.

    Near the ends of the piece one of them is enough, so that a clip that was
    made can be read again.

    Args:
      covered: bool `[bars, parts]`, gaps filled.
      gap_bars: how near.
    """
    found = np.asarray(covered.all(axis=1))
    if gap_bars:
        found[:gap_bars] = covered[:gap_bars].any()
        found[-gap_bars:] = covered[-gap_bars:].any()
    return found
