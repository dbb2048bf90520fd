"""Drums that the encoder of a latent model reads as rolls."""

from __future__ import annotations

import dataclasses

import gin
import tensorflow as tf

from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.encodings.pianoroll import PianorollEncoding
from magenta_lite.errors import UserError


@gin.register
@dataclasses.dataclass(frozen=True)
class DrumSetEncoding(OneHotEncoding):
    """Sets of drums: read as rolls by an encoder, predicted as one class.

    As Magenta's `DrumsConverter` with `roll_input`. Events are those of
    `DrumsCodec`: bit i of the number says that class i is hit.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_events & (self.num_events - 1):
            raise UserError(
                f"DrumSetEncoding: {self.num_events} is no number of all sets "
                "of drums; it belongs to DrumsCodec and DrumClipCodec"
            )

    @property
    def encoder_input_depth(self) -> int:
        """One entry for each class, and one for silence."""
        return self.num_events.bit_length()

    def encoder_inputs(
        self, events: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """float32 `[batch, time, classes + 1]`."""
        del seed
        bits = tf.range(self.encoder_input_depth - 1)
        hits = tf.bitwise.right_shift(events[..., tf.newaxis], bits) & 1
        return with_silence(tf.cast(hits, tf.float32))


@gin.register
@dataclasses.dataclass(frozen=True)
class DrumRollEncoding(PianorollEncoding):
    """Vectors of drum classes, predicted bit by bit.

    As Magenta's `DrumsConverter` with `roll_input` and `roll_output`; events
    are those of `DrumRollClipCodec`.
    """

    @property
    def encoder_input_depth(self) -> int:
        """One entry for each class, and one for silence."""
        return self.input_depth + 1

    def encoder_inputs(
        self, events: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """float32 `[batch, time, classes + 1]`."""
        del seed
        return with_silence(self.inputs(events))


def with_silence(hits: tf.Tensor) -> tf.Tensor:
    """Adds an entry that says that nothing is hit.

    Args:
      hits: float32 `[..., classes]` of 0 and 1.

    Returns:
      float32 `[..., classes + 1]`.
    """
    silent = 1 - tf.reduce_max(hits, axis=-1, keepdims=True)
    return tf.concat([hits, silent], axis=-1)
