"""Any encoding, told controls beside its events."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from magenta_lite.encodings.base import Encoding, check_names
from magenta_lite.encodings.controls import Control
from magenta_lite.encodings.heads import Head


@dataclasses.dataclass(frozen=True)
class ConditionalEncoding(Encoding):
    """The target's inputs after the encoded controls of the next event.

    Magenta's `ConditionalEventSequenceEncoderDecoder` with any number of
    controls. An event is the target's own fields, then those of each control
    that has some. An input holds, in this order: each encoded control of the
    event that is to be predicted; the target's input. (After the last event
    of a sequence its own control stands in.) Labels are the target's.

    Attributes:
      target: encodes what is predicted.
      parts: the controls, in the order of their inputs and fields.
    """

    target: Encoding
    parts: tuple[Control, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))

    @property
    def input_depth(self) -> int:
        """Controls and target."""
        return self.target.input_depth + sum(p.input_depth for p in self.parts)

    @property
    def num_classes(self) -> int:
        """The target's."""
        return self.target.num_classes

    @property
    def head(self) -> Head:
        """The target's."""
        return self.target.head

    @property
    def default_label(self) -> int | None:
        """The target's."""
        return self.target.default_label

    @property
    def control_depth(self) -> int:
        """All raw controls side by side."""
        return sum(part.depth for part in self.parts)

    @property
    def control_names(self) -> tuple[str, ...]:
        """What all controls understand."""
        return tuple(name for part in self.parts for name in part.names)

    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, time, input_depth]`."""
        controls = self.controls(events)
        ahead = tf.concat([controls[:, 1:], controls[:, -1:]], axis=1)
        return self._join(ahead, self.target.inputs(self._target(events)))

    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """The target's labels; see `Encoding`."""
        return self.target.labels(self._target(events))

    def initial_state(self, batch_size: int) -> Any:
        """The target's state and the control of the next event."""
        return {
            "target": self.target.initial_state(batch_size),
            "control": tf.zeros([batch_size, self.control_depth]),
        }

    def step(
        self, event: tf.Tensor, state: Any, control: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """Takes one event in; see `Encoding`."""
        assert control is not None
        inputs, target = self.target.step(self._target(event), state["target"])
        return (
            self._join(control, inputs),
            {"target": target, "control": control},
        )

    def start(
        self, batch_size: int, state: Any, control: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """The control of the first event beside the target's start."""
        assert control is not None
        inputs, target = self.target.start(batch_size, state["target"])
        return (
            self._join(control, inputs),
            {"target": target, "control": control},
        )

    @property
    def encoder_input_depth(self) -> int:
        """Controls and what the target's encoder reads."""
        controls = sum(part.input_depth for part in self.parts)
        return self.target.encoder_input_depth + controls

    def encoder_inputs(
        self, events: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The encoded controls of each event before what is read of it."""
        read = self.target.encoder_inputs(self._target(events), seed)
        return self._join(self.controls(events), read)

    def event_weights(self, events: tf.Tensor) -> tf.Tensor:
        """The target's."""
        return self.target.event_weights(self._target(events))

    def event(self, label: tf.Tensor, state: Any) -> tf.Tensor:
        """The target's event with the fields of the control that was told."""
        event = self.target.event(label, state["target"])
        if not self._num_fields:
            return event
        own = event[..., tf.newaxis] if event.shape.rank == 1 else event
        return tf.concat([own, self._fields(state["control"])], axis=-1)

    def controls(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, time, control_depth]`."""
        target = self._target(events)
        first = events.shape[-1] - self._num_fields if self._num_fields else 0
        values = []
        for part in self.parts:
            own = events[..., first : first + part.num_fields]
            values.append(part.values(own if part.num_fields else target))
            first += part.num_fields
        return tf.concat(values, axis=-1)

    def request_controls(
        self,
        request: Mapping[str, Any],
        num_steps: int,
        steps_per_second: float,
    ) -> np.ndarray:
        """Asks each control; see `Encoding`."""
        check_names(request, self.control_names)
        asked = [
            part.request(request, num_steps, steps_per_second)
            for part in self.parts
        ]
        return np.concatenate(asked, axis=-1).astype(np.float32)

    def with_controls(
        self, events: np.ndarray, controls: np.ndarray
    ) -> np.ndarray:
        """Replaces the fields of the controls; see `Encoding`."""
        if not self._num_fields:
            return events
        fields = self._fields(tf.constant(controls, tf.float32)).numpy()
        own = events[:, : events.shape[1] - self._num_fields]
        return np.concatenate([own, fields], axis=1).astype(np.int32)

    def allowed_labels(
        self, allowed_events: tf.Tensor, state: Any
    ) -> tf.Tensor:
        """Asks the target about its own fields; see `Encoding`."""
        if self._num_fields:
            own = allowed_events[:, : -self._num_fields]
            allowed_events = own[:, 0] if own.shape[1] == 1 else own
        return self.target.allowed_labels(allowed_events, state["target"])

    @property
    def _num_fields(self) -> int:
        return sum(part.num_fields for part in self.parts)

    def _target(self, events: tf.Tensor) -> tf.Tensor:
        """The target's own events `[...]`, or `[..., fields]` of several."""
        if not self._num_fields:
            return events
        own = events[..., : events.shape[-1] - self._num_fields]
        return own[..., 0] if own.shape[-1] == 1 else own

    def _fields(self, values: tf.Tensor) -> tf.Tensor:
        """Raw controls `[..., control_depth]` as the controls' fields."""
        split = tf.split(values, [part.depth for part in self.parts], axis=-1)
        fields = [
            part.fields(value)
            for part, value in zip(self.parts, split, strict=True)
            if part.num_fields
        ]
        return tf.concat(fields, axis=-1)

    def _join(self, control: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
        """The encoded controls before the target's input, on the last axis."""
        split = tf.split(control, [part.depth for part in self.parts], axis=-1)
        encoded = [
            part.encode(value)
            for part, value in zip(self.parts, split, strict=True)
        ]
        return tf.concat([*encoded, inputs], axis=-1)


@gin.register
def conditional_encoding(
    target: Callable[..., Encoding],
    parts: Sequence[Control],
    num_events: int | None = None,
    field_sizes: Sequence[int] | None = None,
) -> ConditionalEncoding:
    """Makes a `ConditionalEncoding` for a codec's events.

    Args:
      target: makes the encoding of what is predicted, given `num_events` or
        `field_sizes` of the event without the fields of the controls.
      parts: the controls.
      num_events: of the codec, where events are integers.
      field_sizes: of the codec, where events are vectors.
    """
    parts = tuple(parts)
    if field_sizes is None:
        return ConditionalEncoding(target(num_events=num_events), parts)
    num_own = len(field_sizes) - sum(part.num_fields for part in parts)
    own_sizes = tuple(field_sizes[:num_own])
    if len(own_sizes) == 1:
        return ConditionalEncoding(target(num_events=own_sizes[0]), parts)
    return ConditionalEncoding(target(field_sizes=own_sizes), parts)
