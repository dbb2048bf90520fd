"""The events of one track of several: a program, a performance, an END.

Events are, in this order: padding; those of `performance_events`; a program
each, that of drums last; END; starts and ends of drums, pitch by pitch. Drums
have events of their own so that they stay what they are in another key. What
a model is told and predicts does not tell them apart: its classes are the
events from behind the padding to END (see `encodings/multi_track.py`).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.codecs import performance_events as performance
from magenta_lite.codecs import performed_notes
from magenta_lite.codecs.base import DecodeContext
from magenta_lite.codecs.performed_notes import NUM_PITCHES, PerformedNotes
from magenta_lite.notes import quantize
from magenta_lite.notes.quantize import QuantizedNotes

PAD = 0
"""The event behind the END of a track."""

_FIRST = 1  # the first event of a performance
NUM_PROGRAMS = 128
DRUM_PROGRAM = NUM_PROGRAMS
NUM_MARKS = 2
"""Events of a track beside its performance: program and END."""

_DEFAULT_VELOCITY = 100
_QUARTERS_PER_BAR = 4


@dataclasses.dataclass(frozen=True)
class Track:
    """What one instrument plays in a clip.

    Attributes:
      program: MIDI program, `DRUM_PROGRAM` for drums.
      events: int32 `[time]`, without program and END.
      notes: the same as notes; None where nobody asked for them.
    """

    program: int
    events: np.ndarray
    notes: PerformedNotes | None = None


@dataclasses.dataclass(frozen=True)
class TrackEvents:
    """Which events there are.

    Attributes:
      max_shift_steps: longest shift of time.
      num_velocity_bins: 0 for events without velocities.
    """

    max_shift_steps: int
    num_velocity_bins: int

    @property
    def first_program(self) -> int:
        """The event of program 0."""
        return _FIRST + self._performance.num_events

    @property
    def end(self) -> int:
        """The event that ends a track."""
        return self.first_program + NUM_PROGRAMS + 1

    @property
    def first_drum(self) -> int:
        """The event that starts the drum of pitch 0."""
        return self.end + 1

    @property
    def num_events(self) -> int:
        """How many different events there are."""
        return self.first_drum + 2 * NUM_PITCHES

    def steps(self, events: np.ndarray) -> np.ndarray:
        """At which step each of a track's events is: int64 of their shape."""
        table = np.zeros([self.num_events], np.int64)
        lasts = self._performance.steps_table()
        table[_FIRST : self.first_program] = lasts
        return np.cumsum(table[events]) - table[events]

    def encode(self, notes: QuantizedNotes, num_steps: int) -> Track | None:
        """What one instrument plays in a clip of so many steps.

        Args:
          notes: of the instrument; those that start behind the clip are left
            out, those of velocity 0 as well.
          num_steps: length of the clip.

        Returns:
          None if it plays several programs, or drums and others.
        """
        is_drum = notes.notes.is_drum
        programs = np.where(is_drum, DRUM_PROGRAM, notes.notes.program)
        if (programs != programs[0]).any():
            return None
        program = int(programs[0])
        is_played = notes.notes.velocity > 0
        notes = notes.take(is_played & (notes.start_step < num_steps))
        order = np.lexsort((notes.notes.pitch, notes.notes.start_seconds))
        notes = notes.take(order)
        played = PerformedNotes(
            start_step=notes.start_step,
            end_step=np.minimum(notes.end_step, num_steps),
            pitch=notes.notes.pitch,
            velocity=np.minimum(
                notes.notes.velocity, performed_notes.MAX_VELOCITY
            ),
            program=program,
        )
        events = self._performance.encode(played)
        # Once there and back, as in the original: notes of one pitch that
        # overlap find their ends anew, and those of one step their order.
        played = self._performance.decode(events, _DEFAULT_VELOCITY)
        events = self._performance.encode(played)
        used = int(self._performance.steps_table()[events].sum())
        events = np.append(events, self._performance.shift(num_steps - used))
        is_drum_note = (events < performance.FIRST_SHIFT) & (
            program == DRUM_PROGRAM
        )
        first = np.where(is_drum_note, self.first_drum, _FIRST)
        return Track(program, (events + first).astype(np.int32))

    def marked(self, track: Track) -> np.ndarray:
        """A track's events with its program and END: int32 `[time]`."""
        program = self.first_program + track.program
        return np.concatenate([[program], track.events, [self.end]])

    def decode(
        self, events: np.ndarray, num_steps: int, context: DecodeContext
    ) -> Track:
        """The track of a row of events, whatever they are.

        Events of drums count nothing in the track of another program.

        Args:
          events: integers `[time]`; what stands behind END counts nothing.
          num_steps: where the last notes end at the latest.
          context: transposition, taken back from all but drums; velocity of
            notes before the first velocity event.
        """
        ends = np.flatnonzero((events == self.end) | (events == PAD))
        events = events[: ends[0]] if len(ends) else events
        programs = events - self.first_program
        is_program = (0 <= programs) & (programs <= DRUM_PROGRAM)
        first = np.flatnonzero(is_program)[:1]
        program = int(programs[first[0]]) if len(first) else 0
        events = events[~is_program]
        is_drum = events >= self.first_drum
        if program != DRUM_PROGRAM:
            events = events[~is_drum]
            is_drum = np.zeros(len(events), bool)
        first = np.where(is_drum, self.first_drum, _FIRST)
        events = events - first
        notes = self._performance.decode(events, context.velocity)
        is_inside = notes.start_step < num_steps
        pitch = notes.pitch[is_inside]
        if program != DRUM_PROGRAM:
            pitch = pitch - context.transposition
            is_pitch = (0 <= pitch) & (pitch < NUM_PITCHES)
            rows = np.flatnonzero(is_inside)[is_pitch]
            pitch = pitch[is_pitch]
        else:
            rows = np.flatnonzero(is_inside)
        own = PerformedNotes(
            start_step=notes.start_step[rows],
            end_step=np.minimum(notes.end_step[rows], num_steps),
            pitch=pitch,
            velocity=notes.velocity[rows],
            program=program,
        )
        return Track(program, events, own)

    def pitch_table(self) -> np.ndarray:
        """int32 `[num_events]`: what each event starts; -1 for drums, too."""
        table = np.full([self.num_events], -1, np.int32)
        first = _FIRST + performance.FIRST_NOTE_ON
        table[first : first + NUM_PITCHES] = np.arange(NUM_PITCHES)
        return table

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[len(shifts), num_events]`: drums stay what they are."""
        values = np.arange(self.num_events, dtype=np.int32)
        table = np.tile(values, [len(shifts), 1])
        moved = performed_notes.transposed_pitches(shifts)
        for group in (performance.FIRST_NOTE_ON, performance.FIRST_NOTE_OFF):
            first = _FIRST + group
            table[:, first : first + NUM_PITCHES] = np.where(
                moved < 0, -1, moved + first
            )
        return table

    @property
    def _performance(self) -> performance.PerformanceEvents:
        return performance.PerformanceEvents(
            self.max_shift_steps, self.num_velocity_bins
        )


@dataclasses.dataclass(frozen=True)
class ClipSection:
    """A section of a piece, cut into clips of equal length.

    Attributes:
      whole: the section on the grid, not cut.
      notes: its notes, whose times and steps count from the start of their
        clip, where they end at the latest.
      clip: int64 `[notes]`, the number of each note's clip.
    """

    whole: QuantizedNotes
    notes: QuantizedNotes
    clip: np.ndarray

    def notes_of(self, number: int) -> QuantizedNotes:
        """The notes of one clip."""
        return self.notes.take(self.clip == number)


def quantize_clips(
    section: quantize.Section, num_bars: int, steps_per_quarter: int
) -> ClipSection:
    """Cuts a section into clips and puts each on a grid of its own.

    Args:
      section: of any piece.
      num_bars: bars of a clip.
      steps_per_quarter: resolution of the grid.

    Raises:
      QuantizeError: if the section has no grid, or (`other_meter`) its bars
        do not last four quarters.
    """
    numerator, denominator = section.time_signature
    whole = quantize.quantize(section, steps_per_quarter)
    if whole.steps_per_bar != _QUARTERS_PER_BAR * steps_per_quarter:
        raise quantize.QuantizeError(
            "other_meter",
            f"a bar of {numerator}/{denominator} does not last four quarters",
        )
    clip_seconds = 60.0 * _QUARTERS_PER_BAR * num_bars / section.qpm
    notes = section.notes
    # Borders as the original reckons them, to the last bit.
    borders = np.arange(clip_seconds, section.total_seconds, clip_seconds)
    starts = np.append(0.0, borders)
    clip = np.searchsorted(starts, notes.start_seconds, side="right") - 1
    clip = np.maximum(clip, 0)
    ends = np.append(borders, np.inf)
    cut = dataclasses.replace(
        notes,
        start_seconds=notes.start_seconds - starts[clip],
        end_seconds=np.minimum(notes.end_seconds, ends[clip]) - starts[clip],
    )
    own = quantize.quantize(
        dataclasses.replace(section, notes=cut), steps_per_quarter
    )
    return ClipSection(whole, own, clip.astype(np.int64))
