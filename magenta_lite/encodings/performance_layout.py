"""Which numbers PerformanceCodec's events have, for use in the graph."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class PerformanceLayout:
    """Starts of 128 pitches, their ends, shifts of time, velocities.

    Attributes:
      max_shift_steps: the longest shift.
    """

    max_shift_steps: int

    NUM_PITCHES: ClassVar[int] = 128
    FIRST_SHIFT: ClassVar[int] = 256

    @property
    def first_velocity(self) -> int:
        """The event of the lowest velocity bin."""
        return self.FIRST_SHIFT + self.max_shift_steps

    def is_start(self, events: tf.Tensor) -> tf.Tensor:
        """Whether each event starts a note."""
        return events < self.NUM_PITCHES

    def is_note(self, events: tf.Tensor) -> tf.Tensor:
        """Whether each event starts or ends a note."""
        return events < self.FIRST_SHIFT

    def pitch(self, events: tf.Tensor) -> tf.Tensor:
        """The pitch that each event starts or ends; any number for others."""
        return events % self.NUM_PITCHES

    def steps(self, events: tf.Tensor) -> tf.Tensor:
        """How many steps each event shifts time by."""
        steps = events - self.FIRST_SHIFT + 1
        is_shift = ~self.is_note(events) & (events < self.first_velocity)
        return tf.where(is_shift, steps, 0)
