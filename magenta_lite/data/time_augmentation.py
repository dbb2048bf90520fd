"""Random changes of time in training batches; see `data.augmentation`."""

from __future__ import annotations

import dataclasses

import gin
import tensorflow as tf

from magenta_lite.codecs.base import Codec, NoteEvents
from magenta_lite.data import batching
from magenta_lite.data.pipeline import AugmentFn
from magenta_lite.data.time_shifts import TimeShifts
from magenta_lite.errors import UserError


@gin.register
@dataclasses.dataclass(frozen=True)
class RandomTimeStretch:
    """Plays music slower or faster.

    Where time passes in shifts (performances), each row draws a factor, all
    times are multiplied by it and rounded: the same, to a step, as stretching
    the piece before it is encoded. Where each event lasts a step, factors must
    be whole: every event is held longer. Then one factor is drawn for the
    batch, and rows that it would make longer than `max_events` stay as they
    are.

    Attributes:
      factors: what time is multiplied by, to choose from; 1 should be one of
        them.
      max_events: longest row that whole factors make.
    """

    factors: tuple[float, ...] = (0.95, 0.975, 1.0, 1.025, 1.05)
    max_events: int = 512

    def __post_init__(self) -> None:
        if not self.factors or any(not 0 < f <= 100 for f in self.factors):
            raise UserError(
                "RandomTimeStretch.factors must be numbers above 0, at most "
                f"100, not {self.factors}."
            )

    def bind(self, codec: Codec) -> AugmentFn:
        """Returns the augmentation for events of a codec.

        Raises:
          UserError: if its events do not let time pass in a way that can be
            stretched, or not by these factors.
        """
        events = note_events(codec, type(self).__name__)
        if events.rest is None:
            return self._by_shifts(TimeShifts(events, codec.num_events), codec)
        if any(factor % 1 for factor in self.factors):
            raise UserError(
                f"RandomTimeStretch.factors must be whole numbers with "
                f"{type(codec).__name__}, whose events last one step each, not "
                f"{self.factors}."
            )
        return self._by_rests(events.rest, codec)

    def _by_shifts(self, shifts: TimeShifts, codec: Codec) -> AugmentFn:
        factors = tf.constant(self.factors, tf.float32)

        def stretch(
            events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            draws = batching.uniform(seed, tf.size(lengths))
            draws = tf.cast(draws * len(self.factors), tf.int32)
            events, lengths = shifts.remake(
                events,
                lengths,
                tf.gather(factors, draws),
                is_kept=tf.ones_like(events, tf.bool),
            )
            return batching.pad_rows(events, lengths, codec.pad), lengths

        return stretch

    def _by_rests(self, rest: int, codec: Codec) -> AugmentFn:
        factors = tf.constant(self.factors, tf.int32)

        def stretch(
            events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            draw = batching.uniform(seed, 1)[0] * len(self.factors)
            factor = factors[tf.cast(draw, tf.int32)]
            fits = lengths * factor <= self.max_events
            factor = tf.where(fits, factor, 1)[:, None]  # [b, 1]
            lengths *= factor[:, 0]
            places = tf.range(tf.reduce_max(lengths))  # [t]
            sources = tf.minimum(places // factor, tf.shape(events)[1] - 1)
            held = tf.gather(events, sources, batch_dims=1)  # [b, t]
            held = tf.where(places % factor == 0, held, rest)
            return batching.pad_rows(held, lengths, codec.pad), lengths

        return stretch


@gin.register
@dataclasses.dataclass(frozen=True)
class RandomDelay:
    """Starts the music later: shifts its phase against bars and counters.

    Each row draws 0 to `max_steps` steps of rest that come first.

    Attributes:
      max_steps: longest delay; 15 for any phase of a 4/4 bar of sixteenths.
    """

    max_steps: int = 15

    def __post_init__(self) -> None:
        if self.max_steps < 0:
            raise UserError(
                "RandomDelay.max_steps must be 0 or more, not "
                f"{self.max_steps}."
            )

    def bind(self, codec: Codec) -> AugmentFn:
        """Returns the augmentation for events of a codec.

        Raises:
          UserError: if it has no event that only lets time pass, or none that
            is as long.
        """
        events = note_events(codec, type(self).__name__)
        if events.rest is None and len(events.shifts) < self.max_steps:
            raise UserError(
                f"RandomDelay.max_steps can be {len(events.shifts)} at most "
                f"with {type(codec).__name__}, not {self.max_steps}."
            )

        def delay(
            rows: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            draws = batching.uniform(seed, tf.size(lengths))
            steps = tf.cast(draws * (self.max_steps + 1), tf.int32)
            steps = tf.where(lengths > 0, steps, 0)  # [b]
            if events.rest is None:
                first = tf.gather(events.shifts, tf.maximum(steps - 1, 0))
                steps = tf.minimum(steps, 1)  # one event, however long
            else:
                first = tf.fill(tf.shape(steps), events.rest)
            lengths += steps
            sources = tf.range(tf.reduce_max(lengths)) - steps[:, None]
            inside = tf.clip_by_value(sources, 0, tf.shape(rows)[1] - 1)
            moved = tf.gather(rows, inside, batch_dims=1)  # [b, t]
            moved = tf.where(sources < 0, first[:, None], moved)
            return batching.pad_rows(moved, lengths, codec.pad), lengths

        return delay


def note_events(codec: Codec, asked_by: str) -> NoteEvents:
    """What a codec says of its notes.

    Raises:
      UserError: if it says nothing.
    """
    events = codec.note_events()
    if events is None:
        raise UserError(
            f"{asked_by} cannot change the events of {type(codec).__name__}; "
            "leave it out of train.augmentations."
        )
    return events
