"""Models of the original Magenta, as models of ours.

A bundle of the original holds a TensorFlow 1 checkpoint and the graph that it
was saved from; a checkpoint of a training, or one of Magenta.js, holds the
variables alone. All are read as data; nothing in them is run.

`plan` says what there is without loading TensorFlow; its `build_fn` makes the
model.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from magenta_lite.bundles import manifest as manifests
from magenta_lite.bundles import (
    original_layers,
    original_rnn,
    original_vae_kinds,
)
from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.original_kinds import (
    OriginalKind,
    ids_that_fit,
    kind_of,
)
from magenta_lite.bundles.original_source import (
    MAX_ATTENTION_LENGTH,
    OriginalSource,
    checked_attention_length,
    open_source,
)
from magenta_lite.bundles.original_vae_sizes import (
    VaeSource,
    num_nade_hidden,
)
from magenta_lite.bundles.original_vae_sizes import (
    model_config as vae_config,
)
from magenta_lite.bundles.tf_checkpoint import CheckpointV1
from magenta_lite.codecs.base import Codec
from magenta_lite.notes.proto import generator_pb2

if TYPE_CHECKING:
    from magenta_lite.models.base import Model

_RNN = "magenta_lite.models.event_rnn:EventRnn"
_VAE = "magenta_lite.models.music_vae:MusicVae"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What an original model is, and how to make it.

    Attributes:
      model_id: names the kind of model.
      description: for people.
      made_by: who wrote it.
      codec: NoteSequences to events and back.
      encoding: a description, see `manifest.describe`.
      model: a description.
      num_parameters: how many numbers were trained.
      notes: what could not be read from the weights, and what is assumed.
      weights_fn: reads and checks the weights, by names.
      build_fn: makes the model, with its weights.
    """

    model_id: str
    description: str
    made_by: str
    codec: Codec
    encoding: dict[str, Any]
    model: dict[str, Any]
    num_parameters: int
    notes: tuple[str, ...]
    weights_fn: Callable[[], dict[str, np.ndarray]]
    build_fn: Callable[[], Model]

    @property
    def manifest(self) -> dict[str, Any]:
        """Like that of a bundle of ours."""
        return {
            "codec": manifests.describe(self.codec),
            "encoding": self.encoding,
            "model": self.model,
            "provenance": {"made_by": self.made_by, "id": self.model_id},
        }


def source_of(proto: generator_pb2.GeneratorBundle) -> OriginalSource:
    """What an original bundle holds.

    Raises:
      BundleError: if it is damaged.
    """
    details = proto.generator_details
    return OriginalSource(
        CheckpointV1(proto.checkpoint_file[0]),
        model_id=details.id,
        description=proto.bundle_details.description or details.description,
        attention_length=checked_attention_length(proto.metagraph_file),
    )


def plan(
    source: OriginalSource,
    model_id: str = "",
    attention_length: int | None = None,
) -> Plan:
    """Says what a source holds.

    Sizes are those of its variables, whatever its id's defaults are.

    Args:
      source: see `original_source.open_source`, `source_of`.
      model_id: an id of `original_kinds.KINDS`, where the source has none or
        another one; "" takes its own, or the only one that fits.
      attention_length: where its graph is missing; None for that or, without
        a graph, the id's default.

    Raises:
      BundleError: if the id is not known (`magenta`), several could be meant,
        or it is damaged.
    """
    vae = VaeSource(source.checkpoint)
    if vae.is_vae:
        return _plan_vae(vae, source, model_id or source.model_id)
    variables = original_layers.Variables(source.checkpoint)
    layers = original_layers.find(variables)
    depth = original_layers.input_depth(variables, layers)
    num_outputs = layers.num_bits or layers.num_outputs
    model_id = model_id or source.model_id
    if not model_id:
        fitting = ids_that_fit(
            depth, num_outputs, bool(layers.attention), bool(layers.num_bits)
        )
        model_id = _only(fitting, depth, num_outputs)
    kind = kind_of(model_id)
    _check_kind(model_id, kind, depth, num_outputs, bool(layers.num_bits))
    length, notes = _attention_length(
        source, layers, kind, model_id, attention_length
    )
    codec, encoding = _codec_and_encoding(kind, layers)
    model = {
        "class": _RNN,
        "config": original_rnn.model_config(layers, length),
    }
    read = functools.partial(
        original_rnn.convert_weights, variables, layers, depth
    )
    return Plan(
        model_id=model_id,
        description=source.description,
        made_by=source.made_by,
        codec=codec,
        encoding=encoding,
        model=model,
        num_parameters=original_rnn.num_parameters(variables, layers),
        notes=notes,
        weights_fn=read,
        build_fn=functools.partial(_build_rnn, model, encoding, read),
    )


def plan_of_path(
    path: Path, model_id: str = "", attention_length: int | None = None
) -> Plan:
    """`plan` of a checkpoint, a folder or an archive.

    Raises:
      BundleError: see `plan`; the message names the path.
      OSError: if it cannot be read.
    """
    try:
        return plan(open_source(path), model_id, attention_length)
    except BundleError as error:
        raise BundleError(f"{path}: {error}", error.reason) from error


def _build_rnn(
    model: dict[str, Any],
    encoding: dict[str, Any],
    read: Callable[[], dict[str, np.ndarray]],
) -> Model:
    """Makes an event-sequence RNN."""
    from magenta_lite.bundles import weights

    arrays = read()
    made = manifests.build_encoding(encoding)
    return weights.build_checked(
        functools.partial(manifests.build_model, model, made), arrays
    )


def _plan_vae(vae: VaeSource, source: OriginalSource, model_id: str) -> Plan:
    """`plan` of a MusicVAE."""
    notes: tuple[str, ...] = ()
    if not model_id:
        model_id = original_vae_kinds.id_in_path(source.path)
        notes = ("its name says what kind of model it is, nothing in it does.",)
    if not model_id:
        raise BundleError(
            "a checkpoint of MusicVAE does not say its configuration; "
            "bin/export.py --from=... --config=ID does, with an ID such as "
            "cat-mel_2bar_big.",
            "magenta",
        )
    model_id, kind = original_vae_kinds.kind_of(model_id)
    codec = manifests.build_codec(kind.codec)
    sizes = codec.encoding_sizes()
    if num_hidden := num_nade_hidden(vae):
        sizes["num_hidden"] = num_hidden
    try:
        encoding = kind.encoding(**sizes)
    except TypeError as error:  # It has a NADE and should not, or should.
        raise BundleError(
            f"it is no {model_id}: its last layer is another.", "tampered"
        ) from error
    config = vae_config(vae, kind.encoder_lengths, kind.decoder_lengths)
    return Plan(
        model_id=model_id,
        description=source.description,
        made_by=source.made_by,
        codec=codec,
        encoding=encoding,
        model={"class": _VAE, "config": {**config, **kind.options}},
        num_parameters=sum(math.prod(vae.shape(name)) for name in vae.names),
        notes=notes,
        weights_fn=lambda: {n: vae.read(n, vae.shape(n)) for n in vae.names},
        build_fn=functools.partial(_build_vae, source, encoding, kind),
    )


def _build_vae(
    source: OriginalSource,
    encoding: dict[str, Any],
    kind: original_vae_kinds.VaeKind,
) -> Model:
    """Makes a MusicVAE."""
    from magenta_lite.bundles.original_vae import build_music_vae

    return build_music_vae(
        source.checkpoint,
        manifests.build_encoding(encoding),
        kind.encoder_lengths,
        kind.decoder_lengths,
        **kind.options,
    )


def _check_kind(
    model_id: str,
    kind: OriginalKind,
    depth: int,
    num_outputs: int,
    has_nade: bool,
) -> None:
    if kind.has_nade != has_nade:
        who = f"{model_id} has a NADE" if kind.has_nade else "it has a NADE"
        raise BundleError(f"{who}, the other has none.", "tampered")
    if (kind.input_depth, kind.num_outputs) != (depth, num_outputs):
        raise BundleError(
            f"it has {depth} inputs and {num_outputs} outputs; {model_id} has "
            f"{kind.input_depth} and {kind.num_outputs}.",
            "tampered",
        )


def _only(fitting: list[str], depth: int, num_outputs: int) -> str:
    if len(fitting) == 1:
        return fitting[0]
    sizes = f"{depth} inputs and {num_outputs} outputs"
    if fitting:
        raise BundleError(
            f"nothing says what kind of model it is; {sizes} fit to "
            f"{' and '.join(fitting)}; bin/export.py --from=... --config=ID "
            "says which.",
            "magenta",
        )
    raise BundleError(
        f"no model of the original Magenta has {sizes}.", "magenta"
    )


def _attention_length(
    source: OriginalSource,
    layers: original_layers.Layers,
    kind: OriginalKind,
    model_id: str,
    asked: int | None,
) -> tuple[int, tuple[str, ...]]:
    """The length of the attention, and what to say of it."""
    if asked is not None and not 0 < asked <= MAX_ATTENTION_LENGTH:
        raise BundleError(
            f"the attention length is 1 to {MAX_ATTENTION_LENGTH}, not {asked}."
        )
    if not layers.attention:
        return 0, ()
    if found := asked or source.attention_length:
        return found, ()
    if not kind.attention_length:
        raise BundleError(
            "it has an attention cell and no graph that says how far it looks "
            "back; bin/export.py --from=... --attention_length=N says it.",
            "magenta",
        )
    note = (
        "no graph says how far the attention looks back; "
        f"{kind.attention_length} steps are the default of {model_id} "
        "(--attention_length changes them)."
    )
    return kind.attention_length, (note,)


def _codec_and_encoding(
    kind: OriginalKind, layers: original_layers.Layers
) -> tuple[Codec, dict[str, Any]]:
    codec = kind.codec()
    sizes = codec.encoding_sizes()
    if layers.num_bits:
        sizes["num_hidden"] = layers.num_hidden
    return codec, kind.encoding(**sizes)
