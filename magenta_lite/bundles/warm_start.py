"""Training that goes on from a bundle's weights, on other data."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from magenta_lite.bundles import manifest
from magenta_lite.bundles.bundle import Bundle, read_bundle
from magenta_lite.bundles.weights import variables_by_name
from magenta_lite.codecs.base import Codec
from magenta_lite.errors import UserError
from magenta_lite.models.base import Model


class WarmStartError(UserError):
    """A bundle's weights mean something else than a model's."""


def warm_start(
    model: Model, codec: Codec, path: str | os.PathLike
) -> dict[str, str]:
    """Copies a bundle's weights into a model.

    Events, encoding and sizes must be the same. How a codec chooses among
    music (lengths, keys, ...) and what a model drops in training may differ.

    Args:
      model: gets the weights.
      codec: the model's.
      path: a bundle.

    Returns:
      Where the weights come from, for the manifest of the run.

    Raises:
      WarmStartError: if something does not fit; says what, and what would.
      UserError: if the bundle cannot be read.
    """
    bundle = read_bundle(path)
    _check_codec(bundle, codec)
    _check_encoding(bundle, model)
    _check_shapes(bundle, model)
    theirs = variables_by_name(bundle.model)
    for name, variable in variables_by_name(model).items():
        variable.assign(theirs[name])
    return {"bundle_id": bundle.id, "file": str(path)}


def _check_codec(bundle: Bundle, codec: Codec) -> None:
    """The same events must stand for the same music."""
    if not _same_meaning(bundle.codec, codec):
        raise WarmStartError(
            f"the events of bundle {bundle.id!r} mean something else; "
            f"{_advice(bundle.codec, codec)}."
        )


def _same_meaning(one: Codec, other: Codec) -> bool:
    """Whether every event decodes to the same notes and lasts as long."""
    if type(one) is not type(other) or one.field_sizes != other.field_sizes:
        return False
    if not np.array_equal(one.steps_table(), other.steps_table()):
        return False
    values = np.arange(one.num_events)
    if one.event_shape:
        values = np.minimum(values[:, None], np.array(one.field_sizes) - 1)
    return one.decode(values) == other.decode(values)


def _check_encoding(bundle: Bundle, model: Model) -> None:
    if manifest.describe(bundle.encoding) != manifest.describe(model.encoding):
        raise WarmStartError(
            f"bundle {bundle.id!r} encodes events otherwise; "
            f"{_advice(bundle.encoding, model.encoding)}."
        )


def _check_shapes(bundle: Bundle, model: Model) -> None:
    """Raises WarmStartError about the first weight that does not fit."""
    theirs, ours = variables_by_name(bundle.model), variables_by_name(model)
    advice = _advice(bundle.model, model)
    for name in [*ours, *theirs]:
        shapes = [
            list(weights[name].shape) if name in weights else None
            for weights in (ours, theirs)
        ]
        if None in shapes:
            who = "this model" if shapes[0] is None else f"bundle {bundle.id!r}"
            raise WarmStartError(f"{who} has no layer {name}; {advice}.")
        if shapes[0] != shapes[1]:
            raise WarmStartError(
                f"layer {name} is {shapes[0]} in this model and {shapes[1]} in "
                f"bundle {bundle.id!r}; {advice}."
            )


def _advice(theirs: Any, ours: Any) -> str:
    """The settings under which ours would be like theirs."""
    name = type(theirs).__name__
    if type(theirs) is not type(ours):
        return f"it has {name} where this run has {type(ours).__name__}"
    wanted = manifest.describe(theirs)["config"]
    given = manifest.describe(ours)["config"]
    different = [
        f"{name}.{key} = {json.dumps(value)[:100]}"
        for key, value in wanted.items()
        if value != given.get(key)
    ]
    return f"use its {', '.join(different)}" if different else "they differ"
