"""The contract of an encoding: events to model inputs, labels to events.

An encoding runs inside the graph and is causal, so that training (whole
sequences) and generation (one step at a time) share one definition.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

import tensorflow as tf


class Encoding(abc.ABC):
    """Events `[batch, time]` to inputs and labels, and labels to events.

    Subclasses are frozen dataclasses. The state of the step-by-step form is a
    nest of tensors with static shapes, so that it can be carried through a
    `tf.while_loop` and compiled by XLA.
    """

    @property
    @abc.abstractmethod
    def input_depth(self) -> int:
        """Depth of one input vector."""

    @property
    @abc.abstractmethod
    def num_classes(self) -> int:
        """Number of different labels."""

    @property
    @abc.abstractmethod
    def default_label(self) -> int:
        """The label of "nothing happens", told apart in the metrics."""

    @abc.abstractmethod
    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """Model inputs at every position.

        Args:
          events: int32 `[batch, time]`.

        Returns:
          float32 `[batch, time, input_depth]`; the one at position t depends
          on events 0 to t alone.
        """

    @abc.abstractmethod
    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """The class of every event, given the events before it.

        Args:
          events: int32 `[batch, time]`.

        Returns:
          int32 `[batch, time]`. A model reads the input at position t and
          predicts the label at t + 1.
        """

    @abc.abstractmethod
    def initial_state(self, batch_size: int) -> Any:
        """The state before any event: a nest of `[batch, ...]` tensors."""

    @abc.abstractmethod
    def step(self, event: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        """Takes one event in.

        Args:
          event: int32 `[batch]`.
          state: from `initial_state` or the step before.

        Returns:
          The input `[batch, input_depth]` float32 and the next state.
        """

    @abc.abstractmethod
    def event(self, label: tf.Tensor, state: Any) -> tf.Tensor:
        """The event that a label stands for after the events in `state`.

        Args:
          label: int32 `[batch]` in `[0, num_classes)`.
          state: the state after the last event.

        Returns:
          int32 `[batch]`.
        """

    def get_config(self) -> dict:
        """The arguments that rebuild this encoding, as JSON values."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
        }
