"""Finds and reads the ABC tunes of music21; run in worker processes."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import re
import unicodedata
from collections.abc import Sequence

from magenta_lite.data import tunebooks
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.folk_tunes import versions
from magenta_lite.notes import abc as abc_notation
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

FOLDERS = {
    "ryans_mammoth": "ryansMammoth",
    "oneills_1850": "oneills1850",
    "airds_airs": "airdsAirs",
    "essen": "essenFolksong",
}
"""Where each collection lies in music21's corpus."""


@dataclasses.dataclass(frozen=True)
class Tune:
    """One tune as text.

    Attributes:
      id: "<collection>/<file>/<number>", unique.
      collection: a key of `FOLDERS`.
      text: ABC notation: the head of its file, and the tune.
    """

    id: str
    collection: str
    text: str


def find_tunes(corpus: pathlib.Path, collection: str) -> list[Tune]:
    """All tunes of one collection, in the order of files and lines."""
    return [
        tune
        for path in sorted((corpus / FOLDERS[collection]).glob("*.abc"))
        for tune in name_tunes(
            abc_notation.decode(path.read_bytes()), collection, path.stem
        )
    ]


def name_tunes(book: str, collection: str, file_name: str) -> list[Tune]:
    """The tunes of one file, with ids; some files use a number twice."""
    num_seen: collections.Counter = collections.Counter()
    tunes = []
    for tune in tunebooks.split_tunes(book):
        num_seen[tune.number] += 1
        again = num_seen[tune.number]
        number = tune.number if again == 1 else f"{tune.number}-{again}"
        tune_id = f"{collection}/{file_name}/{number}"
        tunes.append(Tune(tune_id, collection, tune.text))
    return tunes


def read_tune(tune: Tune) -> list[Piece | Reject]:
    """One tune as a piece, or the reason why not."""
    (read,) = abc_notation.read_tunes(tune.text)
    sequence = read.sequence
    if isinstance(sequence, NotesError):
        return [Reject(tune.id, sequence.reason, str(sequence))]
    sequence.id = tune.id
    sequence.collection_name = tune.collection
    return [
        Piece(
            id=tune.id,
            sequence=sequence.SerializeToString(deterministic=True),
            metadata={
                "title": read.title,
                "key": read.key,
                "meter": read.meter,
                "collection": tune.collection,
            },
            num_notes=len(sequence.notes),
            seconds=sequence.total_time,
        )
    ]


def link_versions(pieces: Sequence[Piece]) -> list[Piece]:
    """Gives all versions of one tune the same group.

    A tune's versions differ in some notes, so that an exact fingerprint finds
    a quarter of them only. What links two pieces is the same fingerprint, much
    of the melody in common, or the same title; not the title in Essen, where it
    names the words, which people sang to many melodies.
    """
    labels = [
        [f"fingerprint {piece.group}", *_title_label(piece.metadata)]
        for piece in pieces
    ]
    firsts = versions.group_versions(
        [
            versions.contour(NoteSequence.FromString(piece.sequence))
            for piece in pieces
        ],
        labels,
    )
    return [
        dataclasses.replace(piece, group=pieces[first].id)
        for piece, first in zip(pieces, firsts, strict=True)
    ]


def fold_title(title: str) -> str:
    """A title without what its copies differ in.

    "Kerry Cobbler, The" and "The Kerry cobbler -- Jig" are both "kerrycobbler".
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore")
    text = re.split(r"--|\(", plain.decode().lower())[0].strip()
    text = re.sub(r"^(the|a|an) |, (the|a|an)$", "", text)
    return re.sub(r"[^a-z0-9]", "", text)


def _title_label(metadata: dict[str, str]) -> list[str]:
    folded = fold_title(metadata["title"])
    if metadata["collection"] == "essen" or not folded:
        return []
    return [f"title {folded}"]
