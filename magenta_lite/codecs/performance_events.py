"""Notes to performance events and back, for all notes at once.

Events are, in this order: the start of each pitch, the end of each pitch,
shifts of time by 1 to `max_shift_steps` steps, velocity bins. Their meaning
and their order are those of note_seq's `Performance`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.codecs.performed_notes import (
    NUM_PITCHES,
    PerformedNotes,
    bin_velocities,
    velocity_bins,
)

FIRST_NOTE_ON = 0
FIRST_NOTE_OFF = NUM_PITCHES
FIRST_SHIFT = 2 * NUM_PITCHES


@dataclasses.dataclass(frozen=True)
class PerformanceEvents:
    """Which events there are.

    Attributes:
      max_shift_steps: longest shift of time.
      num_velocity_bins: 0 for events without velocities.
    """

    max_shift_steps: int
    num_velocity_bins: int

    @property
    def first_velocity(self) -> int:
        """The event of the lowest velocity bin."""
        return FIRST_SHIFT + self.max_shift_steps

    @property
    def num_events(self) -> int:
        """How many different events there are."""
        return self.first_velocity + self.num_velocity_bins

    def steps_table(self) -> np.ndarray:
        """`[num_events]` int32: how many steps each event lasts."""
        table = np.zeros([self.num_events], np.int32)
        shifts = np.arange(1, self.max_shift_steps + 1)
        table[FIRST_SHIFT : self.first_velocity] = shifts
        return table

    def encode(self, notes: PerformedNotes) -> np.ndarray:
        """Notes as events int32 `[time]`, from step 0 on.

        What happens at one step is ordered by note: a note that started
        earlier ends before the next one starts. A velocity precedes the start
        of a note whose bin is not that of the last start.
        """
        if not len(notes):
            return np.zeros([0], np.int32)
        steps = np.concatenate([notes.start_step, notes.end_step])
        numbers = np.tile(np.arange(len(notes)), 2)
        is_end = np.repeat([False, True], len(notes))
        order = np.lexsort((is_end, numbers, steps))
        numbers, is_end = numbers[order], is_end[order]
        main = np.where(is_end, FIRST_NOTE_OFF, FIRST_NOTE_ON)
        main = main + notes.pitch[numbers]

        gaps = np.diff(steps[order], prepend=0)
        num_shifts = self._num_shifts(gaps)
        velocity = self._velocity_changes(notes)[numbers]
        has_velocity = ~is_end & (velocity >= 0)
        ends = np.cumsum(num_shifts + has_velocity + 1)

        longest = FIRST_SHIFT + self.max_shift_steps - 1
        events = np.full([ends[-1]], longest, np.int32)
        events[ends - 1] = main
        events[(ends - 2)[has_velocity]] = (
            self.first_velocity + velocity[has_velocity]
        )
        last_shift = (ends - 2 - has_velocity)[num_shifts > 0]
        rest = (gaps - 1)[num_shifts > 0] % self.max_shift_steps
        events[last_shift] = FIRST_SHIFT + rest
        return events

    def shift(self, num_steps: int) -> np.ndarray:
        """Events int32 `[time]` that pass a number of steps, maybe none."""
        number = int(self._num_shifts(np.array(num_steps)))
        longest = FIRST_SHIFT + self.max_shift_steps - 1
        events = np.full([number], longest, np.int32)
        if number:
            events[-1] = FIRST_SHIFT + (num_steps - 1) % self.max_shift_steps
        return events

    def decode(self, events: np.ndarray, velocity: int) -> PerformedNotes:
        """The notes of events, in order of start and pitch.

        Of notes of one pitch, the one that started first ends first. Ends of
        what does not sound count nothing, nor do notes that last no step.
        What still sounds at the end of the events ends there.

        Args:
          events: integers `[time]` in `[0, num_events)`.
          velocity: of notes before the first velocity event.
        """
        events = np.asarray(events, np.int64)
        durations = self.steps_table()[events]
        steps = np.cumsum(durations) - durations
        is_note = events < FIRST_SHIFT
        order = np.flatnonzero(is_note)
        order = order[np.argsort(events[order] % NUM_PITCHES, kind="stable")]
        pitch = events[order] % NUM_PITCHES
        is_start = events[order] < FIRST_NOTE_OFF
        ons, offs = _match(pitch, is_start)
        start, last_step = steps[order[ons]], int(durations.sum())
        end = np.append(steps[order], last_step)[offs]
        pitch = pitch[ons]
        velocities = self._velocities(events, velocity)[order[ons]]
        rows = np.flatnonzero(end > start)
        rows = rows[np.lexsort((pitch[rows], start[rows]))]
        return PerformedNotes(
            start[rows], end[rows], pitch[rows], velocities[rows], None
        )

    def _num_shifts(self, gaps: np.ndarray) -> np.ndarray:
        return -(-gaps // self.max_shift_steps)

    def _velocity_changes(self, notes: PerformedNotes) -> np.ndarray:
        """The bin that has to be set before each note, -1 where none has."""
        if not self.num_velocity_bins:
            return np.full([len(notes)], -1)
        bins = velocity_bins(notes.velocity, self.num_velocity_bins)
        # Starts of one step are ordered by number, so notes follow in order.
        by_step = np.argsort(notes.start_step, kind="stable")
        changes = np.empty([len(notes)], np.int64)
        changed = np.diff(bins[by_step], prepend=-1) != 0
        changes[by_step] = np.where(changed, bins[by_step], -1)
        return changes

    def _velocities(self, events: np.ndarray, velocity: int) -> np.ndarray:
        """The velocity that holds at each event."""
        if not self.num_velocity_bins:
            return np.full([len(events)], velocity)
        is_change = events >= self.first_velocity
        bins = events[is_change] - self.first_velocity
        values = bin_velocities(bins, self.num_velocity_bins)
        return np.append(velocity, values)[np.cumsum(is_change)]


def _match(
    pitch: np.ndarray, is_start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the end of every start: first in, first out for each pitch.

    Args:
      pitch: `[events]` in rising order.
      is_start: `[events]`; the others are ends.

    Returns:
      Where the starts stand, and where the end of each does, `len(pitch)`
      for those without.
    """
    # How many sound, if ends of what does not sound could go below none.
    balance = np.cumsum(np.where(is_start, 1, -1))
    first = np.searchsorted(pitch, pitch)
    balance -= np.append(0, balance)[first]
    # The lowest balance so far, of this pitch; an end below it ends nothing.
    barrier = -2 * len(pitch) * pitch
    lowest = np.minimum.accumulate(
        np.append(barrier[:1], barrier + np.minimum(balance, 0))
    )[:-1]
    lowest = np.minimum(lowest - barrier, 0)
    ends_note = ~is_start & (balance >= lowest)
    ons, offs = np.flatnonzero(is_start), np.flatnonzero(ends_note)
    # The k-th end that counts ends the k-th start of its pitch.
    rank_of_off = np.arange(len(offs)) - np.searchsorted(
        pitch[offs], pitch[offs]
    )
    owner = np.searchsorted(pitch[ons], pitch[offs]) + rank_of_off
    matched = np.full([len(ons)], len(pitch))
    matched[owner] = offs
    return ons, matched
