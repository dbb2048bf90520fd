"""The contract of an encoding: events to model inputs, labels to events.

An encoding runs inside the graph and is causal, so that training (whole
sequences) and generation (one step at a time) share one definition.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from magenta_lite.encodings.heads import Categorical, Head
from magenta_lite.errors import UserError


class EncodingPart:
    """An encoding or a part of one; subclasses are frozen dataclasses.

    Parts may hold parts: bundles describe and rebuild them all.
    """

    def get_config(self) -> dict:
        """The arguments that rebuild this part.

        Values are JSON values, other parts, or tuples of either.
        """
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
        }


class Encoding(EncodingPart, abc.ABC):
    """Events `[batch, time]` to inputs and labels, and labels to events.

    An event is an integer, or a vector where the codec's `event_shape` says
    so: then all that is `[batch]` or `[batch, time]` here has one more axis.
    Encodings are made with the codec's `num_events`, or with its
    `field_sizes` where events are vectors.

    The state of the step-by-step form is a nest of tensors with static
    shapes, so that it can be carried through a `tf.while_loop` and compiled by
    XLA.

    **Controls** are what a model is told beside the events: the chord, how
    dense the music is. Where `control_depth` is 0 (most encodings) none of the
    methods about them need be written. `encodings/conditional.py` adds
    controls to any encoding.
    """

    @property
    @abc.abstractmethod
    def input_depth(self) -> int:
        """Depth of one input vector."""

    @property
    def num_classes(self) -> int:
        """Number of different labels, where a label is one class."""
        raise NotImplementedError(f"{type(self).__name__} has another head")

    @property
    def head(self) -> Head:
        """What a label is; one of `num_classes` unless overridden."""
        return Categorical(self.num_classes)

    @property
    @abc.abstractmethod
    def default_label(self) -> int | None:
        """The label of "nothing happens", told apart in the metrics.

        None where there is none, or where labels are vectors.
        """

    @abc.abstractmethod
    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """Model inputs at every position.

        Args:
          events: int32 `[batch, time]`.

        Returns:
          float32 `[batch, time, input_depth]`; the one at position t depends
          on events 0 to t, and on the control of event t + 1.
        """

    @property
    def one_hots(self) -> tuple[int, ...]:
        """Sizes of the one-hots that inputs begin with, where it helps."""
        return ()

    def compact_inputs(self, events: tf.Tensor) -> tf.Tensor:
        """`inputs` with a class's number in place of each of `one_hots`.

        Args:
          events: int32 `[batch, time]`.

        Returns:
          float32 `[batch, time, input_depth - sum(one_hots) + len(one_hots)]`.
        """
        return self.inputs(events)

    @abc.abstractmethod
    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """What is to be predicted of every event, given those before it.

        Args:
          events: int32 `[batch, time]`.

        Returns:
          int32 `[batch, time, *head.label_shape]`. A model reads the input at
          position t and predicts the label at t + 1.
        """

    @abc.abstractmethod
    def initial_state(self, batch_size: int) -> Any:
        """The state before any event: a nest of `[batch, ...]` tensors."""

    @abc.abstractmethod
    def step(
        self, event: tf.Tensor, state: Any, control: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """Takes one event in.

        Args:
          event: int32 `[batch]`.
          state: from `initial_state` or the step before.
          control: float32 `[batch, control_depth]` of the NEXT event, the one
            to be predicted; None where `control_depth` is 0.

        Returns:
          The input `[batch, input_depth]` float32 and the next state, which
          remembers the control if `event` needs it.
        """

    @abc.abstractmethod
    def event(self, label: tf.Tensor, state: Any) -> tf.Tensor:
        """The event that a label stands for after the events in `state`.

        Args:
          label: int32 `[batch, *head.label_shape]`.
          state: the state after the last event.

        Returns:
          int32 `[batch]`, with all its fields where events are vectors.
        """

    def start(
        self, batch_size: int, state: Any, control: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """What stands before the first event, where nothing was given.

        Args:
          batch_size: number of rows.
          state: from `initial_state`.
          control: float32 `[batch, control_depth]` of the first event; None
            where `control_depth` is 0.

        Returns:
          The input `[batch, input_depth]` float32, zeros unless overridden,
          and the state to go on with.
        """
        del control
        return tf.zeros([batch_size, self.input_depth]), state

    def decoder_inputs(self, events: tf.Tensor) -> tf.Tensor:
        """What is known before each event: `start`, then `inputs`.

        Args:
          events: int32 `[batch, time]`.

        Returns:
          float32 `[batch, time, input_depth]`; the one at position t depends
          on events 0 to t - 1, and on the control of event t.
        """
        batch_size = tf.shape(events)[0]
        control = self.controls(events)[:, 0] if self.control_depth else None
        state = self.initial_state(batch_size)
        first, _ = self.start(batch_size, state, control)
        return tf.concat(
            [first[:, tf.newaxis], self.inputs(events)[:, :-1]], axis=1
        )

    @property
    def encoder_input_depth(self) -> int:
        """Depth of one vector of `encoder_inputs`."""
        return self.input_depth

    def encoder_inputs(
        self, events: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """What the encoder of a latent model reads of whole clips.

        `inputs` unless overridden: such a model may be told less than it is
        to give back, e.g. a rhythm without its loudness.

        Args:
          events: int32 `[batch, time]`.
          seed: int32 `[2]` in training, the only source of randomness; None
            hides nothing at random.

        Returns:
          float32 `[batch, time, encoder_input_depth]`; may look ahead.
        """
        del seed
        return self.inputs(events)

    def event_weights(self, events: tf.Tensor) -> tf.Tensor:
        """Which events are to be predicted, where some only fill a clip.

        Args:
          events: int32 `[batch, time]`.

        Returns:
          float32 `[batch, time]`: 0 for an event that fills, else 1.
        """
        return tf.ones(tf.shape(events)[:2])

    @property
    def control_depth(self) -> int:
        """How many floats say what the control of one event is."""
        return 0

    @property
    def control_names(self) -> tuple[str, ...]:
        """What `request_controls` understands, e.g. ("notes_per_second",)."""
        return ()

    def controls(self, events: tf.Tensor) -> tf.Tensor:
        """The control that belongs to every event.

        Raw, in the units that people use (a chord's number, notes a second):
        a request has the same form, and encoding it is for `inputs` and
        `step`.

        Args:
          events: int32 `[batch, time]`.

        Returns:
          float32 `[batch, time, control_depth]`.
        """
        return tf.zeros(tf.concat([tf.shape(events)[:2], [0]], axis=0))

    def request_controls(
        self,
        request: Mapping[str, Any],
        num_steps: int,
        steps_per_second: float,
    ) -> np.ndarray:
        """What a person asks for, as the control of every time step.

        Lists are spread evenly over the time. What is not asked for has the
        default of Magenta's recipe.

        Args:
          request: by name, see `control_names`.
          num_steps: length of the music, primer included.
          steps_per_second: of the codec at the tempo of the music.

        Returns:
          float32 `[num_steps, control_depth]`.

        Raises:
          UserError: for a name that is not in `control_names` or a value that
            makes no sense.
        """
        check_names(request, self.control_names)
        return np.zeros([num_steps, 0], np.float32)

    def with_controls(
        self, events: np.ndarray, controls: np.ndarray
    ) -> np.ndarray:
        """Events that carry the controls that were asked for.

        For controls that are fields of the event: a primer's own fields give
        way to the request. NumPy; called once for a primer.

        Args:
          events: int32 `[time]`.
          controls: float32 `[time, control_depth]`, of each event.

        Returns:
          int32 `[time]`; the events themselves if controls are no fields.
        """
        del controls
        return events

    def allowed_labels(
        self, allowed_events: tf.Tensor, state: Any
    ) -> tf.Tensor:
        """Which labels stand for an allowed event after those in `state`.

        Asks `event` about every label at once; overridden where that can be
        told more cheaply, and where labels are vectors.

        Args:
          allowed_events: bool `[batch, num_events]`, or `[batch, fields,
            num_events]` where events are vectors; `[1, ...]` if it is the
            same for all rows.
          state: the state after the last event, as for `event`.

        Returns:
          bool `[batch, num_classes]`, or `[batch, fields, classes]` where a
          label is a vector; `[1, ...]` if it is the same for all rows.

        Raises:
          UserError: if this encoding cannot tell.
        """
        if self.head.label_shape or allowed_events.shape.rank != 2:
            raise UserError(
                f"{type(self).__name__} cannot be constrained; leave out what "
                "limits pitches, scales or drums."
            )
        labels = tf.range(self.num_classes)
        leaves = tf.nest.flatten(state)
        batch_size = leaves[0].shape[0] if leaves else 1
        repeated = tf.nest.map_structure(
            lambda leaf: tf.repeat(leaf, self.num_classes, axis=0), state
        )
        events = self.event(tf.tile(labels, [batch_size]), repeated)
        events = tf.reshape(events, [batch_size, self.num_classes])
        num_rows = max(batch_size, allowed_events.shape[0])
        return tf.gather(
            tf.broadcast_to(
                allowed_events, [num_rows, allowed_events.shape[1]]
            ),
            tf.broadcast_to(events, [num_rows, self.num_classes]),
            batch_dims=1,
        )


def check_names(request: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Raises UserError if something is asked for that is not known."""
    unknown = sorted(set(request) - set(known))
    if unknown:
        takes = f"takes {', '.join(known)}" if known else "takes no controls"
        raise UserError(f"this model knows no {unknown[0]}; it {takes}.")
