"""What music is to continue, written as a list, as a NoteSequence.

The lists are those of Magenta's flags: `--primer_melody="[60, -2, 62]"`,
`--primer_drums="[(36, 42), (), (38,)]"`, `--primer_pitches="[60, 64, 67]"`,
`--primer_pianoroll="[(55,), (55, 60)]"`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

_VELOCITY = 100
_TICKS_PER_QUARTER = 220
_DRUM_INSTRUMENT = 9
_NUM_PITCHES = 128
_NO_EVENT = -2
_NOTE_OFF = -1


@dataclasses.dataclass(frozen=True)
class Primer:
    """What music is to continue.

    Attributes:
      sequence: the notes.
      seconds: how long the primer lasts, rests at its end included; None for
        as long as its notes.
      is_melody: whether it was given as one voice, which some models can work
        into their music.
    """

    sequence: NoteSequence
    seconds: float | None = None
    is_melody: bool = False


Hit = tuple[int, float, float]
"""Pitch, start and end; in steps."""


def melody(
    values: Sequence[int], qpm: float = 120.0, steps_per_quarter: int = 4
) -> Primer:
    """One voice, a value for each step.

    Args:
      values: -2 nothing new, -1 note-off, 0 to 127 the pitch of a note that
        starts; a note sounds until the next one, a note-off or the end.
      qpm: tempo in quarter notes a minute.
      steps_per_quarter: how many values make a quarter note.

    Raises:
      UserError: at a value that is none of these.
    """
    for position, value in enumerate(values):
        if not _is_integer(value) or not _NO_EVENT <= value < _NUM_PITCHES:
            raise UserError(
                f"primer melody: {value!r} at position {position} is not -2 "
                "(no event), -1 (note-off) or a pitch from 0 to 127"
            )
    changes = [i for i, value in enumerate(values) if value != _NO_EVENT]
    ends = [*changes, len(values)][1:]
    notes = [
        (values[start], start, end)
        for start, end in zip(changes, ends, strict=True)
        if values[start] != _NOTE_OFF
    ]
    primer = _primer(notes, len(values), qpm, steps_per_quarter)
    return dataclasses.replace(primer, is_melody=True)


def drums(
    values: Sequence[Sequence[int]],
    qpm: float = 120.0,
    steps_per_quarter: int = 4,
) -> Primer:
    """Drums, for each step the pitches that are hit.

    Args:
      values: MIDI pitches from 0 to 127.
      qpm: tempo in quarter notes a minute.
      steps_per_quarter: how many steps make a quarter note.

    Raises:
      UserError: at a step that is no list of pitches.
    """
    _check_pitch_lists("primer drums", values)
    hits = [
        (pitch, step, step + 1)
        for step, pitches in enumerate(values)
        for pitch in sorted(set(pitches))
    ]
    return _primer(hits, len(values), qpm, steps_per_quarter, is_drum=True)


def pitches(
    values: Sequence[int], qpm: float = 120.0, steps_per_quarter: int = 4
) -> Primer:
    """A chord that lasts a quarter note.

    Args:
      values: MIDI pitches from 0 to 127.
      qpm: tempo in quarter notes a minute.
      steps_per_quarter: the unit of time; the chord lasts that many steps.

    Raises:
      UserError: if one is no pitch.
    """
    _check_pitch_lists("primer pitches", [values])
    notes = [(pitch, 0, steps_per_quarter) for pitch in sorted(set(values))]
    return _primer(notes, steps_per_quarter, qpm, steps_per_quarter)


def pianoroll(
    values: Sequence[Sequence[int]],
    qpm: float = 120.0,
    steps_per_quarter: int = 4,
) -> Primer:
    """Several voices, for each step the pitches that sound.

    A pitch of consecutive steps is one note.

    Args:
      values: MIDI pitches from 0 to 127.
      qpm: tempo in quarter notes a minute.
      steps_per_quarter: how many steps make a quarter note.

    Raises:
      UserError: at a step that is no list of pitches.
    """
    _check_pitch_lists("primer pianoroll", values)
    roll = np.zeros([len(values) + 2, _NUM_PITCHES], np.int8)
    for step, sounding in enumerate(values):
        roll[step + 1, list(sounding)] = 1
    changes = np.diff(roll, axis=0).T  # [pitches, steps + 1]
    pitch, start = np.nonzero(changes > 0)
    _, end = np.nonzero(changes < 0)
    order = np.lexsort((pitch, start))
    found = np.stack([pitch, start, end], axis=1)[order].tolist()
    notes = [(pitch, start, end) for pitch, start, end in found]
    return _primer(notes, len(values), qpm, steps_per_quarter)


KINDS: Mapping[str, Callable[..., Primer]] = {
    "primer_melody": melody,
    "primer_drums": drums,
    "primer_pitches": pitches,
    "primer_pianoroll": pianoroll,
}
"""What makes a primer of each flag's list."""


def _primer(
    notes: Iterable[Hit],
    num_steps: int,
    qpm: float,
    steps_per_quarter: int,
    is_drum: bool = False,
) -> Primer:
    """Notes (pitch, start, end) in steps, in order of time."""
    step_seconds = 60.0 / qpm / steps_per_quarter
    sequence = NoteSequence(ticks_per_quarter=_TICKS_PER_QUARTER)
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=4, denominator=4)
    for pitch, start, end in notes:
        sequence.notes.add(
            pitch=pitch,
            velocity=_VELOCITY,
            instrument=_DRUM_INSTRUMENT if is_drum else 0,
            is_drum=is_drum,
            start_time=start * step_seconds,
            end_time=end * step_seconds,
        )
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0)
    return Primer(sequence, seconds=num_steps * step_seconds)


def _check_pitch_lists(name: str, values: Sequence[Any]) -> None:
    for position, value in enumerate(values):
        is_list = isinstance(value, Sequence | set | frozenset)
        if not is_list or not all(map(_is_pitch, value)):
            raise UserError(
                f"{name}: {value!r} at position {position} is no list of "
                "pitches from 0 to 127, such as (36, 42), (38,) or ()"
            )


def _is_pitch(value: Any) -> bool:
    return _is_integer(value) and 0 <= value < _NUM_PITCHES


def _is_integer(value: Any) -> bool:
    is_integer = isinstance(value, int | np.integer)
    return is_integer and not isinstance(value, bool)
