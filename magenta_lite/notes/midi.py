"""MIDI files to NoteSequence, fast; the writer is in `midi_writer`.

symusic parses; seconds are computed from ticks on whole arrays. The result
equals that of `note_seq.midi_io.midi_to_note_sequence`, except:

* notes of an instrument are in order of their start, not of their end;
* tempo, time and key signatures count on whichever track they stand;
  note_seq ignores them on all tracks but the first, and then places every
  later note at the wrong second; the same signature twice at one time, as
  on several tracks, counts once;
* instruments of one track are numbered by channel and program; note_seq
  numbers them in the order in which their first notes end;
* of several notes on one pitch and channel that overlap, note_seq ends all of
  them at the next note-off, and so does this module; but a note that has no
  note-off of its own (on, on, off) is dropped here, being unfinished;
* note_seq refuses files with a key signature beyond seven accidentals.
"""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING

import numpy as np

from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.midi_writer import write_midi
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.tempo_map import TempoMap

if TYPE_CHECKING:
    import symusic.core

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_NOTES",
    "from_score",
    "parse_score",
    "read_bytes",
    "read_midi",
    "write_midi",
]

MAX_FILE_BYTES = 32 * 2**20
"""Larger files are refused unread."""

MAX_NOTES = 1_000_000
"""Files with more notes are refused."""

_HEADER_BYTES = 14


def read_midi(
    path_or_bytes: str | os.PathLike | bytes,
    max_file_bytes: int = MAX_FILE_BYTES,
    max_notes: int = MAX_NOTES,
) -> NoteSequence:
    """Reads one MIDI file.

    Args:
      path_or_bytes: the file, or what is in it.
      max_file_bytes: larger files are refused.
      max_notes: files with more notes are refused.

    Returns:
      A NoteSequence, times in seconds; see the module for where it differs
      from note_seq's.

    Raises:
      NotesError: if the file cannot be read or is not a sound MIDI file.
    """
    if isinstance(path_or_bytes, bytes):
        name, data = "MIDI data", path_or_bytes
    else:
        name = os.fspath(path_or_bytes)
        data = read_bytes(name, max_file_bytes)
    if len(data) > max_file_bytes:
        raise _too_large(name, len(data), max_file_bytes)
    return from_score(parse_score(data, name, max_notes), name)


def parse_score(
    data: bytes, name: str = "MIDI data", max_notes: int = MAX_NOTES
) -> symusic.core.ScoreTick:
    """The content of a MIDI file as symusic sees it, times in ticks.

    Args:
      data: what is in the file.
      name: what errors call it.
      max_notes: files with more notes are refused.

    Raises:
      NotesError: if it is not a sound MIDI file.
    """
    # Imported here: it takes 0.1 s that commands' --help should not pay.
    from symusic import Score

    _check_header(data, name)
    try:
        score = Score.from_midi(data, ttype="tick")
    except (RuntimeError, ValueError, IndexError, MemoryError) as error:
        raise NotesError(
            "broken_midi", f"{name}: is a broken MIDI file: {error}."
        ) from error
    num_notes = sum(len(track.notes) for track in score.tracks)
    if num_notes > max_notes:
        raise NotesError(
            "too_many_notes",
            f"{name}: has {num_notes} notes, more than {max_notes}; leave it "
            "out or split it.",
        )
    return score


def from_score(
    score: symusic.core.ScoreTick, name: str = "MIDI data"
) -> NoteSequence:
    """A NoteSequence of a symusic score in ticks.

    Args:
      score: what `parse_score` gave.
      name: what errors call it.

    Raises:
      NotesError: if its times or tempos are out of range.
    """
    try:
        return _to_sequence(score)
    except (ValueError, OverflowError) as error:
        raise NotesError(
            "broken_midi", f"{name}: is a broken MIDI file: {error}."
        ) from error


def read_bytes(path: str | os.PathLike, max_file_bytes: int) -> bytes:
    """What is in a file of at most `max_file_bytes`.

    Raises:
      NotesError: if it is missing, unreadable or too large.
    """
    try:
        with pathlib.Path(path).open("rb") as file:
            data = file.read(max_file_bytes + 1)
            if len(data) <= max_file_bytes:
                return data
            size = os.fstat(file.fileno()).st_size
    except FileNotFoundError as error:
        raise NotesError(
            "missing", f"{path}: there is no such file."
        ) from error
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or error
        raise NotesError(
            "unreadable", f"{path}: cannot be read: {problem}."
        ) from error
    raise _too_large(path, size, max_file_bytes)


def _too_large(path: str | os.PathLike, size: int, limit: int) -> NotesError:
    return NotesError(
        "too_large",
        f"{path}: has {size} bytes, more than {limit}; leave it out.",
    )


def _check_header(data: bytes, name: str) -> None:
    if data[:4] != b"MThd" or len(data) < _HEADER_BYTES:
        raise NotesError(
            "not_midi", f"{name}: is not a MIDI file (it has no MThd header)."
        )
    division = int.from_bytes(data[12:14], "big")
    if division & 0x8000:
        raise NotesError(
            "smpte_time",
            f"{name}: counts time in SMPTE frames, not in quarter notes; "
            "save it again with a resolution in ticks per quarter.",
        )
    if not division:
        raise NotesError(
            "broken_midi", f"{name}: says 0 ticks per quarter note."
        )
    # symusic sets aside as much memory as a chunk claims to have.
    place, num_tracks = 0, 0
    while place + 8 <= len(data):
        num_tracks += data[place : place + 4] == b"MTrk"
        size = int.from_bytes(data[place + 4 : place + 8], "big")
        place += 8 + size
    if place > len(data) or num_tracks < int.from_bytes(data[10:12], "big"):
        raise NotesError("broken_midi", f"{name}: is cut off.")


def _to_sequence(score: symusic.core.ScoreTick) -> NoteSequence:
    sequence = NoteSequence(ticks_per_quarter=score.ticks_per_quarter)
    source = sequence.source_info
    source.parser = source.PRETTY_MIDI
    source.encoding_type = source.MIDI
    tempo_map = _tempo_map(score)
    for seconds, qpm in zip(tempo_map.seconds, tempo_map.qpm, strict=True):
        sequence.tempos.add(time=seconds, qpm=qpm)
    _add_signatures(sequence, score, tempo_map)
    tracks = [track for track in score.tracks if len(track.notes)]
    number = 0
    for track in tracks:
        notes = _sounding_notes(track.notes.numpy())
        if len(notes["pitch"]):
            _add_track(sequence, number, track, notes, tempo_map)
            number += 1
    return sequence


def _tempo_map(score: symusic.core.ScoreTick) -> TempoMap:
    tempos = score.tempos.numpy()
    if (tempos["mspq"] <= 0).any():
        raise ValueError("a tempo of 0 microseconds per quarter")
    return TempoMap.from_midi(
        tempos["time"], tempos["mspq"], score.ticks_per_quarter
    )


def _add_signatures(
    sequence: NoteSequence, score: symusic.core.ScoreTick, tempo_map: TempoMap
) -> None:
    meters = score.time_signatures.numpy()
    meter_rows = zip(
        _seconds(tempo_map, meters["time"]),
        meters["numerator"].tolist(),
        meters["denominator"].tolist(),
        strict=True,
    )
    # Some programs write the same signature on every track: once is enough.
    for time, numerator, denominator in dict.fromkeys(meter_rows):
        sequence.time_signatures.add(
            time=time, numerator=numerator, denominator=denominator
        )
    keys = score.key_signatures.numpy()
    key_rows = zip(
        _seconds(tempo_map, keys["time"]),
        keys["key"].tolist(),
        keys["tonality"].tolist(),
        strict=True,
    )
    for time, sharps, minor in dict.fromkeys(key_rows):
        # Each sharp is a fifth up; the minor key lies nine semitones above.
        sequence.key_signatures.add(
            time=time, key=(7 * sharps + 9 * minor) % 12, mode=minor
        )


def _sounding_notes(notes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Notes of one track and channel that sound, ends as in note_seq.

    symusic lets each note-off end the oldest open note of its pitch; note_seq
    lets it end all of them. So a note ends at the first note-off behind its
    start, which only matters where notes of one pitch overlap.

    Returns:
      "start" and "end" in ticks, "pitch", "velocity": `[notes]` each.
    """
    kept = notes["duration"] != 0
    start = notes["time"][kept].astype(np.int64)
    end = start + notes["duration"][kept]
    pitch = notes["pitch"][kept].astype(np.int64)
    if (start < 0).any() or (end < start).any():
        raise ValueError("times beyond 2147483647 ticks")
    # All ends of a pitch in order; the first one after each start is its end.
    span = int(end.max(initial=0)) + 1
    ends = np.sort(pitch * span + end)
    first = np.searchsorted(ends, pitch * span + start, side="right")
    return {
        "start": start,
        "end": ends[first] - pitch * span if len(ends) else end,
        "pitch": pitch,
        "velocity": notes["velocity"][kept],
    }


def _add_track(
    sequence: NoteSequence,
    number: int,
    track: symusic.core.TrackTick,
    notes: dict[str, np.ndarray],
    tempo_map: TempoMap,
) -> None:
    common = {
        "instrument": number,
        "program": track.program,
        "is_drum": track.is_drum,
    }
    if track.name:
        sequence.instrument_infos.add(instrument=number, name=track.name)
    ends = _seconds(tempo_map, notes["end"])
    sequence.total_time = max(sequence.total_time, *ends, 0.0)
    add = sequence.notes.add
    for start, end, pitch, velocity in zip(
        _seconds(tempo_map, notes["start"]),
        ends,
        notes["pitch"].tolist(),
        notes["velocity"].tolist(),
        strict=True,
    ):
        add(
            start_time=start,
            end_time=end,
            pitch=pitch,
            velocity=velocity,
            **common,
        )
    _add_controls(sequence, track, common, tempo_map)


def _add_controls(
    sequence: NoteSequence,
    track: symusic.core.TrackTick,
    common: dict[str, int | bool],
    tempo_map: TempoMap,
) -> None:
    bends = track.pitch_bends.numpy()
    for time, bend in zip(
        _seconds(tempo_map, bends["time"]), bends["value"].tolist(), strict=True
    ):
        sequence.pitch_bends.add(time=time, bend=bend, **common)
    controls = track.controls.numpy()
    for time, control, value in zip(
        _seconds(tempo_map, controls["time"]),
        controls["number"].tolist(),
        controls["value"].tolist(),
        strict=True,
    ):
        sequence.control_changes.add(
            time=time, control_number=control, control_value=value, **common
        )


def _seconds(tempo_map: TempoMap, ticks: np.ndarray) -> list[float]:
    return tempo_map.to_seconds(ticks).tolist()
