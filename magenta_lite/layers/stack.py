"""Recurrent layers on top of each other, as one layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from magenta_lite.layers.recurrence import Recurrence
from magenta_lite.layers.recurrent import RecurrentLayer


@dataclasses.dataclass(frozen=True)
class StackRecurrence(Recurrence):
    """A step of `Stack`; the inner state is a tuple of the parts' states."""

    parts: tuple[Recurrence, ...]
    num_weights: tuple[int, ...]

    def initial_inner(self, batch_size: int | tf.Tensor) -> tuple:
        """Each part's own."""
        return tuple(part.initial_inner(batch_size) for part in self.parts)

    def advance(
        self, weights: tuple, inputs: tf.Tensor, inner: tuple, memory: tf.Tensor
    ) -> tuple:
        """See `Recurrence`; appends nothing."""
        states, first = [], 0
        for part, state, count in zip(
            self.parts, inner, self.num_weights, strict=True
        ):
            own = weights[first : first + count]
            inputs, state, _ = part.advance(own, inputs, state, memory)
            states.append(state)
            first += count
        return inputs, tuple(states), inputs[:, :0]


class Stack(RecurrentLayer):
    """Layers without a memory of their own, each over the outputs below it.

    Made for what looks at all of them at once: `AttentionCell`.

    Args:
      layers: from the input up.
    """

    def __init__(
        self, layers: Sequence[RecurrentLayer], **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.layers = list(layers)
        self.units = self.layers[-1].units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables for inputs `[time, batch, depth]`."""
        depth = input_shape[-1]
        for layer in self.layers:
            layer.build((None, None, depth))
            depth = layer.units

    def recurrence(self) -> StackRecurrence:
        """See `RecurrentLayer`."""
        return StackRecurrence(
            tuple(layer.recurrence() for layer in self.layers),
            tuple(len(layer.weight_tensors()) for layer in self.layers),
        )

    def weight_tensors(self) -> tuple[tf.Tensor, ...]:
        """Those of all layers."""
        return tuple(w for layer in self.layers for w in layer.weight_tensors())
