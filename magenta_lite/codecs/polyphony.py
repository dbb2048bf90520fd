"""Many voices on a grid of steps, one event for each sounding note."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

import gin
import numpy as np

from magenta_lite.codecs import polyphony_sections
from magenta_lite.codecs.base import Codec, DecodeContext, Extraction
from magenta_lite.codecs.limits import Limits
from magenta_lite.codecs.melody_extraction import fold
from magenta_lite.codecs.polyphony_sections import (
    MAX_STEPS,
    NUM_PITCHES,
    PitchedNotes,
)
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

START = 0
END = 1
STEP_END = 2
FIRST_NEW_NOTE = 3
FIRST_CONTINUED_NOTE = FIRST_NEW_NOTE + NUM_PITCHES
NUM_EVENTS = FIRST_CONTINUED_NOTE + NUM_PITCHES


@gin.register
@dataclasses.dataclass(frozen=True)
class PolyphonyCodec(Codec):
    """Events of Polyphony RNN: what sounds in each step, from the top down.

    0 starts the music, 1 ends it, 2 ends a step; 3 + pitch starts a note and
    131 + pitch continues one. A note that a step does not continue has ended.
    The events are those of Magenta's `PolyphonicSequence`, numbered as in its
    `PolyphonyOneHotEncoding`.

    Attributes:
      steps_per_quarter: resolution, 4 for sixteenths.
      min_steps: shorter music is left out.
      max_steps: longer music is left out; None for above a million.
    """

    steps_per_quarter: int = 4
    min_steps: int = 80
    max_steps: int | None = 512

    def __post_init__(self) -> None:
        if self.steps_per_quarter < 1:
            raise UserError(
                "PolyphonyCodec: steps_per_quarter must be at least 1"
            )
        if self.max_steps is not None and self.max_steps < self.min_steps:
            raise UserError(
                "PolyphonyCodec: max_steps is less than min_steps; nothing "
                "would be left"
            )

    @property
    def num_events(self) -> int:
        """Three events without a pitch, and two for each MIDI pitch."""
        return NUM_EVENTS

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of sections."""
        return polyphony_sections.REJECT_REASONS | {
            "too_short": "shorter than PolyphonyCodec.min_steps = "
            f"{self.min_steps} steps",
            "too_long": "longer than PolyphonyCodec.max_steps = "
            f"{self.max_steps} steps",
        }

    def extract(self, sequence: NoteSequence) -> Extraction:
        """All tracks of each section together, from START to END.

        The piece is cut where its tempo or time signature changes. What is
        left out is counted under the names in `reject_reasons`.

        Args:
          sequence: any NoteSequence; if it is quantised, its steps are used.
        """
        rejects: collections.Counter = collections.Counter()
        found = []
        for notes in polyphony_sections.sections(
            sequence, self.steps_per_quarter, rejects
        ):
            if notes.num_steps < self.min_steps:
                rejects["too_short"] += 1
            elif notes.num_steps > (self.max_steps or MAX_STEPS):
                rejects["too_long"] += 1
            else:
                found.append(np.append(_to_events(notes), np.int32(END)))
        return Extraction.of(found, rejects)

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes a primer from time zero, without an END.

        Args:
          sequence: the primer, with one tempo and one time signature; may
            hold no notes.
          num_steps: if given, the primer ends there: silence is added.

        Returns:
          int32 `[time]`, START and `num_steps` whole steps, and the context.

        Raises:
          UserError: if tempo or time signature change, or the primer is
            longer than `num_steps`.
        """
        notes = polyphony_sections.primer(
            sequence, self.steps_per_quarter, num_steps
        )
        context = DecodeContext(
            qpm=notes.qpm, time_signature=notes.time_signature
        )
        return _to_events(notes), context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events into notes; every note that still sounds ends.

        What contradicts itself is read as Magenta reads it: to continue a
        pitch that does not sound does nothing; a pitch that sounds twice ends
        in the order of its starts; START and END count for nothing. A last
        step without a STEP_END is a whole one.

        Args:
          events: integers `[time]`.
          context: where the events lie in time and pitch.

        Returns:
          A NoteSequence that lasts all its steps, silent ones included; notes
          by start and pitch.

        Raises:
          ValueError: if an event is not in `[0, num_events)`.
        """
        events = self.checked(events).astype(np.int64)
        context = context or DecodeContext()
        starts, ends, pitches, num_steps = _to_notes(events)
        pitches = fold(pitches - context.transposition, 0, NUM_PITCHES)
        return polyphony_sections.to_sequence(
            starts, ends, pitches, num_steps, self.steps_per_quarter, context
        )

    def forced_events(
        self, sequence: NoteSequence, num_steps: int
    ) -> np.ndarray:
        """The highest note of each step; see `Codec.forced_events`.

        Events come from the top down, so a melody that is imposed comes first
        in its step and the model adds what lies below.
        """
        notes = polyphony_sections.primer(
            sequence, self.steps_per_quarter, num_steps=None
        )
        events = _to_events(notes)
        begins_step = (events[:-1] == START) | (events[:-1] == STEP_END)
        highest = events[1:][begins_step][:num_steps]
        forced = np.full([num_steps], -1, np.int32)
        forced[: len(highest)] = np.where(highest == STEP_END, -1, highest)
        return forced

    def allowed_events(
        self, limits: Limits, context: DecodeContext
    ) -> np.ndarray:
        """As other codecs, but never START and END: lengths are asked for."""
        allowed = super().allowed_events(limits, context)
        if allowed is None:
            allowed = np.ones([NUM_EVENTS], bool)
        allowed[[START, END]] = False
        return allowed

    def pitch_table(self) -> np.ndarray:
        """The pitch of each new note; see `Codec`."""
        pitches = np.arange(NUM_EVENTS, dtype=np.int32) - FIRST_NEW_NOTE
        return np.where((0 <= pitches) & (pitches < NUM_PITCHES), pitches, -1)

    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""
        return self.steps_per_quarter * qpm / 60.0

    def steps_table(self) -> np.ndarray:
        """The end of a step lasts one step, all else none."""
        return (np.arange(NUM_EVENTS) == STEP_END).astype(np.int32)

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[len(shifts), num_events]`, -1 out of range.

        Events without a pitch stay what they are.
        """
        pitches = np.arange(NUM_PITCHES) + np.reshape(shifts, [-1, 1])
        in_range = (0 <= pitches) & (pitches < NUM_PITCHES)
        table = np.tile(np.arange(NUM_EVENTS), [len(shifts), 1])
        for first in (FIRST_NEW_NOTE, FIRST_CONTINUED_NOTE):
            moved = np.where(in_range, first + pitches, -1)
            table[:, first : first + NUM_PITCHES] = moved
        return table.astype(np.int32)


def _to_events(notes: PitchedNotes) -> np.ndarray:
    """START and whole steps: int32 `[time]`."""
    lengths = notes.end_step - notes.start_step
    first = np.cumsum(lengths) - lengths
    offset = np.arange(lengths.sum()) - np.repeat(first, lengths)
    pitch = np.repeat(notes.pitch, lengths)
    is_new = offset == 0
    steps = np.arange(notes.num_steps)
    step = np.append(np.repeat(notes.start_step, lengths) + offset, steps)
    event = pitch + np.where(is_new, FIRST_NEW_NOTE, FIRST_CONTINUED_NOTE)
    event = np.append(event, np.full(len(steps), STEP_END))
    # The end of a step comes last in it, like a pitch below all others; a
    # pitch that sounds twice is continued before it starts again.
    falling = np.append(-pitch, np.ones(len(steps), np.int64))
    order = np.lexsort((np.append(is_new, steps < 0), falling, step))
    return np.append(START, event[order]).astype(np.int32)


def _to_notes(
    events: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Start steps, end steps and pitches by start and pitch; and all steps.

    Per pitch, notes end first in, first out. If S(s) notes have started before
    step s and c(s) are continued in it, then S(s) - c(s) have ended by then,
    and never fewer than had ended before: a running maximum gives all ends.
    """
    is_step_end = events == STEP_END
    step = np.cumsum(is_step_end) - is_step_end
    num_steps = int(is_step_end.sum())
    is_new = (events >= FIRST_NEW_NOTE) & (events < FIRST_CONTINUED_NOTE)
    is_continued = events >= FIRST_CONTINUED_NOTE
    if (is_new | is_continued)[step == num_steps].any():
        num_steps += 1

    def count(chosen: np.ndarray, first: int) -> np.ndarray:
        """How often each pitch comes in each step: `[pitches, steps + 1]`."""
        flat = (events[chosen] - first) * (num_steps + 1) + step[chosen]
        counts = np.bincount(flat, minlength=NUM_PITCHES * (num_steps + 1))
        return counts.reshape([NUM_PITCHES, num_steps + 1])

    num_new = count(is_new, FIRST_NEW_NOTE)
    num_started = np.cumsum(num_new, axis=1) - num_new
    num_held = count(is_continued, FIRST_CONTINUED_NOTE)
    num_held[:, -1] = 0  # Behind the last step nothing sounds.
    num_ended = np.maximum.accumulate(
        np.maximum(num_started - num_held, 0), axis=1
    )

    pitch = events[is_new] - FIRST_NEW_NOTE
    start = step[is_new]
    order = np.argsort(pitch, kind="stable")
    pitch, start = pitch[order], start[order]
    rank = np.arange(len(pitch)) - np.searchsorted(pitch, pitch)
    # One sorted row for all pitches: no count reaches the number of events.
    scale = len(events) + 1
    flat = (np.arange(NUM_PITCHES)[:, None] * scale + num_ended).ravel()
    found = np.searchsorted(flat, pitch * scale + rank + 1)
    end = found - pitch * (num_steps + 1)
    order = np.lexsort((pitch, start))
    return start[order], end[order], pitch[order], num_steps
