"""The contract of a control: something a model is told beside the events."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from magenta_lite.encodings.base import EncodingPart


class Control(EncodingPart, abc.ABC):
    """One quantity, raw as people say it and encoded as models read it.

    It either is a function of the events (how dense they are) or comes with
    the data as fields of the event vector (the chord of a lead sheet).
    """

    @property
    @abc.abstractmethod
    def depth(self) -> int:
        """How many floats the raw control has."""

    @property
    @abc.abstractmethod
    def input_depth(self) -> int:
        """Depth of the encoded control."""

    @property
    @abc.abstractmethod
    def names(self) -> tuple[str, ...]:
        """The requests that `request` understands."""

    @property
    def num_fields(self) -> int:
        """How many fields of the event hold this control; 0 if computed."""
        return 0

    @abc.abstractmethod
    def values(self, events: tf.Tensor) -> tf.Tensor:
        """The raw control that belongs to every event.

        Args:
          events: int32 `[batch, time, num_fields]`, this control's own
            fields; where it has none, the events of the target encoding,
            `[batch, time]` or `[batch, time, fields]`. May look ahead: a
            control says what is to come.

        Returns:
          float32 `[batch, time, depth]`.
        """

    @abc.abstractmethod
    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """Raw controls `[..., depth]` as inputs `[..., input_depth]`."""

    @abc.abstractmethod
    def request(
        self,
        request: Mapping[str, Any],
        num_steps: int,
        steps_per_second: float,
    ) -> np.ndarray:
        """The raw control of every time step; see `Encoding`.

        Args:
          request: what is asked for, by name; other controls' names may be
            among them.
          num_steps: length of the music.
          steps_per_second: of the codec at the tempo of the music.

        Returns:
          float32 `[num_steps, depth]`.

        Raises:
          UserError: if a value makes no sense.
        """

    def fields(self, values: tf.Tensor) -> tf.Tensor:
        """Raw controls `[..., depth]` as fields int32 `[..., num_fields]`.

        The fields hold the raw values unless a control says otherwise.
        """
        return tf.cast(tf.round(values[..., : self.num_fields]), tf.int32)


def spread(values: Sequence[Any] | np.ndarray, num_steps: int) -> np.ndarray:
    """Spreads a list evenly over time: `[num_steps, ...]`.

    With n values, value i holds from step i * num_steps / n on, as for lists
    in Magenta's flags.

    Args:
      values: one at least.
      num_steps: how many time steps there are.
    """
    values = np.asarray(values)
    return values[np.arange(num_steps) * len(values) // max(1, num_steps)]
