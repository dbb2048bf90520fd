"""NoteSequence to MIDI files.

A track for each instrument of the sequence; tempo and signatures go to a track
of their own. Ticks are computed under the tempo as MIDI can hold it (whole
microseconds per quarter), so that times stay within half a tick.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from magenta_lite.notes import keys
from magenta_lite.notes.atomic import temporary_file
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.tempo_map import (
    DEFAULT_MICROSECONDS_PER_QUARTER,
    TempoMap,
)

if TYPE_CHECKING:
    import symusic.core

DEFAULT_TICKS_PER_QUARTER = 220
"""note_seq's resolution, for sequences that name none."""

_MAX_MICROSECONDS = 2**24 - 1
_MAX_TICK = 2**28 - 1  # The largest time step that MIDI can write.


def write_midi(sequence: NoteSequence, path: str | os.PathLike) -> None:
    """Writes a sequence as a MIDI file; the file appears whole or not at all.

    Args:
      sequence: times in seconds. A note shorter than a tick becomes one tick
        long.
      path: where to; an existing file is replaced.

    Raises:
      NotesError: if the file cannot be written or the sequence holds what no
        MIDI file can: pitches above 127, times below 0, ...
    """
    data = to_score(sequence).dumps_midi()
    with temporary_file(path) as temporary:
        temporary.write_bytes(data)


def to_score(sequence: NoteSequence) -> symusic.core.ScoreTick:
    """A `symusic.Score` in ticks of a sequence.

    Raises:
      NotesError: if the sequence holds what no MIDI file can.
    """
    # Imported here: it takes 0.1 s that commands' --help should not pay.
    import symusic

    resolution = sequence.ticks_per_quarter or DEFAULT_TICKS_PER_QUARTER
    tempos = _tempos(sequence, resolution)
    score = symusic.Score(resolution)
    for tick, tempo in tempos:
        score.tempos.append(symusic.Tempo(tick, mspq=tempo))
    tempo_map = TempoMap.from_midi(tempos, resolution)
    for meter in sequence.time_signatures:
        tick = int(_ticks(tempo_map, [meter.time])[0])
        _check(0 < meter.numerator < 256, "a time signature", meter.numerator)
        denominator = meter.denominator
        _check(
            0 < denominator and denominator & (denominator - 1) == 0,
            "a denominator of a time signature",
            denominator,
        )
        score.time_signatures.append(
            symusic.TimeSignature(tick, meter.numerator, denominator)
        )
    for key in sequence.key_signatures:
        tick = int(_ticks(tempo_map, [key.time])[0])
        minor = int(key.mode == key.MINOR)
        sharps = keys.accidentals(key.key, key.mode)
        score.key_signatures.append(symusic.KeySignature(tick, sharps, minor))
    for events in _instruments(sequence).values():
        score.tracks.append(_track(events, tempo_map))
    return score


def _check(valid: bool, what: str, value: object) -> None:
    if not valid:
        raise NotesError(
            "not_writable",
            f"the sequence has {what} of {value}, which MIDI cannot hold.",
        )


def _tempos(sequence: NoteSequence, resolution: int) -> list[tuple[int, int]]:
    """(tick, microseconds per quarter) of each tempo, in order, from tick 0."""
    found = [(0, DEFAULT_MICROSECONDS_PER_QUARTER)]
    last_seconds = 0.0
    for tempo in sorted(sequence.tempos, key=lambda tempo: tempo.time):
        _check(tempo.qpm > 0, "a tempo", f"{tempo.qpm} qpm")
        microseconds = min(max(round(6e7 / tempo.qpm), 1), _MAX_MICROSECONDS)
        last_tick, last_microseconds = found[-1]
        seconds = max(tempo.time, last_seconds)
        quarters = (seconds - last_seconds) * 1e6 / last_microseconds
        tick = last_tick + round(quarters * resolution)
        _check(tick <= _MAX_TICK, "a time", f"{seconds} seconds")
        if tick == last_tick:
            found.pop()
        found.append((tick, microseconds))
        # Not `seconds`: what was rounded must not add up.
        last_seconds += (
            (tick - last_tick) * last_microseconds / (1e6 * resolution)
        )
    return found


def _ticks(tempo_map: TempoMap, seconds: list[float]) -> np.ndarray:
    times = np.array(seconds, np.float64)
    bad = times[~((times >= 0) & (times < 2**31))]
    _check(not len(bad), "a time", f"{bad[:1]} seconds")
    ticks = tempo_map.to_ticks(times)
    _check(
        bool((ticks <= _MAX_TICK).all()),
        "a time",
        f"{times.max(initial=0)} seconds",
    )
    return ticks


def _instruments(sequence: NoteSequence) -> dict[tuple, dict]:
    """Events by (instrument, program, is_drum), in that order."""
    names = {info.instrument: info.name for info in sequence.instrument_infos}
    found: dict[tuple, dict] = {}
    for field in ("notes", "pitch_bends", "control_changes"):
        for event in getattr(sequence, field):
            identity = (event.instrument, event.program, event.is_drum)
            if identity not in found:
                found[identity] = {
                    "name": names.get(event.instrument, ""),
                    "program": event.program,
                    "is_drum": event.is_drum,
                    "notes": [],
                    "pitch_bends": [],
                    "control_changes": [],
                }
            found[identity][field].append(event)
    return dict(sorted(found.items()))


def _track(events: dict, tempo_map: TempoMap) -> symusic.core.TrackTick:
    import symusic

    _check(0 <= events["program"] < 128, "a program", events["program"])
    track = symusic.Track(
        events["name"], events["program"], events["is_drum"], ttype="tick"
    )
    notes = events["notes"]
    start = _ticks(tempo_map, [note.start_time for note in notes])
    end = _ticks(tempo_map, [note.end_time for note in notes])
    pitch = np.array([note.pitch for note in notes], np.int64)
    velocity = np.array([note.velocity for note in notes], np.int64)
    for what, values in (("a pitch", pitch), ("a velocity", velocity)):
        bad = values[(values < 0) | (values > 127)]
        _check(not len(bad), what, bad[:1])
    track.notes = symusic.Note.from_numpy(
        start.astype(np.int32),
        np.maximum(end - start, 1).astype(np.int32),
        pitch.astype(np.int8),
        # A note-on of velocity 0 means note-off.
        np.maximum(velocity, 1).astype(np.int8),
        ttype="tick",
    )
    bends = events["pitch_bends"]
    bend_ticks = _ticks(tempo_map, [bend.time for bend in bends]).tolist()
    for tick, bend in zip(bend_ticks, bends, strict=True):
        _check(-8192 <= bend.bend < 8192, "a pitch bend", bend.bend)
        track.pitch_bends.append(symusic.PitchBend(tick, bend.bend))
    controls = events["control_changes"]
    control_ticks = _ticks(tempo_map, [change.time for change in controls])
    for tick, change in zip(control_ticks.tolist(), controls, strict=True):
        number, value = change.control_number, change.control_value
        _check(0 <= number < 128 and 0 <= value < 128, "a control", value)
        track.controls.append(symusic.ControlChange(tick, number, value))
    return track
