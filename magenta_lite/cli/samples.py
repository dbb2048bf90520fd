"""What a model in training makes now, as a picture for TensorBoard."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from magenta_lite.codecs.base import Codec
from magenta_lite.generation.generator import Generator
from magenta_lite.generation.options import Settings
from magenta_lite.models.base import Model
from magenta_lite.notes import plot


def make_sample_fn(
    model: Model, codec: Codec, seed: int
) -> Callable[[int], np.ndarray]:
    """A callback that draws what the model makes.

    Args:
      model: in training; its weights at each call count.
      codec: the model's.
      seed: always the same, so that pictures differ by the weights alone.

    Returns:
      A function of the training step that returns a piano roll, uint8
      `[height, width, 3]`.
    """
    # Compiling takes longer than it saves: one piece, now and then.
    generator = Generator(model, codec, jit_compile=False)
    settings = Settings(seed=seed % 2**31)

    def sample(step: int) -> np.ndarray:
        made = generator.compose(settings=settings)[0]
        return plot.piano_roll_image(
            made.sequence,
            primer_end_seconds=made.primer_end_seconds,
            title=f"step {step}",
        )

    return sample
