"""Event vectors as one one-hot vector for each field."""

from __future__ import annotations

import dataclasses

import gin
import tensorflow as tf

from magenta_lite.encodings.heads import Categoricals
from magenta_lite.encodings.memoryless import MemorylessEncoding


@gin.register
@dataclasses.dataclass(frozen=True)
class OneHotFieldsEncoding(MemorylessEncoding):
    """The fields of an event side by side, each as a one-hot vector.

    note_seq's `NotePerformanceEventSequenceEncoderDecoder` over the events of
    NotePerformanceCodec, and of use for any events that are vectors. A label
    is the event: one class for each field, predicted independently.

    Attributes:
      field_sizes: how many values each field has.
    """

    field_sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "field_sizes", tuple(self.field_sizes))

    @property
    def input_depth(self) -> int:
        """One entry for each value of each field."""
        return sum(self.field_sizes)

    @property
    def head(self) -> Categoricals:
        """One class for each field."""
        return Categoricals(self.field_sizes)

    @property
    def default_label(self) -> None:
        """No event stands for nothing."""
        return None

    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[..., input_depth]` for events `[..., fields]`."""
        one_hots = [
            tf.one_hot(events[..., field], size)
            for field, size in enumerate(self.field_sizes)
        ]
        return tf.concat(one_hots, axis=-1)
