"""The weights of an original MusicVAE checkpoint, put into a `MusicVae`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from magenta_lite.bundles.original_vae_sizes import (
    CONDUCTOR,
    CORE,
    DECODER,
    LEVEL,
    VaeSource,
    model_config,
)
from magenta_lite.bundles.tf_checkpoint import TfCheckpoint
from magenta_lite.encodings.base import Encoding
from magenta_lite.layers.heads import SeparateCategoricalsHead
from magenta_lite.layers.lstm import Lstm
from magenta_lite.layers.lstm_stack import LstmStack
from magenta_lite.layers.nade import NadeHead
from magenta_lite.models.music_vae import MusicVae
from magenta_lite.models.vae_decoders import FlatDecoder, HierarchicalDecoder

_DIRECTIONS = ("fw", "bw")


def build_music_vae(
    checkpoint: TfCheckpoint,
    encoding: Encoding,
    encoder_lengths: tuple[int, ...] = (),
    decoder_lengths: tuple[int, ...] = (),
    **options: Any,
) -> MusicVae:
    """A model with the sizes and weights of a checkpoint.

    Optimizer slots and counters are left out.

    Args:
      checkpoint: what to take the weights from.
      encoding: the one it was trained with.
      encoder_lengths: see `MusicVae`; no variable tells them.
      decoder_lengths: likewise.
      **options: for `MusicVae`, of the objective.

    Raises:
      BundleError: if a variable is missing, has another shape than the
        others call for, or holds something else than finite numbers.
    """
    source = VaeSource(checkpoint)
    make = functools.partial(
        MusicVae,
        encoding,
        **model_config(source, encoder_lengths, decoder_lengths),
        **options,
    )
    with tf.Graph().as_default():  # Allocates nothing, whatever is claimed.
        shapes = original_shapes(make())
    arrays = {name: source.read(name, shape) for name, shape in shapes.items()}
    model = make()
    for place in _places(model):
        place.assign(arrays.pop(place.name))
    return model


def original_shapes(model: MusicVae) -> dict[str, tuple[int, ...]]:
    """The variables that a model has in the original: names and shapes."""
    return {place.name: place.shape for place in _places(model)}


@dataclasses.dataclass(frozen=True)
class _Place:
    """A variable of the original, and what to do with its values."""

    name: str
    shape: tuple[int, ...]
    assign: Callable[[np.ndarray], Any]


def _reordered(gates: np.ndarray) -> np.ndarray:
    i, g, f, o = np.split(gates, 4, axis=-1)
    return np.concatenate([i, f, g, o], axis=-1)


def _places(model: MusicVae) -> Iterator[_Place]:
    """Where every variable of the original belongs."""
    yield from _encoder_places(model)
    yield from _dense_places("encoder/mu", model.latent.mu)
    yield from _dense_places("encoder/sigma", model.latent.sigma)
    decoder, prefix = model.decoder, ""
    if isinstance(decoder, HierarchicalDecoder):
        conductor = decoder.conductor
        yield from _stack_places(f"{CONDUCTOR}/cell_{{}}", conductor)
        yield from _dense_places(
            f"{CONDUCTOR}/initial_state", conductor.first_state
        )
        decoder, prefix = decoder.core, CORE
    assert isinstance(decoder, FlatDecoder)
    yield from _decoder_places(prefix, decoder, model)


def _encoder_places(model: MusicVae) -> Iterator[_Place]:
    depth = model.encoding.encoder_input_depth
    # The original reads controls last, this package first.
    order = np.roll(np.arange(depth), _control_inputs(model.encoding))
    levels = model.encoder.levels
    for number, level in enumerate(levels):
        scope = "encoder"
        if model.encoder.lengths:
            scope = LEVEL.format(number)
        for i, pair in enumerate(
            zip(level.forward, level.backward, strict=True)
        ):
            for lstm, direction in zip(pair, _DIRECTIONS, strict=True):
                cell = f"{scope}/cell_{i}/bidirectional_rnn/{direction}"
                yield from _lstm_places(
                    f"{cell}/multi_rnn_cell/cell_0",
                    lstm,
                    None if i or number else order,
                )


def _decoder_places(
    prefix: str, decoder: FlatDecoder, model: MusicVae
) -> Iterator[_Place]:
    head = model.head
    separate = isinstance(head, SeparateCategoricalsHead)
    controls = _control_inputs(model.encoding)
    for i, stack in enumerate(decoder.stacks):
        part = f"{prefix}core_decoder_{i}/" if separate else prefix
        own = decoder.part_depths[i] - (0 if separate else controls)
        size = stack.first_state.kernel.shape[0]
        yield from _stack_places(
            DECODER.format(part) + "/cell_{}",
            stack,
            _order(own, size, controls),
        )
        yield from _dense_places(
            f"{part}decoder/z_to_initial_state", stack.first_state
        )
        layer = head.fields[i] if separate else head
        projection = f"{part}decoder/output_projection"
        if isinstance(layer, NadeHead):
            yield from _nade_places(projection, f"{part}decoder/nade", layer)
        else:
            yield from _dense_places(projection, layer)


def _stack_places(
    scope: str, stack: LstmStack, order: np.ndarray | None = None
) -> Iterator[_Place]:
    for i, layer in enumerate(stack.recurrent):
        yield from _lstm_places(scope.format(i), layer, None if i else order)


def _lstm_places(
    scope: str, layer: Lstm, order: np.ndarray | None = None
) -> Iterator[_Place]:
    """[inputs, state] x [i, g, f, o] as two kernels x [i, f, g, o].

    The original adds 1 to the forget gate when it runs; here the bias holds
    it. `order` says which of its inputs each of ours is.
    """
    cell, units = layer.lstm.cell, layer.units
    depth = cell.kernel.shape[0]

    def assign_kernels(values: np.ndarray) -> None:
        inputs = _reordered(values[:depth])
        cell.kernel.assign(inputs if order is None else inputs[order])
        cell.recurrent_kernel.assign(_reordered(values[depth:]))

    def assign_bias(values: np.ndarray) -> None:
        forget = np.repeat([0.0, 1.0, 0.0, 0.0], units)
        cell.bias.assign(_reordered(values) + forget)

    shape = (depth + units, 4 * units)
    yield _Place(f"{scope}/lstm_cell/kernel", shape, assign_kernels)
    yield _Place(f"{scope}/lstm_cell/bias", (4 * units,), assign_bias)


def _dense_places(scope: str, layer: Any) -> Iterator[_Place]:
    for name, variable in (("kernel", layer.kernel), ("bias", layer.bias)):
        shape = tuple(variable.shape)
        yield _Place(f"{scope}/{name}", shape, variable.assign)


def _nade_places(
    projection: str, scope: str, head: NadeHead
) -> Iterator[_Place]:
    """The original's weights have one axis of size 1 more."""
    yield from _dense_places(projection, head.biases)
    bits, hidden = head.num_bits, head.num_hidden
    yield _Place(
        f"{scope}/w_enc",
        (bits, 1, hidden),
        lambda values: head.encoder.assign(values[:, 0]),
    )
    yield _Place(
        f"{scope}/w_dec_t",
        (bits, hidden, 1),
        lambda values: head.decoder.assign(values[..., 0]),
    )


def _order(own: int, embedding: int, controls: int) -> np.ndarray:
    """Of the original's (own, embedding, controls): ours, controls first."""
    places = np.arange(own + embedding + controls)
    parts = np.split(places, [own, own + embedding])
    return np.concatenate([parts[2], parts[0], parts[1]])


def _control_inputs(encoding: Encoding) -> int:
    """How many of the encoding's inputs are encoded controls."""
    target = getattr(encoding, "target", None)
    return encoding.input_depth - target.input_depth if target else 0
