"""The weights of an original event-sequence RNN, put into an `EventRnn`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import tensorflow as tf

from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.original_names import canonical
from magenta_lite.bundles.tf_checkpoint import TfCheckpoint
from magenta_lite.encodings.base import Encoding
from magenta_lite.layers.attention_cell import AttentionCell
from magenta_lite.layers.lstm import Lstm
from magenta_lite.models.event_rnn import EventRnn

_CELL = "rnn/multi_rnn_cell/cell_{}/"
_WRAPPER = "attention_cell_wrapper/"
# Kinds of cells, and what their code added to the bias of the forget gate.
_FORGET_BIAS = {
    "basic_lstm_cell": 1.0,
    "lstm_cell": 1.0,
    "cudnn_compatible_lstm_cell": 0.0,
}
_MAX_LAYERS = 64


def build_event_rnn(
    checkpoint: TfCheckpoint, encoding: Encoding, attention_length: int
) -> EventRnn:
    """A model with the sizes and weights of a checkpoint.

    Optimizer slots and counters of a training checkpoint are left out.

    Args:
      checkpoint: what to take the weights from.
      encoding: the one it was trained with.
      attention_length: used where the checkpoint has an attention cell.

    Raises:
      BundleError: if a variable is missing, has another shape than the
        others call for, or holds something else than finite numbers.
    """
    source = _Source(checkpoint)
    cells = source.cells()
    units = tuple(source.shape(f"{cell}/bias")[0] // 4 for cell in cells)
    attends = _WRAPPER in cells[0]
    model = EventRnn(
        encoding, units, attention_length=attention_length if attends else 0
    )
    below = encoding.input_depth
    for layer, cell, depth in zip(model.recurrent, cells, units, strict=True):
        lstm = layer
        if isinstance(layer, AttentionCell):
            _assign_attention(source, layer, cell.rpartition("/")[0] + "/")
            lstm = layer.layer
        _assign_lstm(source, cast(Lstm, lstm), cell, below)
        below = depth
    source.assign(model.head.kernel, "fully_connected/kernel")
    source.assign(model.head.bias, "fully_connected/bias")
    return model


class _Source:
    """A checkpoint whose variables have the newest names."""

    def __init__(self, checkpoint: TfCheckpoint) -> None:
        self._checkpoint = checkpoint
        self._names: Mapping[str, str] = {
            canonical(name): name for name in checkpoint.tensors
        }

    def cells(self) -> list[str]:
        """The scopes of the LSTM cells, from the input up."""
        found = []
        for i in range(_MAX_LAYERS):
            scopes = [
                _CELL.format(i) + wrapper + kind
                for wrapper in ("", _WRAPPER)
                for kind in _FORGET_BIAS
            ]
            here = [s for s in scopes if f"{s}/bias" in self._names]
            if not here:
                break
            found += here[:1]
        if not found:
            raise BundleError(
                "its checkpoint holds no LSTM layers of a Magenta model.",
                "foreign",
            )
        return found

    def shape(self, name: str) -> tuple[int, ...]:
        return self._checkpoint.tensors[self._original(name)].shape

    def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A variable; its shape is checked before it is read."""
        found = self.shape(name)
        if found != shape:
            raise BundleError(
                f"its variable {name} has the shape {found}, not {shape}; the "
                "bundle does not fit to its id.",
                "tampered",
            )
        values = self._checkpoint.read(self._original(name))
        if not np.isfinite(values).all():
            raise BundleError(f"its variable {name} is not finite.", "tampered")
        return values

    def assign(self, variable: tf.Variable, name: str) -> None:
        variable.assign(self.read(name, tuple(variable.shape)))

    def _original(self, name: str) -> str:
        if name not in self._names:
            raise BundleError(
                f"its checkpoint holds no variable {name}.", "tampered"
            )
        return self._names[name]


def _assign_lstm(source: _Source, layer: Lstm, cell: str, below: int) -> None:
    """[inputs, state] x [i, g, f, o] as two kernels x [i, f, g, o].

    The original adds the forget bias when it runs; here it is in the weights.
    """
    units = layer.units
    kernel = source.read(f"{cell}/kernel", (below + units, 4 * units))
    bias = source.read(f"{cell}/bias", (4 * units,))
    forget_bias = _FORGET_BIAS[cell.rpartition("/")[2]]
    forget = np.repeat([0.0, forget_bias, 0.0, 0.0], units)
    kernel = _reordered(kernel)
    layer.lstm.set_weights(
        [kernel[:below], kernel[below:], _reordered(bias) + forget]
    )


def _reordered(gates: np.ndarray) -> np.ndarray:
    i, g, f, o = np.split(gates, 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)


def _assign_attention(
    source: _Source, layer: AttentionCell, scope: str
) -> None:
    for variable, name in (
        (layer.input_projection.kernel, "kernel"),
        (layer.input_projection.bias, "bias"),
        (layer.query.kernel, "attention/kernel"),
        (layer.query.bias, "attention/bias"),
        (layer.score, "attention/attn_v"),
        (layer.output_projection.kernel, "attn_output_projection/kernel"),
        (layer.output_projection.bias, "attn_output_projection/bias"),
    ):
        source.assign(variable, scope + name)
    units = layer.units
    # A convolution over one place: a plain product.
    key = source.read(f"{scope}attention/attn_w", (1, 1, units, units))
    layer.key.kernel.assign(key[0, 0])
