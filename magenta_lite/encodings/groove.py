"""Hits, velocities and offsets of drums as numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from magenta_lite import groove_events
from magenta_lite.encodings.controls import Control, spread
from magenta_lite.encodings.heads import Groove
from magenta_lite.encodings.memoryless import MemorylessEncoding
from magenta_lite.errors import UserError

_LEAST_DROPOUT_WEIGHT = 0.2


@gin.register
@dataclasses.dataclass(frozen=True)
class GrooveEncoding(MemorylessEncoding):
    """All hits, all velocities (0 to 1), all offsets (-1 to 1) of a step.

    Magenta's `GrooveConverter`; events are those of `GrooveClipCodec`. What
    the encoder is told less than it is to give back makes a model that knows
    how to add it: how a stiff beat is played (no velocities and offsets), what
    the whole kit plays to a tapped rhythm, what a drum that is missing plays.

    Attributes:
      field_sizes: of the codec.
      hide_velocities: whether the encoder is told no velocities.
      hide_offsets: nor offsets.
      tap_drum: the number of a drum that the encoder is told the loudest hit
        of each step as, and no other; None tells drums apart.
      hidden_drums: numbers of drums that the encoder is not told.
      note_dropout: in training each clip draws a rate up to this at which its
        hits are hidden, soft ones sooner than loud ones. (The original let a
        tap come back if the first drum was hit.)
    """

    field_sizes: tuple[int, ...]
    hide_velocities: bool = False
    hide_offsets: bool = False
    tap_drum: int | None = None
    hidden_drums: tuple[int, ...] = ()
    note_dropout: float = 0.0

    def __post_init__(self) -> None:
        # Lists come from JSON; tuples keep this hashable.
        object.__setattr__(self, "field_sizes", tuple(self.field_sizes))
        object.__setattr__(self, "hidden_drums", tuple(self.hidden_drums))
        if self.field_sizes != groove_events.field_sizes(self.num_drums):
            raise UserError(
                "GrooveEncoding belongs to the events of GrooveClipCodec"
            )
        drums = [*self.hidden_drums]
        drums += [] if self.tap_drum is None else [self.tap_drum]
        if not all(0 <= drum < self.num_drums for drum in drums):
            raise UserError(
                f"GrooveEncoding: drums are from 0 to {self.num_drums - 1}"
            )
        if not 0 <= self.note_dropout <= 1:
            raise UserError("GrooveEncoding: note_dropout is not in 0 to 1")

    @property
    def num_drums(self) -> int:
        """How many drums there are."""
        return len(self.field_sizes) // groove_events.NUM_GROUPS

    @property
    def input_depth(self) -> int:
        """Three numbers for each drum."""
        return 3 * self.num_drums

    @property
    def head(self) -> Groove:
        """Hits are drawn, velocities and offsets are given."""
        return Groove(self.num_drums)

    @property
    def default_label(self) -> None:
        """There is none: labels are vectors."""
        return None

    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[..., 3 * drums]` of events `[..., fields]`."""
        return tf.concat(self._numbers(events), axis=-1)

    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """The inputs: float32 `[batch, time, 3 * drums]`."""
        return self.inputs(events)

    def encoder_inputs(
        self, events: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """float32 `[batch, time, 3 * drums]`, without what is hidden."""
        hits, velocities, offsets = self._numbers(events)
        if seed is not None and self.note_dropout:
            kept = self._kept(velocities, seed)
            hits, velocities, offsets = (
                kept * value for value in (hits, velocities, offsets)
            )
        if self.tap_drum is not None:
            hits, velocities, offsets = self._tapped(hits, velocities, offsets)
        if self.hide_velocities:
            velocities = tf.zeros_like(velocities)
        if self.hide_offsets:
            offsets = tf.zeros_like(offsets)
        told = np.ones([self.num_drums], np.float32)
        told[list(self.hidden_drums)] = 0
        parts = [told * value for value in (hits, velocities, offsets)]
        return tf.concat(parts, axis=-1)

    def event(self, label: tf.Tensor, state: Any) -> tf.Tensor:
        """The label's numbers as fields: int32 `[batch, fields]`."""
        del state
        hits, velocities, offsets = tf.split(label, 3, axis=-1)
        loud = _units(velocities, groove_events.VELOCITY_UNITS, 0.0)
        early = _units(offsets, groove_events.OFFSET_UNITS, -1.0)
        groups = [tf.cast(hits > 0.5, tf.int32)]
        for value in (loud, early + groove_events.OFFSET_UNITS):
            groups += [
                value // groove_events.DIGIT,
                value % groove_events.DIGIT,
            ]
        return tf.concat(groups, axis=-1)

    def allowed_labels(
        self, allowed_events: tf.Tensor, state: Any
    ) -> tf.Tensor:
        """Bool `[batch, 3 * drums, 2]`: hits; the rest is no choice."""
        del state
        hits = allowed_events[:, : self.num_drums, :2]
        rest = tf.ones([hits.shape[0], 2 * self.num_drums, 2], tf.bool)
        return tf.concat([hits, rest], axis=1)

    def _numbers(
        self, events: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Hits, velocities and offsets: float32 `[..., drums]` each."""
        hits, *digits = tf.split(events, groove_events.NUM_GROUPS, axis=-1)
        loud = digits[0] * groove_events.DIGIT + digits[1]
        early = digits[2] * groove_events.DIGIT + digits[3]
        # Padding is zeros in every field, and no offset of -1.
        is_pad = tf.reduce_all(tf.equal(events, 0), axis=-1, keepdims=True)
        early = tf.where(is_pad, groove_events.OFFSET_UNITS, early)
        early -= groove_events.OFFSET_UNITS
        return (
            tf.cast(hits, tf.float32),
            # Products, since compilers make products of quotients.
            tf.cast(loud, tf.float32) * (1 / groove_events.VELOCITY_UNITS),
            tf.cast(early, tf.float32) * (1 / groove_events.OFFSET_UNITS),
        )

    def _kept(self, velocities: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Which hits the encoder is told: float32 `[batch, time, drums]`."""
        shape = tf.shape(velocities)
        rate = tf.random.stateless_uniform(
            [shape[0], 1, 1], seed, maxval=self.note_dropout
        )
        weight = tf.maximum(_LEAST_DROPOUT_WEIGHT, 1 - velocities)
        draws = tf.random.stateless_uniform(shape, seed + [0, 1])
        return tf.cast(draws >= rate * weight, tf.float32)

    def _tapped(self, *values: tf.Tensor) -> list[tf.Tensor]:
        """The loudest hit of each step, as the hit of one drum."""
        hits, velocities, _ = values
        loudest = tf.argmax(hits * velocities, axis=-1)  # [b, t]
        chosen = tf.one_hot(loudest, self.num_drums)
        tap = tf.one_hot(self.tap_drum, self.num_drums)
        return [
            tf.reduce_sum(chosen * value, axis=-1, keepdims=True) * tap
            for value in values
        ]


def _units(values: tf.Tensor, units: int, low: float) -> tf.Tensor:
    """Numbers from `low` to 1 as whole numbers of units: int32."""
    clipped = tf.clip_by_value(values, low, 1.0)
    return tf.cast(tf.round(clipped * units), tf.int32)


@gin.register
@dataclasses.dataclass(frozen=True)
class HitsControl(Control):
    """Which drums are hit in the next step, so that only how is left to say.

    Asked for as `hits`: a list with a list of drum numbers for each step, e.g.
    `[[0, 2], [], [2], []]`, spread over the time; nothing by default.

    Attributes:
      num_drums: how many drums there are.
    """

    num_drums: int = 9

    @property
    def depth(self) -> int:
        """One entry for each drum."""
        return self.num_drums

    @property
    def input_depth(self) -> int:
        """The control itself."""
        return self.num_drums

    @property
    def names(self) -> tuple[str, ...]:
        """`hits`."""
        return ("hits",)

    def values(self, events: tf.Tensor) -> tf.Tensor:
        """The hits of events `[batch, time, fields]`."""
        return tf.cast(events[..., : self.num_drums], tf.float32)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """The control itself."""
        return values

    def request(
        self,
        request: Mapping[str, Any],
        num_steps: int,
        steps_per_second: float,
    ) -> np.ndarray:
        """float32 `[num_steps, drums]`; see `Control`."""
        del steps_per_second
        asked = request.get("hits") or [[]]
        try:
            hits = np.array(
                [
                    np.bincount(np.array(s, np.int64), minlength=self.num_drums)
                    for s in asked
                ]
            )
        except (TypeError, ValueError):
            hits = np.zeros([0, 0])
        if hits.ndim != 2 or hits.shape[1:] != (self.num_drums,):
            raise UserError(
                f"hits is {asked!r}; use a list of drum numbers from 0 to "
                f"{self.num_drums - 1} for each step, such as [[0, 2], [], [2]]"
                "."
            )
        return spread((hits > 0).astype(np.float32), num_steps)
