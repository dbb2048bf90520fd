"""Finds and reads Groove's performances; run in worker processes."""

from __future__ import annotations

import csv
import dataclasses
import pathlib

from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.groove import windows
from magenta_lite.errors import UserError
from magenta_lite.notes import midi
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

INDEX_NAME = "info.csv"

METADATA_KEYS = (
    "drummer",
    "session",
    "style_primary",
    "style_secondary",
    "bpm",
    "beat_type",
    "time_signature",
)


class GrooveIndexError(UserError):
    """Groove's list of files cannot be read."""


@dataclasses.dataclass(frozen=True)
class Performance:
    """One row of the index, and what is asked of it.

    Attributes:
      id: "drummer1/eval_session/1".
      path: the MIDI file.
      split: train, validation or test, as the index says.
      metadata: one value for each of `METADATA_KEYS`.
      bar_seconds: how long one bar lasts; see `bar_seconds`.
      num_bars: of each window; None keeps the performance whole.
    """

    id: str
    path: str
    split: str
    metadata: dict[str, str]
    bar_seconds: float
    num_bars: int | None = None


def find_performances(
    folder: pathlib.Path, num_bars: int | None = None
) -> list[Performance]:
    """The performances that the index lists, in its order.

    Args:
      folder: where the index lies.
      num_bars: of the windows to cut; None keeps performances whole.

    Raises:
      GrooveIndexError: if the index is not what it should be.
    """
    path = folder / INDEX_NAME
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                _performance(row, folder, num_bars)
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError, ZeroDivisionError) as error:
        raise GrooveIndexError(
            f"{path} is not the index of Groove: {type(error).__name__}: "
            f"{error}."
        ) from error


def bar_seconds(bpm: int, time_signature: str) -> float:
    """How long a bar lasts, by TFDS's rule: a beat for each of the numerator.

    In 6-8 and 5-8 (6 of the 1150 performances) this counts a quarter for each
    eighth, so that a window holds twice the bars; it is kept because counts and
    windows are to equal those of TFDS, which published results use.

    Args:
      bpm: quarters per minute.
      time_signature: such as "4-4".
    """
    return 60 / bpm * int(time_signature.split("-")[0])


def read_performance(performance: Performance) -> list[Piece | Reject]:
    """One performance, whole or in windows, or why it cannot be read."""
    try:
        sequence = midi.read_midi(performance.path)
    except NotesError as error:
        return [Reject(performance.id, error.reason, str(error))]
    if performance.num_bars is None:
        return [_piece(sequence, performance.id, performance)]
    cut = windows.cut_windows(
        sequence, performance.bar_seconds, performance.num_bars
    )
    if not cut:
        bars = windows.count_bars(sequence, performance.bar_seconds)
        return [
            Reject(
                performance.id,
                "too_short",
                f"{performance.path}: has {bars} bars; a window takes "
                f"{performance.num_bars}.",
            )
        ]
    return [
        _piece(window, f"{performance.id}:{number:03d}", performance)
        for number, window in enumerate(cut)
    ]


def _performance(
    row: dict[str, str], folder: pathlib.Path, num_bars: int | None
) -> Performance:
    primary, _, secondary = row["style"].partition("/")
    return Performance(
        id=row["id"],
        path=str(folder / row["midi_filename"]),
        split=row["split"],
        metadata={
            "drummer": row["drummer"],
            "session": row["session"],
            "style_primary": primary,
            "style_secondary": secondary,
            "bpm": row["bpm"],
            "beat_type": row["beat_type"],
            "time_signature": row["time_signature"],
        },
        bar_seconds=bar_seconds(int(row["bpm"]), row["time_signature"]),
        num_bars=num_bars,
    )


def _piece(
    sequence: NoteSequence, piece_id: str, performance: Performance
) -> Piece:
    sequence.id = piece_id
    sequence.collection_name = "groove"
    return Piece(
        id=piece_id,
        sequence=sequence.SerializeToString(deterministic=True),
        group=performance.id,
        metadata=performance.metadata,
        num_notes=len(sequence.notes),
        seconds=sequence.total_time,
        split=performance.split,
    )
