"""Events as plain one-hot vectors."""

from __future__ import annotations

import dataclasses

import gin
import tensorflow as tf

from magenta_lite.encodings.memoryless import MemorylessEncoding
from magenta_lite.errors import UserError


@gin.register
@dataclasses.dataclass(frozen=True)
class OneHotEncoding(MemorylessEncoding):
    """The input is the one-hot of the last event, the label the next event.

    Attributes:
      num_events: how many different events there are.
      default_event: the event of "nothing happens".
    """

    num_events: int
    default_event: int = 0

    def __post_init__(self) -> None:
        check_events("OneHotEncoding", self.num_events, self.default_event)

    @property
    def input_depth(self) -> int:
        """One entry for each event."""
        return self.num_events

    @property
    def num_classes(self) -> int:
        """Labels are events."""
        return self.num_events

    @property
    def default_label(self) -> int:
        """The default event."""
        return self.default_event

    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """One-hot vectors `[batch, time, num_events]`."""
        return tf.one_hot(events, self.num_events)

    @property
    def one_hots(self) -> tuple[int, ...]:
        """Nothing but the event."""
        return (self.num_events,)

    def compact_inputs(self, events: tf.Tensor) -> tf.Tensor:
        """See `Encoding`."""
        return tf.cast(events[..., tf.newaxis], tf.float32)


def check_events(name: str, num_events: int, default_event: int) -> None:
    """Raises UserError if the default event is not one of the events."""
    if not 0 <= default_event < num_events:
        raise UserError(
            f"{name}: default_event {default_event} is not in 0 to "
            f"{num_events - 1}"
        )
