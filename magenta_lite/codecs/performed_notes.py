"""Notes as they were played: in clock time, under the sustain pedal."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from magenta_lite.codecs.base import DecodeContext
from magenta_lite.codecs.metric_grid import MAX_PRIMER_STEPS
from magenta_lite.errors import UserError
from magenta_lite.notes import quantize
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.sustain import sustained_notes

NUM_PITCHES = 128
PIANO_PROGRAMS = tuple(range(8))
MAX_VELOCITY = 127

REJECT_REASONS = {
    reason: quantize.REASONS[reason] for reason in ("bad_time", "negative_time")
} | {
    "no_notes": "a piece without notes of the codec's programs; "
    "programs = None takes any instrument",
    "several_programs": "a piece of several instruments; the codec's programs "
    "say which of them to take",
    "other_steps_per_second": "quantised before, to another grid than the "
    "codec's steps_per_second",
    "bad_note": "a piece with a note that ends before it starts, or above "
    "pitch 127; mend the file",
}
"""What each reason of a `PerformedNotesError` means, and what to do."""


class PerformedNotesError(UserError):
    """A piece cannot be read as one performance; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"no performance: {REJECT_REASONS[reason]}")


@dataclasses.dataclass(frozen=True)
class PerformedNotes:
    """Notes in order of start (in seconds, not steps) and pitch.

    Attributes:
      start_step: int64 `[notes]`.
      end_step: int64 `[notes]`, exclusive.
      pitch: int64 `[notes]`.
      velocity: int64 `[notes]`, from 1 to 127.
      program: MIDI program of all notes; None if they have several.
    """

    start_step: np.ndarray
    end_step: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    program: int | None

    def __len__(self) -> int:
        return len(self.pitch)


def performed_notes(
    sequence: NoteSequence,
    steps_per_second: int,
    programs: tuple[int, ...] | None,
) -> PerformedNotes:
    """The notes of a performance, sustained and quantised to clock time.

    Drums and notes of velocity 0 are left out.

    Args:
      sequence: if it is quantised, its steps are used as they are.
      steps_per_second: resolution of the grid.
      programs: MIDI programs to take; None for all.

    Raises:
      PerformedNotesError: if the piece is on another grid, or a note or its
        time makes no sense.
    """
    info = sequence.quantization_info
    is_quantized = bool(info.steps_per_quarter or info.steps_per_second)
    if is_quantized and info.steps_per_second != steps_per_second:
        raise PerformedNotesError("other_steps_per_second")
    if is_quantized:
        notes = quantize.note_arrays(sequence)
        steps = [
            (note.quantized_start_step, note.quantized_end_step)
            for note in sequence.notes
        ]
        start, end = np.array(steps, np.int64).reshape([-1, 2]).T
    else:
        notes = sustained_notes(sequence)
        start, end = _steps(notes, steps_per_second)
    is_taken = ~notes.is_drum & (notes.velocity > 0)
    if programs is not None:
        is_taken &= np.isin(notes.program, programs)
    rows = np.flatnonzero(is_taken)
    rows = rows[np.lexsort((notes.pitch[rows], notes.start_seconds[rows]))]
    start, end, notes = start[rows], end[rows], notes.take(rows)
    if (start < 0).any():
        raise PerformedNotesError("negative_time")
    is_pitch = (notes.pitch >= 0) & (notes.pitch < NUM_PITCHES)
    if not (is_pitch & (end > start)).all():
        raise PerformedNotesError("bad_note")
    found = np.unique(notes.program)
    return PerformedNotes(
        start_step=start,
        end_step=end,
        pitch=notes.pitch,
        velocity=np.minimum(notes.velocity, MAX_VELOCITY),
        program=int(found[0]) if len(found) == 1 else None,
    )


def _steps(
    notes: quantize.NoteArrays, steps_per_second: int
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest steps of starts and ends; what lasts no step lasts one."""
    try:
        start = quantize.quantize_to_step(notes.start_seconds, steps_per_second)
        end = quantize.quantize_to_step(notes.end_seconds, steps_per_second)
    except quantize.QuantizeError as error:
        raise PerformedNotesError(error.reason) from None
    return start, end + (end == start)


def velocity_bins(velocity: np.ndarray, num_bins: int) -> np.ndarray:
    """The bin, from 0 to `num_bins` - 1, of each velocity from 1 to 127."""
    return (velocity - 1) // _bin_size(num_bins)


def bin_velocities(bins: np.ndarray, num_bins: int) -> np.ndarray:
    """The lowest velocity of each bin."""
    return 1 + bins * _bin_size(num_bins)


def _bin_size(num_bins: int) -> int:
    return math.ceil(MAX_VELOCITY / num_bins)


def to_sequence(
    notes: PerformedNotes,
    context: DecodeContext,
    steps_per_second: int,
    max_note_seconds: float | None,
) -> NoteSequence:
    """Notes as a NoteSequence with the context's tempo and no meter.

    Args:
      notes: with steps from the context's `start_step` on.
      context: transposition, program and instrument of the notes.
      steps_per_second: resolution of the grid.
      max_note_seconds: longer notes end after this time; None for none.
    """
    step_seconds = 1.0 / steps_per_second
    start_seconds = context.start_step * step_seconds
    starts = notes.start_step * step_seconds + start_seconds
    ends = notes.end_step * step_seconds + start_seconds
    if max_note_seconds is not None:
        ends = np.minimum(ends, starts + max_note_seconds)
    sequence = context.new_sequence(has_meter=False)
    for start, end, pitch, velocity in zip(
        starts.tolist(),
        ends.tolist(),
        notes.pitch.tolist(),
        notes.velocity.tolist(),
        strict=True,
    ):
        sequence.notes.add(
            pitch=pitch,
            velocity=velocity,
            start_time=start,
            end_time=end,
            instrument=context.instrument,
            program=context.program,
        )
    sequence.total_time = float(ends.max(initial=0.0))
    return sequence


def context_of(
    sequence: NoteSequence, notes: PerformedNotes, start_step: int
) -> DecodeContext:
    """How to lay out what follows a primer: in its first tempo and program."""
    qpm = sequence.tempos[0].qpm if sequence.tempos else quantize.DEFAULT_QPM
    return DecodeContext(
        qpm=qpm, start_step=start_step, program=notes.program or 0
    )


def fill_primer(end_step: int, num_steps: int | None) -> tuple[int, int]:
    """Where a primer starts, and how much silence is to follow its notes.

    Args:
      end_step: where its last note ends, 0 if it is empty.
      num_steps: the step at which it is to end; None where it ends now.

    Returns:
      Steps before and behind. An empty primer becomes one step of silence,
      since a model starts from an event.

    Raises:
      UserError: if it ends later than `num_steps`, or too late for anything.
    """
    if end_step > MAX_PRIMER_STEPS:
        raise UserError(f"the primer is longer than {MAX_PRIMER_STEPS} steps")
    if num_steps is None:
        return 0, 0
    if num_steps < end_step:
        raise UserError(
            f"the primer lasts {end_step} steps, more than the {num_steps} "
            "that there is room for; shorten it or ask for more steps"
        )
    if not end_step:
        return max(0, num_steps - 1), min(1, num_steps)
    return 0, num_steps - end_step


def transposed_pitches(shifts: tuple[int, ...]) -> np.ndarray:
    """int32 `[len(shifts), 128]`: pitches moved up, -1 outside 0 to 127."""
    moved = np.arange(NUM_PITCHES) + np.array(shifts, int).reshape([-1, 1])
    in_range = (moved >= 0) & (moved < NUM_PITCHES)
    return np.where(in_range, moved, -1).astype(np.int32)


def check_codec(
    name: str,
    bins: int,
    max_note_seconds: float | None,
    **sizes: int,
) -> None:
    """Raises UserError if an argument of a codec makes no sense."""
    for size, value in sizes.items():
        if value < 1:
            raise UserError(f"{name}: {size} must be at least 1")
    if not 0 <= bins <= MAX_VELOCITY:
        raise UserError(f"{name}: num_velocity_bins must be in 0 to 127")
    if max_note_seconds is not None and not max_note_seconds > 0:
        raise UserError(f"{name}: max_note_seconds must be above 0")
