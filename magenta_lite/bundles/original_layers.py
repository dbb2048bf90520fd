"""Which layers the variables of an original event-sequence RNN belong to."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.original_names import canonical
from magenta_lite.bundles.tf_checkpoint import TensorInfo, TfCheckpoint

_MAX_LAYERS = 64
_MAX_UNITS = 65536
_MAX_VARIABLES = 100_000
# Kinds of cells, and what their code added to the bias of the forget gate.
FORGET_BIAS = {
    "basic_lstm_cell": 1.0,
    "lstm_cell": 1.0,
    "cudnn_compatible_lstm_cell": 0.0,
}
_WHOLE = "attention_cell_wrapper/"
# The scope of a layer's cell. With cuDNN every layer can be a stack of one.
_CELL = re.compile(
    r"(?:cudnn_lstm(?:_(?P<stack>\d+))?/)?(?:rnn|decoder)/"
    rf"(?P<whole>{_WHOLE})?multi_rnn_cell/cell_(?P<cell>\d+)/"
    r"(?P<projection>input_projection_wrapper/)?"
    rf"(?P<attention>{_WHOLE})?"
    rf"(?P<kind>{'|'.join(FORGET_BIAS)})"
)
_HEAD = re.compile(r"fully_connected(?:_(\d+))?")
_NADE_HEAD = "decoder/dense"
_NADE = "nade/w_enc"


class Variables:
    """A checkpoint whose variables have the newest names."""

    def __init__(self, checkpoint: TfCheckpoint) -> None:
        if len(checkpoint.tensors) > _MAX_VARIABLES:
            raise BundleError("it holds too many variables.", "tampered")
        self._checkpoint = checkpoint
        self.names: Mapping[str, str] = {
            canonical(name): name for name in checkpoint.tensors
        }

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a variable."""
        return self._info(name).shape

    def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A variable as float32; its shape is checked before it is read."""
        info = self._info(name)
        if info.shape != shape:
            raise BundleError(
                f"its variable {name} has the shape {info.shape}, not {shape}; "
                "it does not fit to its id.",
                "tampered",
            )
        if info.dtype is None or info.dtype.kind != "f":
            raise BundleError(f"its variable {name} has no floats.", "tampered")
        values = self._checkpoint.read(self.names[name])
        values = np.asarray(values, np.float32)
        if not np.isfinite(values).all():
            raise BundleError(f"its variable {name} is not finite.", "tampered")
        return values

    def _info(self, name: str) -> TensorInfo:
        if name not in self.names:
            raise BundleError(
                f"its checkpoint holds no variable {name}.", "tampered"
            )
        return self._checkpoint.tensors[self.names[name]]


@dataclasses.dataclass(frozen=True)
class Layers:
    """The scopes of a model's variables, and its sizes.

    Attributes:
      cells: of the LSTM cells, from the input up.
      units: their sizes.
      projections: of what projects the input of a layer; "" for none.
      attention: of the attention cell; "" for none.
      attends_to_all: whether it lies around the whole stack.
      head: of the last layer.
      num_outputs: of the last layer.
      num_bits: what a NADE predicts; 0 without one.
    """

    cells: tuple[str, ...]
    units: tuple[int, ...]
    projections: tuple[str, ...]
    attention: str
    attends_to_all: bool
    head: str
    num_outputs: int
    num_bits: int

    @property
    def is_residual(self) -> bool:
        """Whether layers add their inputs: then the first one is projected."""
        return bool(self.projections[0])

    @property
    def num_hidden(self) -> int:
        """Hidden units of a NADE."""
        return self.num_outputs - self.num_bits if self.num_bits else 0


def find(variables: Variables) -> Layers:
    """Finds the layers of an event-sequence RNN.

    Raises:
      BundleError: if it is another model (`foreign`) or incomplete.
    """
    cells = _cells(variables)
    scopes = tuple(match.group() for match in cells)
    units = tuple(_last(variables, f"{s}/bias", 1) // 4 for s in scopes)
    if not all(1 <= n <= _MAX_UNITS for n in units):
        raise BundleError(f"its layers have the sizes {units}.", "tampered")
    head, linears = _head(variables)
    attention, attends_to_all = _attention(cells)
    num_outputs = _last(variables, f"{head}/bias", 1)
    num_bits = 0
    if _NADE in variables.names:
        num_bits = num_outputs - _last(variables, _NADE, 3)
    if not 0 <= num_bits <= num_outputs:
        raise BundleError("its NADE has no outputs.", "tampered")
    return Layers(
        cells=scopes,
        units=units,
        projections=_projections(cells, units, linears),
        attention=attention,
        attends_to_all=attends_to_all,
        head=head,
        num_outputs=num_outputs,
        num_bits=num_bits,
    )


def input_depth(variables: Variables, layers: Layers) -> int:
    """How deep the inputs are, by the first layer that sees them."""
    below = 0
    if layers.projections[0]:
        kernel = layers.projections[0]
    elif layers.attention:
        kernel = layers.attention
        below = layers.units[-1 if layers.attends_to_all else 0]
    else:
        kernel, below = layers.cells[0], layers.units[0]
    shape = variables.shape(f"{kernel}/kernel")
    if len(shape) != 2 or not 0 < shape[0] - below:
        raise BundleError(
            f"its variable {kernel}/kernel has the shape {shape}.", "tampered"
        )
    return shape[0] - below


def _cells(variables: Variables) -> list[re.Match]:
    """The cells from the input up."""
    found = {}
    for name in variables.names:
        match = _CELL.fullmatch(name.removesuffix("/bias"))
        if match and name.endswith("/bias"):
            number = int(match["cell"]) + int(match["stack"] or 0)
            found[number] = match
    if not found:
        if any("opaque_kernel" in name for name in variables.names):
            raise BundleError(
                "its weights are in cuDNN's own form; load the checkpoint in "
                "Magenta without use_cudnn and save it again.",
                "foreign",
            )
        raise BundleError(
            "its checkpoint holds no LSTM layers of a Magenta model.",
            "foreign",
        )
    if sorted(found) != list(range(min(len(found), _MAX_LAYERS))):
        raise BundleError(
            f"its layers are numbered {sorted(found)[:5]}.", "tampered"
        )
    return [found[i] for i in range(len(found))]


def _attention(cells: list[re.Match]) -> tuple[str, bool]:
    """The scope of the attention cell, and whether it is around all."""
    scope = cells[0].group()
    if cells[0]["whole"]:
        return scope[: cells[0].end("whole") - 1], True
    if cells[0]["attention"]:
        return scope[: cells[0].end("attention") - 1], False
    return "", False


def _projections(
    cells: list[re.Match], units: tuple[int, ...], linears: list[str]
) -> tuple[str, ...]:
    """The scopes of what projects each layer's input."""
    found = []
    for i, cell in enumerate(cells):
        scope = ""
        if cell["projection"]:
            scope = cell.group()[: cell.end("projection") - 1]
        elif linears and (i == 0 or units[i] != units[i - 1]):
            scope = linears.pop(0)
        found.append(scope)
    if linears:
        raise BundleError(
            f"{linears[0]} belongs to none of its layers.", "tampered"
        )
    return tuple(found)


def _head(variables: Variables) -> tuple[str, list[str]]:
    """The last layer, and the ones before that are named alike.

    With cuDNN and residuals the projections were such layers.
    """
    if f"{_NADE_HEAD}/bias" in variables.names:
        return _NADE_HEAD, []
    found = {}
    for name in variables.names:
        match = _HEAD.fullmatch(name.removesuffix("/bias"))
        if match and name.endswith("/bias"):
            found[int(match[1] or 0)] = match.group()
    if not found:
        raise BundleError("its checkpoint holds no last layer.", "tampered")
    scopes = [found[number] for number in sorted(found)]
    return scopes[-1], scopes[:-1]


def _last(variables: Variables, name: str, rank: int) -> int:
    """The last size of a variable of this rank."""
    shape = variables.shape(name)
    if len(shape) != rank:
        raise BundleError(
            f"its variable {name} has the shape {shape}.", "tampered"
        )
    return shape[-1]
