"""Random changes of notes in training batches; see `data.augmentation`."""

from __future__ import annotations

import dataclasses

import gin
import numpy as np
import tensorflow as tf

from magenta_lite.codecs.base import Codec
from magenta_lite.data import batching
from magenta_lite.data.pipeline import AugmentFn
from magenta_lite.data.time_augmentation import note_events
from magenta_lite.data.time_shifts import TimeShifts, running_max
from magenta_lite.errors import UserError


@gin.register
@dataclasses.dataclass(frozen=True)
class RandomVelocity:
    """Plays each row louder or softer as a whole.

    Attributes:
      shifts: bins of velocity to choose from; 0 should be one of them. What
        would be louder than the loudest bin stays there.
    """

    shifts: tuple[int, ...] = (-2, -1, 0, 1, 2)

    def bind(self, codec: Codec) -> AugmentFn:
        """Returns the augmentation for events of a codec.

        Raises:
          UserError: if its events carry no velocities.
        """
        table = codec.velocity_table(tuple(self.shifts))
        if table is None:
            raise UserError(
                f"RandomVelocity needs events with velocities, which "
                f"{type(codec).__name__} has not; leave it out of "
                "train.augmentations."
            )
        num_values = int(np.prod(table.shape[1:]))
        flat_table = tf.constant(table.reshape([-1]), tf.int32)

        def change(
            events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            codes = batching.value_codes(events, codec.num_events)
            draws = batching.uniform(seed, tf.size(lengths))
            shift = tf.cast(draws * len(self.shifts), tf.int32)  # [b]
            shift = tf.reshape(shift, [-1] + [1] * (codes.shape.rank - 1))
            events = tf.gather(flat_table, shift * num_values + codes)
            return batching.pad_rows(events, lengths, codec.pad), lengths

        return change


@gin.register
@dataclasses.dataclass(frozen=True)
class RandomNoteDropout:
    """Leaves notes out.

    Where time passes in shifts (performances), the start and the end of a note
    go together; notes of one pitch that overlap count as one. Where each event
    lasts a step, a rest takes the place of the start, so that the note before
    is held.

    Attributes:
      rate: the share of notes that go.
    """

    rate: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise UserError(
                "RandomNoteDropout.rate must be 0 or more and below 1, not "
                f"{self.rate}."
            )

    def bind(self, codec: Codec) -> AugmentFn:
        """Returns the augmentation for events of a codec.

        Raises:
          UserError: if it does not say which events start and end notes.
        """
        notes = note_events(codec, type(self).__name__)
        starts = tf.constant(notes.starts, tf.int32)
        ends = tf.constant(notes.ends, tf.int32)

        def drop_starts(
            events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            draws = _uniform_like(events, seed)
            is_start = tf.gather(starts, events) >= 0
            drop = is_start & (draws < self.rate)
            events = tf.where(drop, notes.rest, events)
            return batching.pad_rows(events, lengths, codec.pad), lengths

        if notes.rest is not None:
            return drop_starts
        shifts = TimeShifts(notes, codec.num_events)

        def drop_notes(
            events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            real = batching.real_positions(events, lengths)
            group = note_of_each_event(
                tf.where(real, tf.gather(starts, events), -1),
                tf.where(real, tf.gather(ends, events), -1),
            )
            draws = _uniform_like(events, seed)
            draws = tf.gather(draws, tf.maximum(group, 0), batch_dims=1)
            drop = (group >= 0) & (draws < self.rate)
            new_events, new_lengths = shifts.remake(
                events, lengths, tf.ones(tf.shape(lengths)), ~drop
            )
            return batching.pad_rows(
                new_events, new_lengths, codec.pad
            ), new_lengths

        return drop_notes


def note_of_each_event(starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """Numbers what sounds, so that starts and ends of one note agree.

    From a start of a pitch that is silent, to the end after which it is silent
    again, all starts and ends of this pitch get one number.

    Args:
      starts: int32 `[batch, time]`: the pitch that an event starts, or -1.
      ends: int32 `[batch, time]`: the pitch that an event ends, or -1.

    Returns:
      int32 `[batch, time]`, below `time`; -1 for events that start and end
      nothing, and for ends of what does not sound.
    """
    pitches = tf.maximum(starts, ends)
    order = tf.argsort(pitches, axis=1, stable=True)  # by pitch, then time
    starts, ends, pitches = (
        tf.gather(values, order, batch_dims=1)
        for values in (starts, ends, pitches)
    )
    change = tf.cast(starts >= 0, tf.int32) - tf.cast(ends >= 0, tf.int32)
    # How many sound before each event, if that could go below none.
    level = tf.cumsum(change, axis=1, exclusive=True)
    # The lowest level of this pitch so far is where it is silent. What is
    # added keeps pitches apart: levels differ by less than that.
    apart = (tf.shape(pitches)[1] + 1) * 2 * pitches
    silent = apart - running_max(apart - level)
    is_first = (change > 0) & (level == silent)
    number = tf.cumsum(tf.cast(is_first, tf.int32), axis=1) - 1
    sounds = (change > 0) | ((change < 0) & (level > silent))
    number = tf.where(sounds, number, -1)
    back = tf.argsort(order, axis=1)
    return tf.gather(number, back, batch_dims=1)


def _uniform_like(events: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Float32 of the shape of `events` in [0, 1)."""
    draws = batching.uniform(seed, tf.size(events))
    return tf.reshape(draws, tf.shape(events))
