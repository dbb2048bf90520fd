"""Tracks one after another as one-hot classes."""

from __future__ import annotations

import dataclasses
from typing import Any

import gin
import tensorflow as tf

from magenta_lite.encodings.base import Encoding
from magenta_lite.errors import UserError

_PAD = 0
_NUM_PITCHES = 128
_NUM_NOTES = 2 * _NUM_PITCHES
"""Starts and ends of notes, the first events."""


@gin.register
@dataclasses.dataclass(frozen=True)
class MultiTrackEncoding(Encoding):
    """One-hot classes of the events of `MultiTrackClipCodec`.

    The codec has events of their own for the notes of drums; here they are
    notes like others, told apart by the track's program. Padding behind the
    END of a track is a vector of zeros and never predicted: it follows by
    itself up to the end of the track's room.

    Attributes:
      num_events: of the codec.
      max_track_events: room of a track, as in the codec.
    """

    num_events: int
    max_track_events: int = 64

    def __post_init__(self) -> None:
        if self.num_classes < _NUM_NOTES + 2 or self.max_track_events < 2:
            raise UserError(
                f"MultiTrackEncoding: {self.num_events} events and "
                f"{self.max_track_events} a track are too few; it belongs to "
                "MultiTrackClipCodec"
            )

    @property
    def input_depth(self) -> int:
        """One entry for each class."""
        return self.num_classes

    @property
    def num_classes(self) -> int:
        """All events but those of drums and the padding."""
        return self.num_events - _NUM_NOTES - 1

    @property
    def default_label(self) -> None:
        """No event stands for nothing."""
        return None

    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[..., num_classes]`, zeros for padding."""
        return tf.one_hot(self._classes(events), self.num_classes)

    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """int32 `[batch, time]`; padding has the class of END."""
        classes = self._classes(events)
        return tf.where(classes < 0, self.num_classes - 1, classes)

    def event_weights(self, events: tf.Tensor) -> tf.Tensor:
        """0 for padding."""
        return tf.cast(tf.not_equal(events, _PAD), tf.float32)

    def initial_state(self, batch_size: int) -> Any:
        """Nothing of the first track is known yet."""
        return {
            "place": tf.zeros([batch_size], tf.int32),
            "has_ended": tf.zeros([batch_size], tf.bool),
            "is_drum": tf.zeros([batch_size], tf.bool),
        }

    def step(
        self, event: tf.Tensor, state: Any, control: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """The input of an event; the state says what the track is."""
        del control
        is_drum = tf.where(
            state["place"] == 0, event == self._end - 1, state["is_drum"]
        )
        place = (state["place"] + 1) % self.max_track_events
        goes_on = place > 0
        has_ended = state["has_ended"] | (event == self._end)
        return self.inputs(event), {
            "place": place,
            "has_ended": goes_on & has_ended,
            "is_drum": goes_on & is_drum,
        }

    def event(self, label: tf.Tensor, state: Any) -> tf.Tensor:
        """The label's event, of drums in a track of drums; padding at its end.

        A track that is full ends without END.
        """
        label = tf.cast(label, tf.int32)
        is_drum = state["is_drum"] & (label < _NUM_NOTES)
        event = 1 + tf.where(is_drum, label + self.num_classes, label)
        return tf.where(state["has_ended"], _PAD, event)

    @property
    def _end(self) -> int:
        """The event that ends a track; before it stands that of drums."""
        return self.num_classes

    def _classes(self, events: tf.Tensor) -> tf.Tensor:
        """int32 in `[0, num_classes)`; -1 for padding."""
        is_drum = events > self._end
        event = tf.where(is_drum, events - self.num_classes, events)
        return tf.cast(event, tf.int32) - 1
