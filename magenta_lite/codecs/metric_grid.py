"""What codecs on a grid of beats share: sections of a piece, and primers."""

from __future__ import annotations

import collections
from collections.abc import Iterator

from magenta_lite.errors import UserError
from magenta_lite.notes import quantize
from magenta_lite.notes.proto import NoteSequence

MAX_PRIMER_STEPS = 1_000_000

REJECT_REASONS = quantize.REASONS | {
    "other_steps_per_quarter": "quantised before, to another grid than the "
    "codec's steps_per_quarter",
    "non_integer_steps_per_bar": "a section whose bar is no whole number of "
    "steps; raise the codec's steps_per_quarter",
}
"""What the reasons that `sections` counts mean."""


def sections(
    sequence: NoteSequence,
    steps_per_quarter: int,
    rejects: collections.Counter,
) -> Iterator[quantize.QuantizedNotes]:
    """The stretches of a piece with one tempo and time signature, quantised.

    Args:
      sequence: any NoteSequence; if it is quantised, its steps are used.
      steps_per_quarter: resolution of the grid.
      rejects: counts what is left out, under the keys of `REJECT_REASONS`.

    Yields:
      Notes whose bars are whole numbers of steps.
    """
    for notes in _quantized(sequence, steps_per_quarter, rejects):
        if notes.steps_per_bar % 1:
            rejects["non_integer_steps_per_bar"] += 1
        else:
            yield notes


def _quantized(
    sequence: NoteSequence,
    steps_per_quarter: int,
    rejects: collections.Counter,
) -> Iterator[quantize.QuantizedNotes]:
    info = sequence.quantization_info
    if info.steps_per_quarter == steps_per_quarter:
        try:
            yield quantize.read_quantized(sequence)
        except quantize.QuantizeError as error:
            rejects[error.reason] += 1
        return
    if info.steps_per_quarter or info.steps_per_second:
        rejects["other_steps_per_quarter"] += 1
        return
    for section in quantize.split_on_time_changes(sequence):
        try:
            yield quantize.quantize(section, steps_per_quarter)
        except quantize.QuantizeError as error:
            rejects[error.reason] += 1


def quantize_primer(
    sequence: NoteSequence, steps_per_quarter: int
) -> quantize.QuantizedNotes:
    """Puts a primer on the grid.

    Raises:
      UserError: if its tempo or time signature changes, a bar is no whole
        number of steps, or it is longer than `MAX_PRIMER_STEPS`.
    """
    try:
        section = quantize.whole_section(sequence)
        notes = quantize.quantize(section, steps_per_quarter)
    except quantize.QuantizeError as error:
        raise UserError(f"primer: {error}") from None
    if notes.steps_per_bar % 1:
        numerator, denominator = notes.time_signature
        raise UserError(
            f"primer: a bar of {numerator}/{denominator} is no whole "
            f"number of steps at {steps_per_quarter} a quarter; "
            "change its time signature"
        )
    if len(notes.end_step) and notes.end_step.max() > MAX_PRIMER_STEPS:
        raise UserError(f"the primer is longer than {MAX_PRIMER_STEPS} steps")
    return notes


def fill_primer(
    start_step: int, length: int, num_steps: int | None
) -> tuple[int, int]:
    """Where a primer lies once it is filled up to the step where it ends.

    Args:
      start_step: where its first event lies.
      length: its events, one a step; 0 if it is empty.
      num_steps: the step at which it is to end; None where it ends now.

    Returns:
      Start and length of the filled primer. An empty one becomes one step,
      since a model starts from an event.

    Raises:
      UserError: if it ends later than `num_steps`.
    """
    if num_steps is None:
        return start_step, length
    if num_steps < start_step + length:
        raise UserError(
            f"the primer lasts {start_step + length} steps, more than the "
            f"{num_steps} that there is room for; shorten it or ask for more "
            "steps"
        )
    if not length:
        start_step = max(0, num_steps - 1)
    return start_step, num_steps - start_step
