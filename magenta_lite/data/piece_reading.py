"""What a worker process does: reads an item and looks at what it holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from magenta_lite.data import contours, corpus_statistics, near_duplicates
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.notes import wire
from magenta_lite.notes.proto import NoteSequence

_FIELDS = NoteSequence.DESCRIPTOR.fields_by_name
_NOTE_FIELDS = (
    *("pitch", "velocity", "start_time", "end_time"),
    *("instrument", "is_drum"),
)


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
    notes, tempos, meters = (
        wire.decode_repeated(piece.sequence, _FIELDS[field], names)
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
