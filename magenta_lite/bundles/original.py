"""Bundles of the original Magenta, as models of ours.

Such a bundle holds a TensorFlow 1 checkpoint and the graph that it was saved
from. Both are read as data; nothing in them is run.
"""

from __future__ import annotations

from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.metagraph import attention_length
from magenta_lite.bundles.original_kinds import kind_of
from magenta_lite.bundles.original_rnn import build_event_rnn
from magenta_lite.bundles.tf_checkpoint import CheckpointV1
from magenta_lite.codecs.base import Codec
from magenta_lite.models.base import Model
from magenta_lite.notes.proto import generator_pb2

MAX_ATTENTION_LENGTH = 4096
"""Longer ones are no music model's."""


def convert(proto: generator_pb2.GeneratorBundle) -> tuple[Model, Codec]:
    """The model and the codec of an original bundle.

    Layer sizes are those of its variables, whatever its id's defaults are.

    Raises:
      BundleError: if its id is not known (`magenta`), or it is damaged.
    """
    kind = kind_of(proto.generator_details.id)
    length = attention_length(proto.metagraph_file)
    if length is not None and not 0 < length <= MAX_ATTENTION_LENGTH:
        raise BundleError(f"its attention length is {length}.", "tampered")
    codec = kind.codec()
    model = build_event_rnn(
        CheckpointV1(proto.checkpoint_file[0]),
        kind.encoding(**codec.encoding_sizes()),
        length or kind.attention_length,
    )
    return model, codec
