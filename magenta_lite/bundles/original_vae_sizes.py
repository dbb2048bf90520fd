"""The sizes of an original MusicVAE, by the shapes of its variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.tf_checkpoint import TfCheckpoint

CORE = "core_decoder/"
CONDUCTOR = "decoder/hierarchical_level_0"
LEVEL = "encoder/hierarchical_level_{}"
DECODER = "{}decoder/multi_rnn_cell"

_MAX_LAYERS = 16
_MAX_UNITS = 65536
_LATENT = "encoder/mu/bias"
_SCOPES = ("encoder/", "decoder/", CORE)
_SLOTS = ("Adam", "Adam_1")


class VaeSource:
    """A checkpoint whose tensors are checked as they are read."""

    def __init__(self, checkpoint: TfCheckpoint) -> None:
        self._checkpoint = checkpoint

    @property
    def is_vae(self) -> bool:
        """Whether it is a checkpoint of MusicVAE at all."""
        return _LATENT in self._checkpoint.tensors

    @property
    def names(self) -> list[str]:
        """Its variables, without optimizer slots and counters."""
        return [
            name
            for name in self._checkpoint.tensors
            if name.startswith(_SCOPES) and not name.endswith(_SLOTS)
        ]

    def has(self, scope: str) -> bool:
        """Whether a layer is there."""
        return f"{scope}/bias" in self._checkpoint.tensors

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a variable."""
        if name not in self._checkpoint.tensors:
            raise BundleError(
                f"its checkpoint holds no variable {name}; it is of another "
                "config.",
                "tampered",
            )
        return self._checkpoint.tensors[name].shape

    def size(self, name: str) -> int:
        """The last size of a variable."""
        shape = self.shape(name)
        size = shape[-1] if shape else 0
        if not 0 < size <= 4 * _MAX_UNITS:
            raise BundleError(
                f"its variable {name} has the shape {shape}.", "tampered"
            )
        return size

    def units(self, scope: str) -> tuple[int, ...]:
        """Sizes of the LSTM layers `scope.format(0)`, 1, ..."""
        names = (f"{scope.format(i)}/lstm_cell" for i in range(_MAX_LAYERS))
        found = tuple(
            self.size(f"{name}/bias") // 4 for name in names if self.has(name)
        )
        if not found or not all(found):
            raise BundleError(
                f"its checkpoint holds no {scope.format(0)}; it is of another "
                "config.",
                "tampered",
            )
        return found

    def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A variable as float32; its shape is checked before it is read."""
        if self.shape(name) != shape:
            raise BundleError(
                f"its variable {name} has the shape {self.shape(name)}, not "
                f"{shape}; it is of another config.",
                "tampered",
            )
        info = self._checkpoint.tensors[name]
        if info.dtype is None or info.dtype.kind != "f":
            raise BundleError(f"its variable {name} has no floats.", "tampered")
        values = np.asarray(self._checkpoint.read(name), np.float32)
        if not np.isfinite(values).all():
            raise BundleError(f"its variable {name} is not finite.", "tampered")
        return values


def model_config(
    source: VaeSource,
    encoder_lengths: tuple[int, ...] = (),
    decoder_lengths: tuple[int, ...] = (),
) -> dict[str, Any]:
    """The arguments of `MusicVae` that its variables tell.

    Args:
      source: the checkpoint.
      encoder_lengths: see `MusicVae`; no variable tells them.
      decoder_lengths: likewise.

    Raises:
      BundleError: if a layer is missing.
    """
    is_core = bool(decoder_lengths)
    separate = source.has(f"{CORE}core_decoder_0/decoder/output_projection")
    prefix = CORE if is_core else ""
    if separate:
        prefix += "core_decoder_0/"
    level = LEVEL.format(0) if encoder_lengths else "encoder"
    return {
        "z_size": source.size(_LATENT),
        "encoder_units": source.units(
            f"{level}/cell_{{}}/bidirectional_rnn/fw/multi_rnn_cell/cell_0"
        ),
        "decoder_units": source.units(DECODER.format(prefix) + "/cell_{}"),
        "encoder_lengths": tuple(encoder_lengths),
        "decoder_lengths": tuple(decoder_lengths),
        "autoregressive": is_core and _reads_last_segment(source),
        "separate_parts": separate,
    }


def num_nade_hidden(source: VaeSource) -> int:
    """Hidden units of the NADE that makes the outputs; 0 without one."""
    name = "decoder/nade/w_enc"
    return source.size(name) if name in source.names else 0


def _reads_last_segment(source: VaeSource) -> bool:
    """Whether the conductor has more than zeros to read."""
    cell = f"{CONDUCTOR}/cell_0/lstm_cell"
    rows = source.shape(f"{cell}/kernel")[:1]
    return bool(rows) and rows[0] - source.size(f"{cell}/bias") // 4 > 1
