"""Pieces and rejects as bytes, for files that pass them on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from magenta_lite.data.pieces import Piece, Reject

_BINARY = ("sequence", "sketch")


def encode_results(results: Iterable[Piece | Reject]) -> bytes:
    """What reading one item gave, as one record.

    A line of JSON holds everything but the binary fields, which follow it.
    """
    heads, blobs = [], []
    for result in results:
        # Not `asdict`, which copies deeply.
        head = {
            field.name: getattr(result, field.name)
            for field in dataclasses.fields(type(result))
        }
        if isinstance(result, Piece):
            for name in _BINARY:
                blobs.append(head[name])
                head[name] = len(head[name])
        heads.append(head)
    return b"\n".join([json.dumps(heads).encode(), b"".join(blobs)])


def decode_results(record: bytes) -> list[Piece | Reject]:
    """The inverse of `encode_results`."""
    line, _, blobs = record.partition(b"\n")
    place = 0
    results: list[Piece | Reject] = []
    for head in json.loads(line):
        if "reason" in head:
            results.append(Reject(**head))
            continue
        for name in _BINARY:
            num_bytes = head[name]
            head[name] = blobs[place : place + num_bytes]
            place += num_bytes
        results.append(Piece(**head))
    return results
