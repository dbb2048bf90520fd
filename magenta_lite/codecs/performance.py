"""Performances: notes with expressive timing and dynamics, as events."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

import gin
import numpy as np

from magenta_lite.codecs import performed_notes
from magenta_lite.codecs.base import (
    Codec,
    DecodeContext,
    Extraction,
    NoteEvents,
)
from magenta_lite.codecs.performance_events import (
    FIRST_NOTE_OFF,
    FIRST_SHIFT,
    PerformanceEvents,
)
from magenta_lite.codecs.performed_notes import NUM_PITCHES, PIANO_PROGRAMS
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

DEFAULT_NUM_STEPS = 3000
"""Half a minute, as in the original Magenta."""


@gin.register
@dataclasses.dataclass(frozen=True)
class PerformanceCodec(Codec):
    """Events of no length, and shifts of time between them.

    Events are the starts of the 128 pitches, their ends, shifts by 1 to
    `max_shift_steps` steps, and velocity bins, as in note_seq's `Performance`.
    A piece of music is one sequence of them, however long: training takes
    random windows of it. The sustain pedal is applied first.

    Attributes:
      num_velocity_bins: bins that share the velocities from 1 to 127; 0 for
        events without dynamics.
      resolution_hz: time steps in a second; performances have no beat.
      max_shift_steps: the longest single shift.
      min_events: shorter pieces are left out.
      programs: MIDI programs whose notes are taken, by default the pianos;
        None takes pieces of any one program.
      max_note_seconds: `decode` ends longer notes, since models forget to;
        None for never.
    """

    num_velocity_bins: int = 0
    resolution_hz: int = 100
    max_shift_steps: int = 100
    min_events: int = 32
    programs: tuple[int, ...] | None = PIANO_PROGRAMS
    max_note_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.programs is not None:  # a list, where it comes from JSON
            object.__setattr__(self, "programs", tuple(self.programs))
        performed_notes.check_codec(
            type(self).__name__,
            self.num_velocity_bins,
            self.max_note_seconds,
            resolution_hz=self.resolution_hz,
            max_shift_steps=self.max_shift_steps,
        )

    @property
    def num_events(self) -> int:
        """Starts and ends of pitches, shifts, velocity bins."""
        return self._events.num_events

    @property
    def pad(self) -> int:
        """The end of a pitch that nobody plays: nothing, for no time."""
        return FIRST_NOTE_OFF

    @property
    def default_num_steps(self) -> int:
        """Half a minute at the default resolution."""
        return DEFAULT_NUM_STEPS

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means, of whole pieces."""
        return performed_notes.REJECT_REASONS | {
            "too_short": "a piece of fewer events than "
            f"PerformanceCodec.min_events = {self.min_events}",
        }

    def extract(self, sequence: NoteSequence) -> Extraction:
        """Encodes a whole piece.

        Args:
          sequence: any NoteSequence. If it is quantised to `resolution_hz`,
            its steps are used and the pedal is taken to be applied.

        Returns:
          One sequence of events, or none and the reason for it.
        """
        rejects: collections.Counter = collections.Counter()
        try:
            notes = self._notes(sequence)
            events = self._events.encode(notes)
        except performed_notes.PerformedNotesError as error:
            rejects[error.reason] += 1
            return Extraction([], rejects)
        if not len(notes):
            rejects["no_notes"] += 1
        elif self.programs is None and notes.program is None:
            rejects["several_programs"] += 1
        elif len(events) < self.min_events:
            rejects["too_short"] += 1
        return Extraction([] if rejects else [events], rejects)

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes a primer from time zero on, at whatever tempo it is.

        Args:
          sequence: the primer; may hold no notes.
          num_steps: if given, the step at which the primer ends: shifts are
            added up to it. Where there are no notes, that is one step.

        Returns:
          Events int32 `[time]` and the context.

        Raises:
          UserError: if a note makes no sense or the primer is longer than
            `num_steps`.
        """
        try:
            notes = self._notes(sequence)
        except performed_notes.PerformedNotesError as error:
            raise UserError(f"primer: {error}") from None
        end_step = int(notes.end_step.max(initial=0))
        start_step, num_rest = performed_notes.fill_primer(end_step, num_steps)
        events = np.concatenate(
            [self._events.encode(notes), self._events.shift(num_rest)]
        )
        context = performed_notes.context_of(sequence, notes, start_step)
        return events, context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events into notes; the end of the events ends them all.

        Args:
          events: integers `[time]`.
          context: where the events lie in time. Its velocity is that of notes
            before the first velocity event. Time steps do not depend on its
            tempo, and there is no time signature.

        Returns:
          A NoteSequence that ends with its last note.

        Raises:
          ValueError: if an event is not in `[0, num_events)`.
        """
        events = self.checked(events)
        context = context or DecodeContext()
        notes = self._events.decode(events, context.velocity)
        return performed_notes.to_sequence(
            notes, context, self.resolution_hz, self.max_note_seconds
        )

    def steps_per_second(self, qpm: float) -> float:
        """The resolution, at any tempo."""
        del qpm
        return float(self.resolution_hz)

    def steps_table(self) -> np.ndarray:
        """int32 `[num_events]`: what shifts last; 0 for all else."""
        return self._events.steps_table()

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[len(shifts), num_events]`, -1 where a pitch leaves 0 to 127.

        Shifts of time and velocities stay what they are.
        """
        events = np.arange(self.num_events, dtype=np.int32)
        pitches = performed_notes.transposed_pitches(shifts)
        table = np.tile(events, [len(shifts), 1])
        table[:, :FIRST_NOTE_OFF] = pitches
        table[:, FIRST_NOTE_OFF:FIRST_SHIFT] = np.where(
            pitches < 0, -1, pitches + NUM_PITCHES
        )
        return table

    def velocity_table(self, shifts: tuple[int, ...]) -> np.ndarray | None:
        """int32 `[len(shifts), num_events]`; None without dynamics."""
        if not self.num_velocity_bins:
            return None
        first = self._events.first_velocity
        table = np.tile(
            np.arange(self.num_events, dtype=np.int32), [len(shifts), 1]
        )
        moved = table[:, first:] + np.array(shifts, np.int32)[:, None]
        table[:, first:] = np.clip(moved, first, self.num_events - 1)
        return table

    def pitch_table(self) -> np.ndarray:
        """The pitch of each note-on; see `Codec`."""
        events = np.arange(self.num_events, dtype=np.int32)
        return np.where(events < FIRST_NOTE_OFF, events, -1)

    def note_events(self) -> NoteEvents:
        """Starts and ends of pitches; only shifts take time."""
        events = np.arange(self.num_events, dtype=np.int32)
        is_start = events < FIRST_NOTE_OFF
        is_end = ~is_start & (events < FIRST_SHIFT)
        return NoteEvents(
            starts=np.where(is_start, events, -1),
            ends=np.where(is_end, events - FIRST_NOTE_OFF, -1),
            shifts=events[FIRST_SHIFT : self._events.first_velocity],
        )

    @property
    def _events(self) -> PerformanceEvents:
        return PerformanceEvents(self.max_shift_steps, self.num_velocity_bins)

    def _notes(self, sequence: NoteSequence) -> performed_notes.PerformedNotes:
        return performed_notes.performed_notes(
            sequence, self.resolution_hz, self.programs
        )
