"""What TensorBoard shows of a model beside numbers."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.models.base import Model

_MAX_ROWS = 4  # of a batch, in one picture
_MAX_ROWS_INSIDE = 64  # that a model looks at
_MIN_PIXELS = 2


@dataclasses.dataclass(frozen=True)
class Exhibit(abc.ABC):
    """Something to look at or to listen to.

    Attributes:
      name: under which it is shown.
    """

    name: str

    @abc.abstractmethod
    def write(self) -> None:
        """Hands it to TensorFlow's default summary writer."""


@dataclasses.dataclass(frozen=True)
class Picture(Exhibit):
    """A picture: uint8 `[height, width, 3]`."""

    pixels: np.ndarray

    def write(self) -> None:
        """See `Exhibit`."""
        tf.summary.image(self.name, self.pixels[np.newaxis])


@dataclasses.dataclass(frozen=True)
class Sound(Exhibit):
    """A sound: float32 `[samples, channels]` in -1..1, and samples a second."""

    samples: np.ndarray
    sample_rate: int

    def write(self) -> None:
        """See `Exhibit`."""
        tf.summary.audio(self.name, self.samples[np.newaxis], self.sample_rate)


@dataclasses.dataclass(frozen=True)
class Histogram(Exhibit):
    """How values are distributed: floats of any shape."""

    values: np.ndarray

    def write(self) -> None:
        """See `Exhibit`."""
        tf.summary.histogram(self.name, self.values)


def batch_exhibits(
    model: Model, batch: Mapping[str, tf.Tensor]
) -> list[Exhibit]:
    """A batch as the model sees it: its inputs, time going right."""
    rows = batch[batch_keys.EVENTS][:_MAX_ROWS]
    inputs = model.encoding.inputs(rows).numpy()  # [b, t, d]
    return [Picture("batch", matrix_pixels(np.swapaxes(inputs, 1, 2)))]


def model_exhibits(
    model: Model, batch: Mapping[str, tf.Tensor]
) -> list[Exhibit]:
    """What the model itself has to show; see `Model.look_inside`."""
    exhibits: list[Exhibit] = []
    few = {name: tensor[:_MAX_ROWS_INSIDE] for name, tensor in batch.items()}
    for name, tensor in model.look_inside(few).items():
        values = np.asarray(tensor, np.float32)
        if values.ndim == 1:
            exhibits.append(Histogram(name, values))
        else:
            exhibits.append(Picture(name, matrix_pixels(values)))
    return exhibits


def matrix_pixels(values: np.ndarray) -> np.ndarray:
    """Matrices as a picture, black for the lowest value, white for the highest.

    Args:
      values: floats `[height, width]`, or `[count, height, width]` to be set
        one below the other, with a line between.

    Returns:
      uint8 `[height, width, 3]`.
    """
    matrices = values if values.ndim == 3 else values[np.newaxis]
    low, high = matrices.min(initial=0), matrices.max(initial=0)
    grey = (matrices - low) / max(high - low, 1e-9) * 255
    pixels = np.repeat(grey[..., np.newaxis], 3, axis=-1).astype(np.uint8)
    pixels = pixels.repeat(_MIN_PIXELS, axis=1).repeat(_MIN_PIXELS, axis=2)
    line = np.full([len(matrices), 1, pixels.shape[2], 3], (200, 60, 60))
    parts = np.concatenate([pixels, line.astype(np.uint8)], axis=1)
    return parts.reshape(-1, *parts.shape[2:])[:-1]
