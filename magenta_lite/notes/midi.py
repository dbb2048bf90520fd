"""MIDI files to NoteSequence, fast; the writer is in `midi_writer`.

The result is that of `note_seq.midi_io.midi_to_note_sequence`, message for
message, wherever note_seq reads a file as it is meant:

* tempo, time and key signatures count on whichever track they stand; note_seq
  ignores them on all tracks but the first, and then places every later note at
  the wrong second; the signature of another track that repeats one of the same
  time counts once;
* names of tracks may be UTF-8; note_seq takes all for Latin-1;
* read here, refused by note_seq: key signatures beyond seven accidentals, keys
  and meta events that are cut short, chunks other than tracks, tracks without
  events, time signatures of numerator 0;
* refused here, read by note_seq: files of type 2 with several tracks, each a
  piece of its own, which note_seq plays at once; SMPTE time, which it takes for
  ticks per quarter; what exceeds the limits.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from magenta_lite.notes import wire
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.midi_events import (
    MetaEvent,
    MidiError,
    read_track,
)
from magenta_lite.notes.midi_notes import (
    Instrument,
    count_notes,
    read_instruments,
)
from magenta_lite.notes.midi_writer import write_midi
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.tempo_map import TempoMap

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_NOTES",
    "MAX_SECONDS",
    "MidiMusic",
    "check_length",
    "parse_midi",
    "read_bytes",
    "read_midi",
    "to_sequence",
    "write_midi",
]

MAX_FILE_BYTES = 32 * 2**20
"""Larger files are refused unread."""

MAX_NOTES = 1_000_000
"""Files with more notes are refused."""

MAX_SECONDS = 12 * 3600.0
"""Longer music is refused: a broken time in a file can make it years long."""

_TEMPO, _TIME_SIGNATURE, _KEY_SIGNATURE = 0x51, 0x58, 0x59
_LARGEST_DENOMINATOR_POWER = 30
_HEADER_BYTES = 14
_NOTE_FIELDS = ("start", "end", "pitch", "velocity")
_BEND_FIELDS = ("time", "bend")
_CONTROL_FIELDS = ("time", "control_number", "control_value")


@dataclasses.dataclass(frozen=True)
class MidiMusic:
    """What a MIDI file holds, times in ticks.

    Attributes:
      ticks_per_quarter: the resolution.
      tempos: (tick, microseconds per quarter), in order.
      meters: (tick, numerator, denominator), in order.
      keys: (tick, sharps or negative flats, 1 if minor), in order.
      instruments: those that have notes.
    """

    ticks_per_quarter: int
    tempos: list[tuple[int, int]]
    meters: list[tuple[int, int, int]]
    keys: list[tuple[int, int, int]]
    instruments: list[Instrument]


def read_midi(
    path_or_bytes: str | os.PathLike | bytes,
    max_file_bytes: int = MAX_FILE_BYTES,
    max_notes: int = MAX_NOTES,
    max_seconds: float = MAX_SECONDS,
) -> NoteSequence:
    """Reads one MIDI file.

    Args:
      path_or_bytes: the file, or what is in it.
      max_file_bytes: larger files are refused.
      max_notes: files with more notes are refused.
      max_seconds: files whose last note ends later are refused.

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
    return to_sequence(parse_midi(data, name, max_notes), name, max_seconds)


def parse_midi(
    data: bytes, name: str = "MIDI data", max_notes: int = MAX_NOTES
) -> MidiMusic:
    """What is in a MIDI file, times in ticks.

    Args:
      data: the file.
      name: what errors call it.
      max_notes: files with more notes are refused.

    Raises:
      NotesError: if it is not a sound MIDI file.
    """
    resolution, chunks = _read_chunks(data, name)
    metas: list[list[MetaEvent]] = []
    instruments = []
    num_notes = 0
    try:
        for chunk in chunks:
            track = read_track(chunk)
            num_notes += count_notes(track)
            if num_notes > max_notes:
                raise NotesError(
                    "too_many_notes",
                    f"{name}: has {num_notes} notes or more, above "
                    f"{max_notes}; leave it out or split it.",
                )
            metas.append(track.metas)
            instruments += read_instruments(track)
        return MidiMusic(
            resolution,
            _tempos(metas),
            _signatures(metas, _TIME_SIGNATURE, _meter),
            _signatures(metas, _KEY_SIGNATURE, _key),
            instruments,
        )
    except MidiError as error:
        raise _broken(name, error) from error


def to_sequence(
    music: MidiMusic,
    name: str = "MIDI data",
    max_seconds: float = MAX_SECONDS,
) -> NoteSequence:
    """A NoteSequence of what a MIDI file holds.

    Args:
      music: from `parse_midi`.
      name: what errors call it.
      max_seconds: longer music is refused.

    Raises:
      NotesError: if it is too long.
    """
    tempo_map = TempoMap.from_midi(music.tempos, music.ticks_per_quarter)
    sequence = NoteSequence(ticks_per_quarter=music.ticks_per_quarter)
    source = sequence.source_info
    source.parser = source.PRETTY_MIDI
    source.encoding_type = source.MIDI
    for seconds, qpm in zip(tempo_map.seconds, tempo_map.qpm, strict=True):
        sequence.tempos.add(time=seconds, qpm=qpm)
    _add_signatures(sequence, music, tempo_map)
    for number, instrument in enumerate(music.instruments):
        if instrument.name:
            sequence.instrument_infos.add(
                instrument=number, name=instrument.name
            )
    notes = _columns(music.instruments, "notes", _NOTE_FIELDS)
    notes["start_time"] = tempo_map.to_seconds(notes.pop("start"))
    notes["end_time"] = tempo_map.to_seconds(notes.pop("end"))
    sequence.total_time = notes["end_time"].max(initial=0)
    check_length(sequence, name, max_seconds)
    wire.add_messages(sequence, "notes", notes)
    for field, part, names in (
        ("pitch_bends", "bends", _BEND_FIELDS),
        ("control_changes", "controls", _CONTROL_FIELDS),
    ):
        if not any(len(getattr(i, part)["time"]) for i in music.instruments):
            continue
        columns = _columns(music.instruments, part, names)
        columns["time"] = tempo_map.to_seconds(columns["time"])
        wire.add_messages(sequence, field, columns)
    return sequence


def check_length(
    sequence: NoteSequence,
    name: str | os.PathLike,
    max_seconds: float = MAX_SECONDS,
) -> None:
    """Refuses music that lasts longer than `max_seconds`.

    Raises:
      NotesError: if it does.
    """
    if sequence.total_time > max_seconds:
        raise NotesError(
            "too_long",
            f"{name}: lasts {sequence.total_time / 3600:.1f} hours, more than "
            f"{max_seconds / 3600:g}; leave it out or split it.",
        )


def read_bytes(path: str | os.PathLike, max_file_bytes: int) -> bytes:
    """What is in a file of at most `max_file_bytes`.

    Raises:
      NotesError: if it is missing, unreadable or too large.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            # Not a buffer of the largest size for every small file.
            data = file.read(min(size, max_file_bytes) + 1)
            if len(data) <= max_file_bytes:
                return data
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


def _broken(name: str, problem: object) -> NotesError:
    return NotesError(
        "broken_midi", f"{name}: is a broken MIDI file: {problem}."
    )


def _read_chunks(data: bytes, name: str) -> tuple[int, list[bytes]]:
    """The ticks per quarter, and what is in each track."""
    if data[:4] != b"MThd" or len(data) < _HEADER_BYTES:
        raise NotesError(
            "not_midi", f"{name}: is not a MIDI file (it has no MThd header)."
        )
    kind, num_tracks, division = (
        int.from_bytes(data[place : place + 2], "big") for place in (8, 10, 12)
    )
    if division & 0x8000:
        raise NotesError(
            "smpte_time",
            f"{name}: counts time in SMPTE frames, not in quarter notes; "
            "save it again with a resolution in ticks per quarter.",
        )
    if not division:
        raise _broken(name, "it says 0 ticks per quarter note")
    if kind == 2 and num_tracks > 1:
        raise NotesError(
            "midi_type_2",
            f"{name}: is a MIDI file of type 2, with {num_tracks} pieces in "
            "one file; save each of them as a file of its own.",
        )
    place = 8 + int.from_bytes(data[4:8], "big")
    chunks: list[bytes] = []
    while place + 8 <= len(data) and len(chunks) < num_tracks:
        size = int.from_bytes(data[place + 4 : place + 8], "big")
        behind = place + 8 + size
        if data[place : place + 4] == b"MTrk":
            chunks.append(data[place + 8 : behind])
        place = behind
    if place > len(data) or len(chunks) < num_tracks:
        raise NotesError("broken_midi", f"{name}: is cut off.")
    return division, chunks


def _tempos(metas: list[list[MetaEvent]]) -> list[tuple[int, int]]:
    found = []
    for meta in _of_kind(metas, _TEMPO):
        tempo = int.from_bytes(meta.data[:3], "big")
        if not tempo or len(meta.data) < 3:
            raise MidiError("a tempo of 0 microseconds per quarter")
        found.append((meta.tick, tempo))
    return sorted(found, key=lambda one: one[0])


def _of_kind(metas: list[list[MetaEvent]], kind: int) -> list[MetaEvent]:
    return [meta for track in metas for meta in track if meta.kind == kind]


def _signatures(
    metas: list[list[MetaEvent]],
    kind: int,
    parse: Callable[[MetaEvent], tuple[int, int, int] | None],
) -> list[tuple[int, int, int]]:
    """Those of the first track, and others that say something new."""
    first = [parse(meta) for meta in _of_kind(metas[:1], kind)]
    others = [parse(meta) for meta in _of_kind(metas[1:], kind)]
    new = [one for one in dict.fromkeys(others) if one not in first]
    found = [one for one in first + new if one is not None]
    return sorted(found, key=lambda one: one[0])


def _meter(meta: MetaEvent) -> tuple[int, int, int] | None:
    if len(meta.data) < 2:
        return None
    numerator, power = meta.data[:2]
    if power > _LARGEST_DENOMINATOR_POWER:
        raise MidiError(f"a time signature of {numerator}/2^{power}")
    return meta.tick, numerator, 2**power


def _key(meta: MetaEvent) -> tuple[int, int, int] | None:
    if len(meta.data) < 2 or meta.data[1] > 1:
        return None
    sharps = int.from_bytes(meta.data[:1], "big", signed=True)
    return meta.tick, sharps, meta.data[1]


def _add_signatures(
    sequence: NoteSequence, music: MidiMusic, tempo_map: TempoMap
) -> None:
    ticks = np.array([one[0] for one in music.meters + music.keys], np.int64)
    seconds = iter(tempo_map.to_seconds(ticks).tolist())
    for _, numerator, denominator in music.meters:
        sequence.time_signatures.add(
            time=next(seconds), numerator=numerator, denominator=denominator
        )
    for _, sharps, minor in music.keys:
        # Each sharp is a fifth up; the minor key lies nine semitones above.
        sequence.key_signatures.add(
            time=next(seconds), key=(7 * sharps + 9 * minor) % 12, mode=minor
        )


def _columns(
    instruments: list[Instrument], part: str, names: tuple[str, ...]
) -> dict[str, Any]:
    """Events of all instruments, as `wire.add_messages` takes them."""
    tables = [getattr(instrument, part) for instrument in instruments]
    if len(tables) == 1:
        (only,) = instruments
        owned = {"instrument": 0, "program": only.program}
        return {**tables[0], **owned, "is_drum": int(only.is_drum)}
    none = np.zeros(0, np.int64)
    columns = {
        name: np.concatenate([none, *(table[name] for table in tables)])
        for name in names
    }
    owner = np.repeat(
        np.arange(len(tables)), [len(table[names[0]]) for table in tables]
    )
    columns["instrument"] = owner
    for name in ("program", "is_drum"):
        values = [int(getattr(one, name)) for one in instruments]
        columns[name] = np.array(values, np.int64)[owner]
    return columns
