"""Events as plain one-hot vectors."""

from __future__ import annotations

import dataclasses
from typing import Any

import gin
import tensorflow as tf

from magenta_lite.encodings.base import Encoding
from magenta_lite.errors import UserError


@gin.register
@dataclasses.dataclass(frozen=True)
class OneHotEncoding(Encoding):
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

    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """The events themselves, int32 `[batch, time]`."""
        return tf.cast(events, tf.int32)

    def initial_state(self, batch_size: int) -> Any:
        """Nothing is remembered."""
        del batch_size
        return ()

    def step(
        self, event: tf.Tensor, state: Any, control: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """The one-hot `[batch, num_events]` of an event `[batch]`."""
        del control
        return tf.one_hot(event, self.num_events), state

    def event(self, label: tf.Tensor, state: Any) -> tf.Tensor:
        """The label itself, int32 `[batch]`."""
        del state
        return tf.cast(label, tf.int32)


def check_events(name: str, num_events: int, default_event: int) -> None:
    """Raises UserError if the default event is not one of the events."""
    if not 0 <= default_event < num_events:
        raise UserError(
            f"{name}: default_event {default_event} is not in 0 to "
            f"{num_events - 1}"
        )
