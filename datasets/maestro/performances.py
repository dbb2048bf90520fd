"""Finds and reads MAESTRO's performances; run in worker processes."""

from __future__ import annotations

import csv
import dataclasses
import pathlib

from magenta_lite.data.pieces import SPLITS, Piece, Reject
from magenta_lite.errors import UserError
from magenta_lite.notes import midi
from magenta_lite.notes.errors import NotesError

METADATA_KEYS = ("composer", "title", "year")


class MaestroIndexError(UserError):
    """MAESTRO's list of files cannot be read."""


@dataclasses.dataclass(frozen=True)
class Performance:
    """One row of the index.

    Attributes:
      id: the file as the index names it, such as "2018/MIDI-1.midi".
      path: the MIDI file.
      split: train, validation or test, as the index says.
      metadata: one value for each of `METADATA_KEYS`.
    """

    id: str
    path: str
    split: str
    metadata: dict[str, str]


def find_performances(
    folder: pathlib.Path, index_name: str
) -> list[Performance]:
    """The performances that the index lists, in its order.

    Args:
      folder: where the index lies; its paths start there.
      index_name: a CSV file. Columns are called as in MAESTRO; `composer` and
        `title` do as well as `canonical_composer` and `canonical_title`.

    Raises:
      MaestroIndexError: if the index is not what it should be.
    """
    path = folder / index_name
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_performance(row, folder) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise MaestroIndexError(
            f"{path} is not an index of MAESTRO: {type(error).__name__}: "
            f"{error}."
        ) from error


def read_performance(performance: Performance) -> list[Piece | Reject]:
    """One performance, or why it cannot be read."""
    try:
        sequence = midi.read_midi(performance.path)
    except NotesError as error:
        return [Reject(performance.id, error.reason, str(error))]
    if not sequence.notes:
        return [Reject(performance.id, "no_notes", "holds no notes")]
    metadata = performance.metadata
    sequence.id = sequence.filename = performance.id
    sequence.collection_name = "maestro"
    sequence.sequence_metadata.title = metadata["title"]
    sequence.sequence_metadata.composers.append(metadata["composer"])
    return [
        Piece(
            id=performance.id,
            sequence=sequence.SerializeToString(deterministic=True),
            group=f"{metadata['composer']}: {metadata['title']}",
            metadata=metadata,
            num_notes=len(sequence.notes),
            seconds=sequence.total_time,
            split=performance.split,
        )
    ]


def _performance(row: dict[str, str], folder: pathlib.Path) -> Performance:
    name = row["midi_filename"]
    if row["split"] not in SPLITS:
        raise ValueError(f"no split is called {row['split']!r}")
    return Performance(
        id=name,
        path=str(folder / name),
        split=row["split"],
        metadata={
            "composer": row.get("canonical_composer") or row["composer"],
            "title": row.get("canonical_title") or row["title"],
            "year": row["year"],
        },
    )
