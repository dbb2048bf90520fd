"""The layer for each kind of head that an encoding can ask for."""

from __future__ import annotations

from magenta_lite.encodings import heads
from magenta_lite.layers.heads import (
    CategoricalHead,
    CategoricalsHead,
    HeadLayer,
    SeparateCategoricalsHead,
)


def make_head_layer(head: heads.Head) -> HeadLayer:
    """Makes the layer of a head, named "logits" as in every bundle.

    Args:
      head: what an encoding's labels are.

    Raises:
      TypeError: if there is no layer for heads of this kind.
    """
    if isinstance(head, heads.Categorical):
        return CategoricalHead(head.num_classes)
    if isinstance(head, heads.Categoricals):
        return CategoricalsHead(head.sizes)
    if isinstance(head, heads.Nade):
        from magenta_lite.layers.nade import NadeHead

        return NadeHead(head.num_bits, head.num_hidden)
    if isinstance(head, heads.Groove):
        from magenta_lite.layers.groove import GrooveHead

        return GrooveHead(head.num_drums)
    raise TypeError(f"no layer for {type(head).__name__}")


def make_separate_head_layer(head: heads.Head) -> HeadLayer:
    """Makes a layer that sees hidden states of each field's own.

    Args:
      head: several classes at once.

    Raises:
      TypeError: if it is something else.
    """
    if isinstance(head, heads.Categoricals):
        return SeparateCategoricalsHead(head.sizes)
    raise TypeError(f"{type(head).__name__} has no separate fields")
