"""What codecs of many voices at once share: which notes of a piece count."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator

import numpy as np

from magenta_lite.codecs import metric_grid
from magenta_lite.codecs.base import DecodeContext
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import QuantizedNotes

NUM_PITCHES = 128
MAX_STEPS = metric_grid.MAX_PRIMER_STEPS
"""Longer music is taken for a broken file."""

REJECT_REASONS = metric_grid.REJECT_REASONS | {
    "no_notes": "a section without pitched notes",
    "bad_note": "a section with a note that ends before it starts, or above "
    "pitch 127; mend the file",
    "more_than_one_program": "a section of more than one instrument; keep "
    "one of them",
}
"""What the reasons that `sections` counts mean."""


class BadNoteError(UserError):
    """A note that ends before it starts, or of no MIDI pitch."""


@dataclasses.dataclass(frozen=True)
class PitchedNotes:
    """The notes of all voices, without drums, by start and pitch.

    Attributes:
      start_step: int64 `[notes]`.
      end_step: int64 `[notes]`, exclusive.
      pitch: int64 `[notes]`, MIDI pitch.
      num_steps: how long the music lasts, silence at its end included.
      num_programs: how many MIDI programs play.
      qpm: tempo in quarter notes a minute.
      time_signature: (numerator, denominator).
    """

    start_step: np.ndarray
    end_step: np.ndarray
    pitch: np.ndarray
    num_steps: int
    num_programs: int
    qpm: float
    time_signature: tuple[int, int]


def sections(
    sequence: NoteSequence,
    steps_per_quarter: int,
    rejects: collections.Counter,
) -> Iterator[PitchedNotes]:
    """The stretches of a piece that one instrument plays.

    As in Magenta all tracks count together, and music for more than one MIDI
    program is left out. Drum notes are not looked at.

    Args:
      sequence: any NoteSequence; if it is quantised, its steps are used.
      steps_per_quarter: resolution of the grid.
      rejects: counts what is left out, under the keys of `REJECT_REASONS`.

    Yields:
      Sections with at least one note.
    """
    for quantized in metric_grid.sections(sequence, steps_per_quarter, rejects):
        try:
            notes = pitched(quantized)
        except BadNoteError:
            rejects["bad_note"] += 1
            continue
        if not len(notes.pitch):
            rejects["no_notes"] += 1
        elif notes.num_programs > 1:
            rejects["more_than_one_program"] += 1
        else:
            yield notes


def primer(
    sequence: NoteSequence, steps_per_quarter: int, num_steps: int | None
) -> PitchedNotes:
    """The notes of a primer, of any number of programs.

    Args:
      sequence: the primer; may hold no notes.
      steps_per_quarter: resolution of the grid.
      num_steps: how long it is to last; as it is if None.

    Raises:
      UserError: if it cannot be put on the grid or lasts longer.
    """
    quantized = metric_grid.quantize_primer(sequence, steps_per_quarter)
    try:
        notes = pitched(quantized)
    except BadNoteError as error:
        raise UserError(f"primer: {error}") from None
    end = int(notes.end_step.max(initial=0))
    if num_steps is None:
        num_steps = notes.num_steps
    if max(end, num_steps) > MAX_STEPS:
        raise UserError(f"the primer is longer than {MAX_STEPS} steps")
    if end > num_steps:
        raise UserError(
            f"the primer lasts {end} steps, more than the {num_steps} that "
            "there is room for; shorten it or ask for more steps"
        )
    return dataclasses.replace(notes, num_steps=num_steps)


def pitched(notes: QuantizedNotes) -> PitchedNotes:
    """The notes that are no drums.

    Raises:
      BadNoteError: if one of them makes no sense.
    """
    rows = np.flatnonzero(~notes.notes.is_drum)
    pitch = notes.notes.pitch[rows]
    order = np.lexsort((pitch, notes.start_step[rows]))
    rows, pitch = rows[order], pitch[order]
    start, end = notes.start_step[rows], notes.end_step[rows]
    if (end <= start).any():
        raise BadNoteError("a note ends before it starts")
    if (pitch < 0).any() or (pitch >= NUM_PITCHES).any():
        raise BadNoteError("a note is of no MIDI pitch from 0 to 127")
    return PitchedNotes(
        start_step=start,
        end_step=end,
        pitch=pitch,
        num_steps=notes.total_steps,
        num_programs=len(np.unique(notes.notes.program[rows])),
        qpm=notes.qpm,
        time_signature=notes.time_signature,
    )


def to_sequence(
    start_step: np.ndarray,
    end_step: np.ndarray,
    pitch: np.ndarray,
    num_steps: int,
    steps_per_quarter: int,
    context: DecodeContext,
) -> NoteSequence:
    """Notes on the grid as a NoteSequence.

    Args:
      start_step: `[notes]`, counted from `context.start_step`.
      end_step: `[notes]`, exclusive.
      pitch: `[notes]`, MIDI pitch.
      num_steps: how long the music lasts.
      steps_per_quarter: resolution of the grid.
      context: tempo, start, time signature, and what all notes share.
    """
    step_seconds = 60.0 / context.qpm / steps_per_quarter
    offset = context.start_step * step_seconds
    sequence = context.new_sequence()
    starts, ends = start_step * step_seconds, end_step * step_seconds
    for start, end, key in zip(
        (starts + offset).tolist(),
        (ends + offset).tolist(),
        pitch.tolist(),
        strict=True,
    ):
        sequence.notes.add(
            pitch=key,
            velocity=context.velocity,
            instrument=context.instrument,
            program=context.program,
            start_time=start,
            end_time=end,
        )
    sequence.total_time = num_steps * step_seconds + offset
    return sequence
