"""What the graph in an original bundle says that its weights do not.

The graph is read as data: names of nodes and constants in them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.proto_fields import fields, message, text

_GRAPH_DEF = 2
_NODE = 1
_NODE_NAME, _NODE_OP, _NODE_ATTR = 1, 2, 5
_MAP_KEY, _MAP_VALUE = 1, 2
_ATTR_TENSOR = 8
_TENSOR_CONTENT = 4
# A graph of Magenta's has about one MiB; a longer one takes too long to read.
_MAX_BYTES = 2**25


def attention_length(metagraph: bytes) -> int | None:
    """How many past outputs an attention cell looks at.

    The cell reshapes its memory to `[batch, attention_length, units]`.

    Args:
      metagraph: a serialized MetaGraphDef.

    Returns:
      None if there is no such cell in the graph.

    Raises:
      BundleError: if it is no MetaGraphDef.
    """
    if len(metagraph) > _MAX_BYTES:
        raise BundleError("its graph is too large.", "too_large")
    for name, tensor in _constants(memoryview(metagraph)):
        parts = name.lower().replace("_", "").split("/")
        if (
            parts[-2:] == ["reshape", "shape"]
            and "attentioncellwrapper" in parts
        ):
            shape = np.frombuffer(tensor, "<i4")
            if len(shape) == 3:
                return int(shape[1])
    return None


def _constants(metagraph: memoryview) -> Iterator[tuple[str, memoryview]]:
    """Names and raw values of the constants in the graph."""
    for field, graph in fields(metagraph):
        if field != _GRAPH_DEF:
            continue
        for number, node in fields(message(graph)):
            if number != _NODE:
                continue
            name, operation, tensor = _node(message(node))
            if operation == "Const" and len(tensor) % 4 == 0:
                yield name, tensor


def _node(node: memoryview) -> tuple[str, str, memoryview]:
    """Name, operation and the content of a constant."""
    name = operation = ""
    content = memoryview(b"")
    for field, value in fields(node):
        if field == _NODE_NAME:
            name = text(value)
        elif field == _NODE_OP:
            operation = text(value)
        elif field == _NODE_ATTR:
            content = _attribute(message(value)) or content
    return name, operation, content


def _attribute(attribute: memoryview) -> memoryview | None:
    """The content of an attribute that is a tensor called "value"."""
    key, found = "", None
    for field, value in fields(attribute):
        if field == _MAP_KEY:
            key = text(value)
        elif field == _MAP_VALUE and key == "value":
            for inner, tensor in fields(message(value)):
                if inner == _ATTR_TENSOR:
                    for part, content in fields(message(tensor)):
                        if part == _TENSOR_CONTENT:
                            found = message(content)
    return found
