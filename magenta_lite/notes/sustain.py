"""The sustain pedal: notes last as long as it lets them sound.

The meaning is that of note_seq's `apply_sustain_control_changes`, worked out
for all notes at once.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.notes import wire
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import NoteArrays, note_arrays

SUSTAIN_CONTROL = 64
"""The MIDI control number of the sustain pedal."""

_DOWN_FROM = 64


@dataclasses.dataclass(frozen=True)
class PedalChanges:
    """The moments at which a pedal is reported up or down.

    Attributes:
      seconds: float64 `[changes]`.
      instrument: int64 `[changes]`, the NoteSequence's number of the track.
      is_down: bool `[changes]`.
    """

    seconds: np.ndarray
    instrument: np.ndarray
    is_down: np.ndarray


def pedal_changes(
    sequence: NoteSequence, control_number: int = SUSTAIN_CONTROL
) -> PedalChanges:
    """What a sequence reports of a pedal; it is down from value 64 on."""
    changes = wire.read_messages(
        sequence,
        "control_changes",
        ("time", "control_number", "control_value", "instrument"),
    )
    chosen = changes["control_number"] == control_number
    return PedalChanges(
        seconds=changes["time"][chosen],
        instrument=changes["instrument"][chosen],
        is_down=changes["control_value"][chosen] >= _DOWN_FROM,
    )


def sustained_notes(sequence: NoteSequence) -> NoteArrays:
    """The notes of a sequence as they sound under the sustain pedal.

    Args:
      sequence: not quantised.

    Returns:
      Its notes in their order, see `apply_sustain`.
    """
    return apply_sustain(note_arrays(sequence), pedal_changes(sequence))


def apply_sustain(notes: NoteArrays, pedal: PedalChanges) -> NoteArrays:
    """Lengthens notes that end while the pedal of their instrument is down.

    They last until the pedal goes up, or to the end of all music and pedal
    changes if it never does. While the pedal is down, a note ends where
    another of its pitch starts; of two that start at once the later in the
    order of notes stays. Drums take no part.

    Args:
      notes: none of them ending before it starts.
      pedal: of all instruments.

    Returns:
      The notes in their order, fewer where some start at once.
    """
    sounding = np.flatnonzero(~notes.is_drum)
    if not len(sounding):
        return notes
    end_seconds = notes.end_seconds.copy()
    is_kept = np.ones([len(notes)], bool)
    last_seconds = float(notes.end_seconds[sounding].max())
    if len(pedal.seconds):
        last_seconds = max(last_seconds, float(pedal.seconds.max()))
    # Without a change of their own pedal, instruments stay as they are.
    for instrument in np.unique(pedal.instrument[pedal.is_down]):
        rows = sounding[notes.instrument[sounding] == instrument]
        changes = pedal.instrument == instrument
        seconds, is_down = pedal.seconds[changes], pedal.is_down[changes]
        # Of changes at one time, going up is the last.
        order = np.lexsort((~is_down, seconds))
        own_pedal = _Pedal(seconds[order], is_down[order], last_seconds)
        end_seconds[rows], is_kept[rows] = _sustain(notes.take(rows), own_pedal)
    sustained = dataclasses.replace(notes, end_seconds=end_seconds)
    return sustained if is_kept.all() else sustained.take(is_kept)


@dataclasses.dataclass(frozen=True)
class _Pedal:
    """One instrument's pedal changes in order of time."""

    seconds: np.ndarray
    is_down: np.ndarray
    last_seconds: float

    def is_down_at(self, seconds: np.ndarray) -> np.ndarray:
        """Whether it is down at each time; changes act before notes."""
        number = np.searchsorted(self.seconds, seconds, "right")
        return np.append(False, self.is_down)[number]

    def next_up(self, seconds: np.ndarray) -> np.ndarray:
        """When it is next reported up after each time."""
        ups = self.seconds[~self.is_down]
        number = np.searchsorted(ups, seconds, "right")
        return np.append(ups, self.last_seconds)[number]


def _sustain(notes: NoteArrays, pedal: _Pedal) -> tuple[np.ndarray, np.ndarray]:
    """New ends of one instrument's notes, and which of the notes stay."""
    starts, ends = notes.start_seconds, notes.end_seconds
    is_held = pedal.is_down_at(ends)
    ends = np.where(is_held, pedal.next_up(ends), ends)
    cut = _next_onset_under_pedal(notes, pedal.is_down_at(starts))
    # At the last moment of all, notes still start before the rest ends.
    is_cut = (cut < ends) | (is_held & (cut == pedal.last_seconds))
    return np.where(is_cut, cut, ends), ~(is_cut & (cut == starts))


def _next_onset_under_pedal(
    notes: NoteArrays, is_under_pedal: np.ndarray
) -> np.ndarray:
    """When the pitch of each note next starts while the pedal is down.

    Returns:
      float64 `[notes]`, infinity where it does not.
    """
    order = np.lexsort((notes.start_seconds, notes.pitch))
    pitch, starts = notes.pitch[order], notes.start_seconds[order]
    # Where in this order the next such onset stands, whatever its pitch.
    none = len(order)
    places = np.where(is_under_pedal[order], np.arange(none), none)
    places = np.minimum.accumulate(places[::-1])[::-1]
    following = np.append(places[1:], none)
    same_pitch = np.append(pitch, -1)[following] == pitch
    same_pitch &= following < none
    onsets = np.where(same_pitch, np.append(starts, np.inf)[following], np.inf)
    result = np.empty([none])
    result[order] = onsets
    return result
