"""Variables to and from checkpoint files."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import tensorflow as tf

from magenta_lite.errors import UserError

# What TensorFlow raises where a file is cut off, mixed up or not there.
_RESTORE_ERRORS = (
    tf.errors.OpError,
    AssertionError,
    LookupError,
    RuntimeError,
    ValueError,
)


class Variables(tf.Module):
    """Keras variables, in their order, as something to checkpoint.

    `tf.train.Checkpoint` follows a Keras model's attributes but not the
    layers that it keeps in lists and dictionaries: it would leave out their
    weights without a word.

    Args:
      variables: all of a model or an optimizer; their order is their name.
    """

    def __init__(self, variables: Iterable[keras.Variable]) -> None:
        super().__init__(name="variables")
        self._values = [variable.value for variable in variables]

    @property
    def values(self) -> list[tf.Variable]:
        """TensorFlow's variables behind them."""
        return list(self._values)


def restore(checkpoint: tf.train.Checkpoint, prefix: str) -> None:
    """Restores a checkpoint, all of it.

    Args:
      checkpoint: what to restore.
      prefix: path of the files without their suffixes.

    Raises:
      UserError: if a file is damaged or a variable is missing or has another
        shape there.
    """
    try:
        status = checkpoint.restore(prefix)
        status.assert_existing_objects_matched().expect_partial()
    except _RESTORE_ERRORS as error:
        first_line = next(iter(str(error).splitlines()), "")
        raise UserError(
            f"checkpoint {prefix} cannot be read ({first_line[:120]}); "
            "bring back its files from a copy, or start in a new --run_dir."
        ) from error
