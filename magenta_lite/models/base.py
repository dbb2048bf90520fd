"""The contract of a model: loss over batches, and one step of generation."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from magenta_lite.encodings.base import Encoding
from magenta_lite.layers.heads import HeadLayer


class Model(keras.Model, abc.ABC):
    """A network over the inputs and labels of an encoding.

    Built from an encoding and sizes; `get_config()` returns the sizes (JSON
    values), and `type(model)(encoding, **model.get_config())` is an equal
    model without gin. All variables exist after construction; `weights` are the
    ones that checkpoints and bundles hold.

    Attributes:
      encoding: says what the inputs and labels are.
      head: the last layer; measures labels and draws them, so that neither
        the model nor the decode loop asks what is modelled.
      loss_unit: what the metric "loss" counts.
      takes_trimmed: whether `loss_and_metrics` takes parts of batches that
        `batch.trim` has shortened.
    """

    encoding: Encoding
    head: HeadLayer
    loss_unit: str = "nats an event"
    takes_trimmed: bool = False

    @abc.abstractmethod
    def loss_and_metrics(
        self,
        batch: dict[str, tf.Tensor],
        training: bool,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, dict[str, tuple[tf.Tensor, tf.Tensor]]]:
        """The loss of one batch and what to report of it.

        Args:
          batch: see `magenta_lite.batch`.
          training: whether dropout is on.
          seed: int32 `[2]`, the only source of randomness; needed if
            `training`. What is random about a row must be a function of the
            seed and of the row's number (`layers.row_random`), so that it does
            not matter how a batch is cut up.

        Returns:
          The scalar float32 loss that an optimizer minimises, and metrics by
          name, each a pair (sum, weight) of scalar float32 whose quotient
          over any number of batches is the metric. The weight of "loss" is
          what the loss is a mean over: parts of a batch count by it. Rows of
          length 0 count nothing.
        """

    @abc.abstractmethod
    def initial_state(self, batch_size: int, conditioning: Any = None) -> Any:
        """The state before any input: a nest of `[batch, ...]` tensors."""

    @abc.abstractmethod
    def step(self, inputs: tf.Tensor, state: Any) -> tuple[Any, Any]:
        """One step of generation, without dropout.

        Args:
          inputs: float32 `[batch, input_depth]`.
          state: from `initial_state` or the step before; static shapes.

        Returns:
          What `head.draw` reads, e.g. logits `[batch, num_classes]` float32,
          and the next state.
        """

    def look_inside(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What is worth looking at while the model trains, by name.

        Args:
          batch: a few rows.

        Returns:
          float32 `[n]`, shown as a histogram; `[height, width]` or
          `[count, height, width]`, shown as a picture: where attention goes,
          how latent dimensions are used. Nothing unless overridden.
        """
        del batch
        return {}

    def kept_floats(self) -> int:
        """Numbers that training keeps for each event, roughly.

        From forward to backward, over all layers; tells a training that does
        not fit before it starts. 0 if unknown.
        """
        return 0

    def complaints(self, metrics: Mapping[str, float]) -> list[str]:
        """What a person should know of an evaluation's metrics.

        Args:
          metrics: means by name.

        Returns:
          A line for each thing that looks wrong, with what to do.
        """
        del metrics
        return []

    @abc.abstractmethod
    def get_config(self) -> dict:
        """Sizes and options, without the encoding, as JSON values."""


class LatentModel(Model):
    """A model with a vector for every clip, and a clip for every vector.

    `initial_state` takes latent vectors as its conditioning.

    Attributes:
      z_size: of the latent vector.
    """

    z_size: int
    loss_unit = "nats a clip"

    @abc.abstractmethod
    def encode(
        self,
        events: tf.Tensor,
        lengths: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The Gaussians of clips.

        Args:
          events: int32 `[batch, time, *event_shape]`.
          lengths: int32 `[batch]`, how many events of each row are real.
          seed: int32 `[2]` in training; None hides and drops nothing.

        Returns:
          Means and standard deviations, each float32 `[batch, z_size]`.
        """

    @abc.abstractmethod
    def outputs(
        self, events: tf.Tensor, z: tf.Tensor, seed: tf.Tensor | None = None
    ) -> Any:
        """What the head says of every event, told those before it.

        Args:
          events: int32 `[batch, time, *event_shape]`.
          z: float32 `[batch, z_size]`.
          seed: int32 `[2]` in training; None drops nothing.

        Returns:
          The head's outputs with leading axes `[time, batch]`.
        """
