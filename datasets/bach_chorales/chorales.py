"""Finds and reads the chorales of music21; run in worker processes."""

from __future__ import annotations

import dataclasses
import pathlib

from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.bach_chorales.splits import SPLIT_OF
from magenta_lite.errors import UserError
from magenta_lite.notes import musicxml, names
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

FOLDER = "bach"
"""Where the chorales lie in music21's corpus."""

METADATA_KEYS = ("key", "meter")
VOICES = ("Soprano", "Alto", "Tenor", "Bass")

_SUFFIXES = (".mxl", ".xml", ".musicxml")


class NoChoralesError(UserError):
    """The folder holds no chorales."""


@dataclasses.dataclass(frozen=True)
class Chorale:
    """One MusicXML file.

    Attributes:
      id: its name without suffix: "bwv" and its number in Bach's works.
      path: where it lies.
      split: of the JSB sets; "" leaves it to a hash.
    """

    id: str
    path: str
    split: str = ""


def find_chorales(corpus: pathlib.Path, of_jsb: bool) -> list[Chorale]:
    """The chorales, by number.

    Args:
      corpus: the folder in which `FOLDER` lies.
      of_jsb: whether those of the JSB sets are wanted, in their splits, or all
        that there are.

    Raises:
      NoChoralesError: if there is none.
    """
    folder = corpus / FOLDER
    chorales = [
        Chorale(
            id=path.stem,
            path=str(path),
            split=SPLIT_OF[path.stem] if of_jsb else "",
        )
        for path in sorted(folder.iterdir())
        if path.suffix in _SUFFIXES and (path.stem in SPLIT_OF or not of_jsb)
    ]
    if not chorales:
        raise NoChoralesError(
            f"{folder} holds no chorale of music21's corpus (such as "
            "bwv1.6.mxl)."
        )
    return chorales


def read_chorale(chorale: Chorale) -> list[Piece | Reject]:
    """The four voices of one chorale, or why it has no such."""
    try:
        sequence = musicxml.read_musicxml(chorale.path)
    except NotesError as error:
        return [Reject(chorale.id, error.reason, str(error))]
    parts = [_part_of(voice, sequence) for voice in VOICES]
    if None in parts:
        missing = VOICES[parts.index(None)]
        return [
            Reject(
                chorale.id,
                "not_four_voices",
                f"{chorale.path}: no part is called {missing}.",
            )
        ]
    _keep_voices(sequence, parts)
    if not sequence.notes:
        return [Reject(chorale.id, "no_notes", f"{chorale.path}: no notes.")]
    sequence.id = sequence.filename = chorale.id
    sequence.collection_name = "bach_chorales"
    return [
        Piece(
            id=chorale.id,
            sequence=sequence.SerializeToString(deterministic=True),
            # What the JSB sets have in two splits is left there.
            group=chorale.id if chorale.split else "",
            metadata={
                "key": names.first_key(sequence),
                "meter": names.first_meter(sequence),
            },
            num_notes=len(sequence.notes),
            seconds=sequence.total_time,
            split=chorale.split,
        )
    ]


def _part_of(voice: str, sequence: NoteSequence) -> int | None:
    """The first part of a voice: some are called "Soprano 1" or name players.

    The sets that are compared on leave out a second soprano, too.
    """
    for info in sequence.part_infos:
        if info.name.startswith(voice):
            return info.part
    return None


def _keep_voices(sequence: NoteSequence, parts: list[int | None]) -> None:
    """Leaves four parts of one program: no horns, no continuo."""
    voice_of = {part: voice for voice, part in enumerate(parts)}
    notes = [note for note in sequence.notes if note.part in voice_of]
    notes.sort(key=lambda note: (voice_of[note.part], note.start_time))
    kept = NoteSequence(notes=notes)
    for note in kept.notes:
        note.instrument = note.part = voice_of[note.part]
        note.program = 0
    del sequence.notes[:], sequence.part_infos[:], sequence.instrument_infos[:]
    sequence.notes.extend(kept.notes)
    for number, name in enumerate(VOICES):
        sequence.part_infos.add(part=number, name=name)
        sequence.instrument_infos.add(instrument=number, name=name)
    # Titles here are names of files.
    sequence.sequence_metadata.title = ""
