"""Events of a MIDI track to notes and instruments.

What sounds when, under which program, and to which instrument a pedal belongs
is as in pretty_midi, which note_seq reads with; its loop over events is done on
arrays here.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.notes.midi_events import (
    BEND,
    CONTROL,
    NOTE_OFF,
    NOTE_ON,
    PROGRAM,
    MidiError,
    TrackEvents,
)

MAX_CONTROLS = 4_000_000
"""More controls and bends of a track are refused: the programs of a channel
share them, which multiplies them."""

_TRACK_NAME = 0x03
_DRUM_CHANNEL = 9
_BEND_CENTER = 8192


@dataclasses.dataclass(frozen=True)
class Instrument:
    """What one program plays on one channel of a track, times in ticks.

    Attributes:
      program: MIDI program.
      is_drum: whether it is the channel of drums.
      name: of its track.
      notes: "start", "end", "pitch", "velocity", int64 `[notes]` each, in order
        of their ends.
      bends: "time", "bend" (0 is none), int64 `[bends]` each.
      controls: "time", "control_number", "control_value", int64 `[changes]`.
    """

    program: int
    is_drum: bool
    name: str
    notes: dict[str, np.ndarray]
    bends: dict[str, np.ndarray]
    controls: dict[str, np.ndarray]


def read_instruments(track: TrackEvents) -> list[Instrument]:
    """The instruments of a track, in order of their first notes' ends.

    An instrument comes into being when its first note ends. Controls and bends
    of a channel before this belong to the instruments of the channel that come
    later, all of them; those of a channel without notes are left out.
    """
    starts, ends = _pair_notes(track)
    if not len(starts):
        return []
    # The program counts that holds when a note ends.
    all_programs = _programs(track)
    programs = all_programs[ends]
    channels = track.channel[ends].astype(np.int64)
    keys = programs * 16 + channels
    # The first note of each instrument, in order.
    firsts = [0]
    if (keys != keys[0]).any():
        firsts = np.sort(np.unique(keys, return_index=True)[1]).tolist()
    controls = _assign_controls(
        track,
        all_programs,
        [(programs[i], channels[i], ends[i]) for i in firsts],
    )
    instruments = []
    for first, rows in zip(firsts, controls, strict=True):
        mine = keys == keys[first]
        instruments.append(
            Instrument(
                program=int(programs[first]),
                is_drum=bool(channels[first] == _DRUM_CHANNEL),
                name=_name(track, int(track.index[ends[first]])),
                notes=_notes(track, starts[mine], ends[mine]),
                bends=_bends(track, rows),
                controls=_controls(track, rows),
            )
        )
    return instruments


def count_notes(track: TrackEvents) -> int:
    """How many notes start on a track."""
    return int(((track.kind == NOTE_ON) & (track.data[:, 1] > 0)).sum())


def _pair_notes(track: TrackEvents) -> tuple[np.ndarray, np.ndarray]:
    """The events that start and end each note, int64 `[notes]` both.

    A note-off ends all notes of its channel and pitch that started at an
    earlier tick. Those that start at its own tick go on, but only if it ended
    others; else it takes them back. What no note-off ends is left out.
    """
    sounds = track.data[:, 1] > 0
    is_on = (track.kind == NOTE_ON) & sounds
    is_off = (track.kind == NOTE_OFF) | ((track.kind == NOTE_ON) & ~sounds)
    (events,) = (is_on | is_off).nonzero()
    keys = track.channel[events].astype(np.uint16) * 128
    keys += track.data[events, 0]
    order = np.argsort(keys, kind="stable")
    # From here on by channel and pitch, and by time within.
    events, keys = events[order], keys[order]
    tick, is_on = track.tick[events], is_on[events]
    (offs,) = (~is_on).nonzero()
    if not len(offs):
        return offs, offs
    keeps = _offs_that_keep(keys, tick, offs)
    (ons,) = is_on.nonzero()
    number = np.searchsorted(offs, ons)  # of the next note-off
    ends = np.concatenate([offs, [0]])
    # A note that goes on past a note-off of its own tick ends at the next.
    same_tick = (number < len(offs)) & (tick[ends[number]] == tick[ons])
    goes_on = same_tick & keeps[np.minimum(number, len(offs) - 1)]
    number = number + goes_on
    ends = ends[number]
    is_note = (number < len(offs)) & (keys[ends] == keys[ons])
    is_note &= tick[ends] > tick[ons]
    starts, ends = events[ons[is_note]], events[ends[is_note]]
    by_end = np.lexsort([starts, ends])
    return starts[by_end], ends[by_end]


def _offs_that_keep(
    keys: np.ndarray, tick: np.ndarray, offs: np.ndarray
) -> np.ndarray:
    """Which note-offs let notes of their own tick go on.

    Args:
      keys: `[events]`, channel and pitch, sorted.
      tick: `[events]`, ascending within each key.
      offs: `[offs]`, which of the events are note-offs.

    Returns:
      bool `[offs]`.
    """
    same_key = np.zeros(len(offs), bool)
    same_key[1:] = keys[offs[1:]] == keys[offs[:-1]]
    firsts = np.searchsorted(keys, keys[offs])
    firsts[1:] = np.maximum(firsts[1:], offs[:-1] + 1)
    has_ons = firsts < offs
    starts_here = has_ons & (tick[offs - 1] == tick[offs])
    ends_others = tick[firsts] < tick[offs]
    # What the note-off before has kept is open, too: a chain of note-offs.
    later = np.zeros(len(offs), bool)
    later[1:] = tick[offs[1:]] > tick[offs[:-1]]
    keeps = starts_here & ends_others
    hands_on = starts_here & same_key & later
    numbers = np.arange(len(offs))
    last_kept = np.maximum.accumulate(np.where(keeps, numbers, -1))
    last_broken = np.maximum.accumulate(np.where(keeps | hands_on, -1, numbers))
    return last_kept > last_broken


def _programs(track: TrackEvents) -> np.ndarray:
    """The program of each event's channel: int64 `[events]`."""
    changes = track.kind == PROGRAM
    programs = np.zeros(len(track.tick), np.int64)
    if not changes.any():
        return programs
    for channel in np.unique(track.channel[changes]):
        events = np.flatnonzero(track.channel == channel)
        here = np.flatnonzero(changes & (track.channel == channel))
        values = np.append(0, track.data[here, 0])
        programs[events] = values[np.searchsorted(here, events, side="right")]
    return programs


def _assign_controls(
    track: TrackEvents,
    programs: np.ndarray,
    instruments: list[tuple[int, int, int]],
) -> list[np.ndarray]:
    """The controls and bends of each instrument.

    Args:
      track: all of its events.
      programs: `[events]`, the program of each event's channel.
      instruments: program, channel, and the event from which on it exists.

    Returns:
      For each instrument, which of the events are its own.
    """
    (rows,) = ((track.kind == CONTROL) | (track.kind == BEND)).nonzero()
    if not len(rows):
        return [rows] * len(instruments)
    programs, channels = programs[rows], track.channel[rows]
    # Number of the instrument that gets an event, -1 if there is none yet.
    owner = np.full(len(rows), -1)
    for number, (program, channel, first) in enumerate(instruments):
        mine = (programs == program) & (channels == channel) & (rows > first)
        owner[mine] = number
    found = []
    for number, (_, channel, first) in enumerate(instruments):
        unowned = (channels == channel) & (owner == -1)
        early = rows[unowned]
        mine = owner == number
        if len(early) and early[0] < first:
            sharers = [
                other
                for other, (_, channel_too, birth) in enumerate(instruments)
                if channel_too == channel and birth > early[0]
            ]
            is_sharer = np.zeros(len(instruments) + 1, bool)
            is_sharer[sharers] = True  # Not the last place, that of -1.
            mine = unowned | is_sharer[owner]
        found.append(rows[mine])
        if sum(map(len, found)) > MAX_CONTROLS:
            raise MidiError(f"more than {MAX_CONTROLS} controls")
    return found


def _name(track: TrackEvents, index: int) -> str:
    """The track's name as it is known before an event."""
    names = [
        meta.data
        for meta in track.metas
        if meta.kind == _TRACK_NAME and meta.index < index
    ]
    if not names:
        return ""
    try:
        return names[-1].decode("utf-8")
    except UnicodeDecodeError:
        return names[-1].decode("latin-1")


def _notes(
    track: TrackEvents, starts: np.ndarray, ends: np.ndarray
) -> dict[str, np.ndarray]:
    return {
        "start": track.tick[starts],
        "end": track.tick[ends],
        "pitch": track.data[starts, 0].astype(np.int64),
        "velocity": track.data[starts, 1].astype(np.int64),
    }


def _bends(track: TrackEvents, rows: np.ndarray) -> dict[str, np.ndarray]:
    if len(rows):
        rows = rows[track.kind[rows] == BEND]
    low, high = track.data[rows].astype(np.int64).T
    return {"time": track.tick[rows], "bend": (high << 7 | low) - _BEND_CENTER}


def _controls(track: TrackEvents, rows: np.ndarray) -> dict[str, np.ndarray]:
    if len(rows):
        rows = rows[track.kind[rows] == CONTROL]
    number, value = track.data[rows].astype(np.int64).T
    return {
        "time": track.tick[rows],
        "control_number": number,
        "control_value": value,
    }
