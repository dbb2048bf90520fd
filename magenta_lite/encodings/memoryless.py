"""What encodings share that remember nothing."""

from __future__ import annotations

import abc
from typing import Any

import tensorflow as tf

from magenta_lite.encodings.base import Encoding


class MemorylessEncoding(Encoding, abc.ABC):
    """The input depends on the last event alone, and labels are events.

    `inputs` takes events of any leading shape: one step of generation is a
    sequence without a time axis.
    """

    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """The events themselves, int32; see `Encoding`."""
        return tf.cast(events, tf.int32)

    def initial_state(self, batch_size: int) -> Any:
        """Nothing is remembered."""
        del batch_size
        return ()

    def step(
        self, event: tf.Tensor, state: Any, control: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """The input of an event; see `Encoding`."""
        del control
        return self.inputs(event), state

    def event(self, label: tf.Tensor, state: Any) -> tf.Tensor:
        """The label itself, int32; see `Encoding`."""
        del state
        return tf.cast(label, tf.int32)

    def allowed_labels(
        self, allowed_events: tf.Tensor, state: Any
    ) -> tf.Tensor:
        """The same, since labels are events; see `Encoding`."""
        del state
        if self.head.label_shape:
            return allowed_events
        # Other fields of a vector may have more values.
        return allowed_events[:, : self.num_classes]
