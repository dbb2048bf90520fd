"""The weights of an original event-sequence RNN, as those of an `EventRnn`.

Nothing here loads TensorFlow: names, shapes and numbers are all there is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from magenta_lite.bundles.original_layers import (
    FORGET_BIAS,
    Layers,
    Variables,
)


def model_config(layers: Layers, attention_length: int) -> dict[str, Any]:
    """The arguments of `EventRnn` beside the encoding.

    Args:
      layers: what there is.
      attention_length: used where there is an attention cell.
    """
    config: dict[str, Any] = {
        "units": list(layers.units),
        "residual": layers.is_residual,
    }
    if layers.attention:
        config["attention_length"] = attention_length
        config["attention_over"] = "all" if layers.attends_to_all else "first"
    return config


def num_parameters(variables: Variables, layers: Layers) -> int:
    """How many numbers belong to the layers."""
    scopes = {*layers.cells, *layers.projections, layers.head, "nade"}
    if layers.attention:
        scopes |= {
            layers.attention,
            f"{layers.attention}/attention",
            f"{layers.attention}/attn_output_projection",
        }
    return sum(
        math.prod(variables.shape(name))
        for name in variables.names
        if name.rpartition("/")[0] in scopes - {""}
    )


def convert_weights(
    variables: Variables, layers: Layers, input_depth: int
) -> dict[str, np.ndarray]:
    """The weights of the `EventRnn` by name.

    Optimizer slots and counters of a training checkpoint are left out.

    Raises:
      BundleError: if a variable is missing, has another shape than the
        others call for, or holds something else than finite numbers.
    """
    found: dict[str, np.ndarray] = {}
    depth = input_depth
    scope = ""
    if layers.attention and layers.attends_to_all:
        scope = "attention/stack/"
        _attention(found, variables, layers, depth, sum(layers.units))
    for i, (cell, units) in enumerate(
        zip(layers.cells, layers.units, strict=True)
    ):
        if layers.projections[i]:
            name = f"input_projection_{i}"
            _dense(found, name, variables, layers.projections[i], depth, units)
            depth = units
        attends = i == 0 and layers.attention and not layers.attends_to_all
        if attends:
            _attention(found, variables, layers, depth, units)
        prefix = "attention/" if attends else scope
        _lstm(found, f"{prefix}lstm_{i}", variables, cell, depth, units)
        depth = units
    _head(found, variables, layers)
    return found


def _dense(
    found: dict[str, np.ndarray],
    name: str,
    variables: Variables,
    scope: str,
    depth: int,
    units: int,
) -> None:
    found[f"{name}/kernel"] = variables.read(f"{scope}/kernel", (depth, units))
    found[f"{name}/bias"] = variables.read(f"{scope}/bias", (units,))


def _lstm(
    found: dict[str, np.ndarray],
    name: str,
    variables: Variables,
    cell: str,
    depth: int,
    units: int,
) -> None:
    """[inputs, state] x [i, g, f, o] as two kernels x [i, f, g, o].

    The original adds the forget bias when it runs; here it is in the weights.
    """
    kernel = variables.read(f"{cell}/kernel", (depth + units, 4 * units))
    bias = variables.read(f"{cell}/bias", (4 * units,))
    forget_bias = FORGET_BIAS[cell.rpartition("/")[2]]
    forget = np.repeat([0.0, forget_bias, 0.0, 0.0], units)
    kernel = _reordered(kernel)
    name = f"{name}/lstm/lstm_cell"
    found[f"{name}/kernel"] = kernel[:depth]
    found[f"{name}/recurrent_kernel"] = kernel[depth:]
    found[f"{name}/bias"] = (_reordered(bias) + forget).astype(np.float32)


def _reordered(gates: np.ndarray) -> np.ndarray:
    i, g, f, o = np.split(gates, 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)


def _attention(
    found: dict[str, np.ndarray],
    variables: Variables,
    layers: Layers,
    depth: int,
    num_cells: int,
) -> None:
    """The attention cell over layers with as many memory cells."""
    scope = layers.attention
    units = layers.units[-1 if layers.attends_to_all else 0]
    for ours, theirs, below, above in (
        ("input_projection", "", depth + units, depth),
        ("query", "/attention", 2 * num_cells, units),
        ("output_projection", "/attn_output_projection", 2 * units, units),
    ):
        _dense(
            found,
            f"attention/{ours}",
            variables,
            scope + theirs,
            below,
            above,
        )
    if layers.attends_to_all:
        query = "attention/query/kernel"
        found[query] = _last_layer_first(found[query], layers.units)
    scope = f"{scope}/attention"
    found["attention/score"] = variables.read(f"{scope}/attn_v", (units,))
    # A convolution over one place: a plain product.
    key = variables.read(f"{scope}/attn_w", (1, 1, units, units))
    found["attention/key/kernel"] = key[0, 0]


def _last_layer_first(kernel: np.ndarray, units: tuple[int, ...]) -> np.ndarray:
    """Rows for (c, h) of each layer from the input up, as from the top down.

    That is the order in which `AttentionCell` shows the state of a stack.
    """
    ends = np.cumsum([2 * n for n in units])[:-1]
    return np.concatenate(np.split(kernel, ends)[::-1])


def _head(
    found: dict[str, np.ndarray], variables: Variables, layers: Layers
) -> None:
    """The last layer; of a NADE also what makes bits of its biases."""
    name = "logits/biases" if layers.num_bits else "logits"
    _dense(
        found,
        name,
        variables,
        layers.head,
        layers.units[-1],
        layers.num_outputs,
    )
    if layers.num_bits:
        bits, hidden = layers.num_bits, layers.num_hidden
        encoder = variables.read("nade/w_enc", (bits, 1, hidden))
        decoder = variables.read("nade/w_dec_t", (bits, hidden, 1))
        found["logits/encoder"] = encoder[:, 0]
        found["logits/decoder"] = decoder[:, :, 0]
