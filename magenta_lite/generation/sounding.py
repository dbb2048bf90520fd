"""Which notes sound, so that events are drawn that mean something."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from magenta_lite.codecs.base import NoteEvents


@dataclasses.dataclass(frozen=True)
class SoundingNotes:
    """Follows the notes of events that start and end them one by one.

    An event that starts what sounds, or ends what does not, changes nothing
    that is heard. But a model that draws one believes what it drew, and the
    note that it meant sounds on and on.

    Attributes:
      starts: int32 `[num_events]`, see `NoteEvents`.
      ends: int32 `[num_events]`.
    """

    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, events: NoteEvents | None) -> SoundingNotes | None:
        """None where notes are not ended one by one."""
        if events is None or not (events.ends >= 0).any():
            return None
        return cls(events.starts, events.ends)

    def none(self, batch_size: int) -> tf.Tensor:
        """Silence: bool `[batch, notes]`."""
        num_notes = 1 + max(self.starts.max(), self.ends.max())
        return tf.zeros([batch_size, num_notes], tf.bool)

    def after(self, sounding: tf.Tensor, events: tf.Tensor) -> tf.Tensor:
        """What sounds after one event more.

        Args:
          sounding: bool `[batch, notes]`.
          events: int32 `[batch]`.

        Returns:
          bool `[batch, notes]`.
        """
        notes = tf.range(sounding.shape[1])
        starts = tf.gather(tf.constant(self.starts), events)[:, tf.newaxis]
        ends = tf.gather(tf.constant(self.ends), events)[:, tf.newaxis]
        return (sounding | (notes == starts)) & (notes != ends)

    def allowed_events(self, sounding: tf.Tensor) -> tf.Tensor:
        """Which events change what is heard: bool `[batch, num_events]`."""
        started = tf.gather(sounding, np.maximum(self.starts, 0), axis=1)
        ended = tf.gather(sounding, np.maximum(self.ends, 0), axis=1)
        starts_anew = (self.starts < 0) | ~started
        return starts_anew & ((self.ends < 0) | ended)
