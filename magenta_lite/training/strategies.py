"""Where a training runs."""

from __future__ import annotations

import tensorflow as tf

from magenta_lite.errors import UserError

NAMES = ("one",)


def make_strategy(name: str = "one") -> tf.distribute.Strategy:
    """A `tf.distribute` strategy by name.

    Args:
      name: "one" trains on one device, a GPU if there is one.

    Raises:
      UserError: if there is no such strategy.
    """
    if name not in NAMES:
        raise UserError(
            f"there is no strategy {name!r}; choose from {', '.join(NAMES)}."
        )
    return tf.distribute.get_strategy()
