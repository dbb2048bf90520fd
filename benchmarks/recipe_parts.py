"""What a recipe puts together, for scripts that measure its parts."""

import dataclasses

import gin
import keras

from magenta_lite.cli import config
from magenta_lite.codecs.base import Codec
from magenta_lite.models.base import Model
from magenta_lite.training.loop import LoopOptions


@dataclasses.dataclass(frozen=True)
class RecipeParts:
    """The parts of a recipe.

    Attributes:
      codec: makes its events.
      model: with random weights.
      batch_size: rows of a batch.
      max_events: longer examples are cropped to it; None keeps them whole.
      options: of the training loop.
    """

    codec: Codec
    model: Model
    batch_size: int
    max_events: int | None
    options: LoopOptions


def build(recipe: str, params: tuple[str, ...] = ()) -> RecipeParts:
    """Builds the parts of a recipe.

    Args:
      recipe: the gin file, e.g. "drums_rnn/drum_kit".
      params: gin bindings on top of it.
    """
    config.parse([f"recipes/{recipe}.gin"], params, entry="train")
    bound = gin.get_bindings("train")
    codec = bound["codec"]
    keras.utils.set_random_seed(0)
    encoding = bound["encoding"](**codec.encoding_sizes())
    return RecipeParts(
        codec=codec,
        model=bound["model"](encoding),
        batch_size=bound["batch_size"],
        max_events=bound["max_events"],
        options=bound["options"],
    )
