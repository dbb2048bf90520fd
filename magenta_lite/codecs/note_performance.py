"""Performances as one event a note: when, which, how loud, how long."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

import gin
import numpy as np

from magenta_lite.codecs import performed_notes
from magenta_lite.codecs.base import Codec, DecodeContext, Extraction
from magenta_lite.codecs.performance import DEFAULT_NUM_STEPS
from magenta_lite.codecs.performed_notes import (
    NUM_PITCHES,
    PIANO_PROGRAMS,
    PerformedNotes,
)
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

_PITCH_FIELD = 2
_EMPTY_PRIMER_PITCH = 60


@gin.register
@dataclasses.dataclass(frozen=True)
class NotePerformanceCodec(Codec):
    """One event a note, a vector of six numbers, as in note_seq.

    The fields: the time since the last note began, as high and low digit; the
    pitch; the velocity bin; the length, as high and low digit. Digits keep
    the numbers small; how many of each there are follows from the longest
    time by note_seq's rule (`NotePerformanceEventSequenceEncoderDecoder`).

    Where note_seq gives up a piece, this cuts it: at silence of more than
    `max_shift_steps` between two beginnings. Longer notes than
    `max_duration_steps` are shortened to that.

    Attributes:
      num_velocity_bins: bins that share the velocities from 1 to 127.
      resolution_hz: time steps in a second; performances have no beat.
      max_shift_steps: longest time between the beginnings of two notes.
      max_duration_steps: longest note.
      min_events: parts of fewer notes are left out.
      programs: as in `PerformanceCodec`.
      max_note_seconds: as in `PerformanceCodec`.
    """

    num_velocity_bins: int = 32
    resolution_hz: int = 100
    max_shift_steps: int = 1000
    max_duration_steps: int = 1000
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
            num_velocity_bins=self.num_velocity_bins,
            resolution_hz=self.resolution_hz,
            max_shift_steps=self.max_shift_steps,
            max_duration_steps=self.max_duration_steps,
        )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Six fields."""
        return (6,)

    @property
    def field_sizes(self) -> tuple[int, ...]:
        """How many values each field has."""
        # A shift may be 0 steps long, a note may not.
        shift = _digits(self.max_shift_steps + 1)
        duration = _digits(self.max_duration_steps)
        return (*shift, NUM_PITCHES, self.num_velocity_bins, *duration)

    @property
    def num_events(self) -> int:
        """The largest of `field_sizes`."""
        return max(self.field_sizes)

    @property
    def default_num_steps(self) -> int:
        """Half a minute at the default resolution."""
        return DEFAULT_NUM_STEPS

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means, of whole pieces and of parts."""
        return performed_notes.REJECT_REASONS | {
            "too_short": "a part of fewer notes than "
            f"NotePerformanceCodec.min_events = {self.min_events}",
        }

    def extract(self, sequence: NoteSequence) -> Extraction:
        """Encodes a piece, cut where nothing begins for too long.

        Args:
          sequence: any NoteSequence. If it is quantised to `resolution_hz`,
            its steps are used and the pedal is taken to be applied.

        Returns:
          Events of every part of enough notes.
        """
        rejects: collections.Counter = collections.Counter()
        try:
            notes = self._notes(sequence)
        except performed_notes.PerformedNotesError as error:
            rejects[error.reason] += 1
            return Extraction([], rejects)
        if not len(notes):
            rejects["no_notes"] += 1
        if self.programs is None and len(notes) and notes.program is None:
            rejects["several_programs"] += 1
        if rejects:
            return Extraction([], rejects)
        shifts = np.diff(notes.start_step, prepend=0)
        is_cut = shifts > self.max_shift_steps
        events = self._events(notes, np.where(is_cut, 0, shifts))
        cuts = np.flatnonzero(is_cut)
        parts = np.split(events, cuts[cuts > 0])
        kept = [part for part in parts if len(part) >= self.min_events]
        if len(kept) < len(parts):
            rejects["too_short"] = len(parts) - len(kept)
        return Extraction(kept, rejects)

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes a primer from its first note on, at whatever tempo it is.

        Events say when notes begin, so that nothing can stand for silence
        behind the last one: the model chooses when the next note begins.

        Args:
          sequence: the primer; may hold no notes.
          num_steps: if given, the primer may not be longer; and an empty one
            becomes the softest and shortest note at its end, since a model
            starts from an event.

        Returns:
          Events int32 `[time, 6]` and the context.

        Raises:
          UserError: if a note makes no sense, nothing begins for too long, or
            the primer is longer than `num_steps`.
        """
        try:
            notes = self._notes(sequence)
        except performed_notes.PerformedNotesError as error:
            raise UserError(f"primer: {error}") from None
        end_step = int(notes.end_step.max(initial=0))
        start_step, num_rest = performed_notes.fill_primer(end_step, num_steps)
        if len(notes):
            start_step = int(notes.start_step[0])
        context = performed_notes.context_of(sequence, notes, start_step)
        if not len(notes) and num_rest:
            one = np.ones([1], np.int64)
            notes = PerformedNotes(
                one * 0, one, one * _EMPTY_PRIMER_PITCH, one, None
            )
        shifts = np.diff(notes.start_step, prepend=notes.start_step[:1])
        if shifts.max(initial=0) > self.max_shift_steps:
            raise UserError(
                f"primer: more than {self.max_shift_steps} steps lie between "
                "two notes; shorten the silence"
            )
        return self._events(notes, shifts), context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events into notes.

        Args:
          events: integers `[time, 6]`.
          context: where the events lie in time. Time steps do not depend on
            its tempo, and there is no time signature.

        Returns:
          A NoteSequence that ends with its last note.

        Raises:
          ValueError: if a field is not within `field_sizes`.
        """
        events = self.checked(events).astype(np.int64)
        sizes = self.field_sizes
        shifts = events[:, 0] * sizes[1] + events[:, 1]
        durations = events[:, 4] * sizes[5] + events[:, 5] + 1
        start = np.cumsum(shifts)
        velocity = performed_notes.bin_velocities(
            events[:, 3], self.num_velocity_bins
        )
        notes = PerformedNotes(
            start, start + durations, events[:, _PITCH_FIELD], velocity, None
        )
        return performed_notes.to_sequence(
            notes,
            context or DecodeContext(),
            self.resolution_hz,
            self.max_note_seconds,
        )

    def pitch_table(self) -> np.ndarray:
        """The values of the pitch's field; see `Codec`."""
        table = np.full([*self.event_shape, self.num_events], -1, np.int32)
        table[_PITCH_FIELD, :NUM_PITCHES] = np.arange(NUM_PITCHES)
        return table

    def steps_per_second(self, qpm: float) -> float:
        """The resolution, at any tempo."""
        del qpm
        return float(self.resolution_hz)

    def steps_table(self) -> np.ndarray:
        """int32 `[6, num_events]`: the digits of the shift; 0 for the rest."""
        table = np.zeros([6, self.num_events], np.int32)
        high, low, *_ = self.field_sizes
        table[0, :high] = np.arange(high) * low
        table[1, :low] = np.arange(low)
        return table

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[len(shifts), 6, num_events]`: the pitch moves, -1 outside."""
        values = np.arange(self.num_events, dtype=np.int32)
        table = np.tile(values, [len(shifts), 6, 1])
        pitches = performed_notes.transposed_pitches(shifts)
        table[:, _PITCH_FIELD, :NUM_PITCHES] = pitches
        return table

    def _events(self, notes: PerformedNotes, shifts: np.ndarray) -> np.ndarray:
        """int32 `[notes, 6]`."""
        sizes = self.field_sizes
        durations = notes.end_step - notes.start_step
        durations = np.minimum(durations, self.max_duration_steps) - 1
        bins = performed_notes.velocity_bins(
            notes.velocity, self.num_velocity_bins
        )
        fields = [
            *np.divmod(shifts, sizes[1]),
            notes.pitch,
            bins,
            *np.divmod(durations, sizes[5]),
        ]
        return np.stack(fields, axis=-1).astype(np.int32)

    def _notes(self, sequence: NoteSequence) -> PerformedNotes:
        return performed_notes.performed_notes(
            sequence, self.resolution_hz, self.programs
        )


def _digits(num_values: int) -> tuple[int, int]:
    """Sizes of the high and low digit that count to a number of values.

    Their product is the number and their sum as small as can be; of two
    equally good ones the one with fewer high digits is taken.
    """
    divisors = [d for d in range(1, num_values) if num_values % d == 0]
    high = min(divisors or [1], key=lambda d: d + num_values / d)
    return high, num_values // high
