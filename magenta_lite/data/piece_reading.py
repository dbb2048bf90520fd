"""What a worker process does: reads an item and looks at what it holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from magenta_lite.data import contours, corpus_statistics, near_duplicates
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.notes import wire
from magenta_lite.notes.proto import NoteSequence

_FIELDS = NoteSequence.DESCRIPTOR.fields_by_name
_NOTE_FIELDS = (
    *("pitch", "velocity", "start_time", "end_time"),
    *("instrument", "is_drum"),
)
_DTYPES = {
    **dict.fromkeys(("start_time", "end_time", "time", "qpm"), np.float64),
    **dict.fromkeys(("pitch", "velocity", "instrument"), np.int64),
    **dict.fromkeys(("numerator", "denominator"), np.int64),
    "is_drum": np.bool_,
}
_LARGE_BYTES = 2**14


def read_and_describe(
    read_item: Callable[[Any], list[Piece | Reject]], item: Any
) -> list[Piece | Reject]:
    """Reads an item; pieces get their `sketch` and `histograms`."""
    return [
        describe(result) if isinstance(result, Piece) else result
        for result in read_item(item)
    ]


def describe(piece: Piece) -> Piece:
    """The piece with its `sketch` and `histograms`.

    A piece whose split the source has settled is not compared with others.
    """
    message = None
    if len(piece.sequence) < _LARGE_BYTES:
        message = NoteSequence.FromString(piece.sequence)
    notes, tempos, meters = (
        wire.decode_repeated(piece.sequence, _FIELDS[field], names)
        if message is None
        else _columns(getattr(message, field), names)
        for field, names in (
            ("notes", _NOTE_FIELDS),
            ("tempos", ("time", "qpm")),
            ("time_signatures", ("time", "numerator", "denominator")),
        )
    )
    sketch = b""
    if not piece.split:
        phrases = contours.phrases(notes, tempos["time"], tempos["qpm"])
        sketch = near_duplicates.sketch(phrases)
    return dataclasses.replace(
        piece,
        sketch=sketch,
        histograms=corpus_statistics.piece_histograms(
            notes, tempos, meters, piece.seconds
        ),
    )


def _columns(
    messages: Sequence[Any], names: Sequence[str]
) -> dict[str, np.ndarray]:
    """As `wire.decode_repeated`, which is slower for a few messages."""
    return {
        name: np.array(
            [getattr(message, name) for message in messages], _DTYPES[name]
        )
        for name in names
    }
