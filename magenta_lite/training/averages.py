"""Moving averages of the weights, which Keras optimizers keep if asked.

With gin: `Adam.use_ema = True`, `Adam.ema_momentum = 0.999`. Evaluation,
samples, the best checkpoint and export then take the averages.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

from magenta_lite.models.base import Model


def averages_of(
    optimizer: keras.optimizers.Optimizer,
) -> list[keras.Variable]:
    """The averages, one for each trainable variable; empty if not kept."""
    if not optimizer.use_ema:
        return []
    # Keras has no public name for them.
    return list(optimizer._model_variables_moving_average)


@contextlib.contextmanager
def in_place(
    model: Model, optimizer: keras.optimizers.Optimizer
) -> Iterator[None]:
    """Puts the averages into the model for a while, if they are kept."""
    averages = averages_of(optimizer)
    variables = model.trainable_variables if averages else []
    kept = [variable.numpy() for variable in variables]
    try:
        for variable, average in zip(variables, averages, strict=True):
            variable.assign(average.value)
        yield
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
