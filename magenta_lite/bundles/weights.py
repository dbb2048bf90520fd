"""Weights as safetensors bytes, and back into a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import safetensors
import safetensors.numpy
import tensorflow as tf

from magenta_lite.bundles.errors import BundleError
from magenta_lite.models.base import Model

_MAX_STATE_BYTES = 2**28
"""The state of one sequence in generation; a big model's has some MB."""


def to_bytes(model: Model) -> bytes:
    """The weights of a model in safetensors format, by variable name.

    Args:
      model: any model; its names are those of `variables_by_name`.

    Returns:
      The same bytes for the same weights.

    Raises:
      BundleError: if a weight is not finite: such a model makes no music.
    """
    arrays = {
        name: np.ascontiguousarray(variable.numpy())
        for name, variable in variables_by_name(model).items()
    }
    _check_finite(arrays)
    return safetensors.numpy.save(dict(sorted(arrays.items())))


def from_bytes(data: bytes) -> dict[str, np.ndarray]:
    """Reads what `to_bytes` made; holds no more memory than `data` is long.

    Raises:
      BundleError: if the bytes are not safetensors or a weight is not finite.
    """
    try:
        arrays = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise BundleError(f"the weights cannot be read: {error}") from error
    _check_finite(arrays)
    return arrays


def variables_by_name(model: Model) -> dict[str, tf.Variable]:
    """The variables by their paths inside the model.

    Keras starts a path with the model's name, which counts up from instance to
    instance where it was not chosen; it is left out.

    Raises:
      ValueError: if two variables have the same path.
    """
    prefix = f"{model.name}/"
    named = {v.path.removeprefix(prefix): v for v in model.weights}
    if len(named) != len(model.weights):
        raise ValueError(
            f"{type(model).__name__} has variables of the same path; name "
            "its layers."
        )
    return named


def build_checked(
    build: Callable[[], Model], arrays: Mapping[str, np.ndarray]
) -> Model:
    """Builds a model and gives it weights, if they are the ones it needs.

    The model is first built in a graph that nobody runs: that tells the names
    and shapes of its variables and allocates none of them, however large a
    stranger's description makes them.

    Args:
      build: makes the model; is called twice.
      arrays: the weights by name.

    Raises:
      BundleError: if names or shapes differ.
    """
    _check_shapes(_shapes_needed(build), arrays)
    model = build()
    for name, variable in variables_by_name(model).items():
        variable.assign(arrays[name])
    return model


def _shapes_needed(build: Callable[[], Model]) -> dict[str, tuple[int, ...]]:
    with tf.Graph().as_default():
        model = build()
        state = tf.nest.flatten(model.initial_state(1))
        state_bytes = sum(
            math.prod(t.shape.as_list()) * t.dtype.size for t in state
        )
        if state_bytes > _MAX_STATE_BYTES:
            raise BundleError(
                f"the model needs {state_bytes / 2**20:.0f} MiB of state for "
                f"one sequence; {_MAX_STATE_BYTES // 2**20} MiB is the limit"
            )
        return {
            name: tuple(variable.shape)
            for name, variable in variables_by_name(model).items()
        }


def _check_shapes(
    needed: Mapping[str, tuple[int, ...]], arrays: Mapping[str, np.ndarray]
) -> None:
    missing = sorted(needed.keys() - arrays.keys())
    unknown = sorted(arrays.keys() - needed.keys())
    if missing or unknown:
        what = f"no {missing[0]}" if missing else f"an unknown {unknown[0]}"
        raise BundleError(f"the weights hold {what[:200]}")
    for name, shape in needed.items():
        if arrays[name].shape != shape:
            raise BundleError(
                f"the weights hold {name} of shape {arrays[name].shape}; the "
                f"model needs {shape}"
            )


def _check_finite(arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise BundleError(
                f"the weights hold numbers in {name} that are not finite"
            )
