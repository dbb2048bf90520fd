"""Frames of a piano roll as vectors of bits."""

from __future__ import annotations

import dataclasses
from typing import Any

import gin
import tensorflow as tf

from magenta_lite.encodings.heads import Nade
from magenta_lite.encodings.memoryless import MemorylessEncoding

_ON = 1


@gin.register
@dataclasses.dataclass(frozen=True)
class PianorollEncoding(MemorylessEncoding):
    """The input is the last frame, the label the next frame's bits.

    As in note_seq's `PianorollEncoderDecoder` with Magenta's RNN-NADE. A value
    other than 0 and 1 (the codec's START) is silence.

    Attributes:
      field_sizes: of `PianorollCodec`, one entry for each key.
      num_hidden: units of the NADE that predicts the bits.
    """

    field_sizes: tuple[int, ...]
    num_hidden: int = 128

    def __post_init__(self) -> None:
        # Lists come from JSON; a tuple keeps this hashable.
        object.__setattr__(self, "field_sizes", tuple(self.field_sizes))

    @property
    def input_depth(self) -> int:
        """One entry for each key."""
        return len(self.field_sizes)

    @property
    def head(self) -> Nade:
        """Bits that depend on each other."""
        return Nade(len(self.field_sizes), self.num_hidden)

    @property
    def default_label(self) -> None:
        """There is none: labels are vectors."""
        return None

    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, time, keys]` for events of the same shape."""
        return tf.cast(tf.equal(events, _ON), tf.float32)

    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """int32 `[batch, time, keys]` of 0 and 1."""
        return tf.cast(tf.equal(events, _ON), tf.int32)

    def allowed_labels(
        self, allowed_events: tf.Tensor, state: Any
    ) -> tf.Tensor:
        """Bool `[batch, keys, 2]` for events `[batch, keys, values]`."""
        del state
        return allowed_events[..., :2]
