"""What a model in training makes now, to see and hear in TensorBoard."""

from __future__ import annotations

from collections.abc import Callable

from magenta_lite.codecs.base import Codec
from magenta_lite.generation.generator import make_generator
from magenta_lite.generation.options import Settings
from magenta_lite.models.base import Model
from magenta_lite.notes import plot, render
from magenta_lite.training.exhibits import Exhibit, Picture, Sound

_SAMPLE_RATE = 16000
"""Good enough to judge notes by; TensorBoard keeps many."""


def make_sample_fn(
    model: Model, codec: Codec, seed: int
) -> Callable[[int], list[Exhibit]]:
    """A callback that shows what the model makes.

    Args:
      model: in training; its weights at each call count.
      codec: the model's.
      seed: always the same, so that samples differ by the weights alone.

    Returns:
      A function of the training step that returns a piano roll and its sound.
    """
    # Compiling takes longer than it saves: one piece, now and then.
    generator = make_generator(model, codec, jit_compile=False)
    settings = Settings(seed=seed % 2**31)

    def sample(step: int) -> list[Exhibit]:
        made = generator.compose(settings=settings)[0]
        picture = plot.piano_roll_image(
            made.sequence,
            primer_end_seconds=made.primer_end_seconds,
            title=f"step {step}",
        )
        sound = render.synthesize(made.sequence, _SAMPLE_RATE)
        return [
            Picture("sample", picture),
            Sound("sample", sound, _SAMPLE_RATE),
        ]

    return sample
