"""What a worker process does: reads an item and looks at what it holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from magenta_lite.data import contours, corpus_statistics, near_duplicates
from magenta_lite.data.piece_records import encode_results
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.data.worker_pool import Failure
from magenta_lite.notes import wire
from magenta_lite.notes.fingerprint import melody_fingerprint
from magenta_lite.notes.proto import NoteSequence

_NOTES = NoteSequence.DESCRIPTOR.fields_by_name["notes"]
_NOTE_FIELDS = (
    *("pitch", "velocity", "start_time", "end_time"),
    *("instrument", "is_drum"),
)
_TEMPO_FIELDS = ("time", "qpm")
_METER_FIELDS = ("time", "numerator", "denominator")


def read_and_describe(
    read_item: Callable[[Any], list[Piece | Reject]], item: Any
) -> bytes:
    """Reads an item and describes its pieces: a record of `piece_records`."""
    return encode_results(
        describe(result) if isinstance(result, Piece) else result
        for result in read_item(item)
    )


def record_of(item_id: str, result: bytes | Failure) -> bytes:
    """The record of an item; a reject where reading it gave none."""
    if isinstance(result, Failure):
        return encode_results([Reject(item_id, result.reason, result.message)])
    return result


def describe(piece: Piece) -> Piece:
    """The piece with its `group`, if it has none, `sketch` and `histograms`.

    A piece whose split the source has settled is not compared with others.
    """
    sequence = NoteSequence.FromString(piece.sequence)
    notes = wire.decode_repeated(piece.sequence, _NOTES, _NOTE_FIELDS)
    tempos = _columns(sequence.tempos, _TEMPO_FIELDS)
    meters = _columns(sequence.time_signatures, _METER_FIELDS)
    sketch = b""
    if not piece.split:
        phrases = contours.phrases(notes, tempos["time"], tempos["qpm"])
        sketch = near_duplicates.sketch(phrases)
    return dataclasses.replace(
        piece,
        group=piece.group or melody_fingerprint(notes),
        sketch=sketch,
        histograms=corpus_statistics.piece_histograms(
            notes, tempos, meters, piece.seconds
        ),
    )


def _columns(messages: Any, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """A few messages as an array for each field."""
    return {
        name: np.array([getattr(message, name) for message in messages])
        for name in names
    }
