"""Finds and reads lead sheets; run in worker processes."""

from __future__ import annotations

import dataclasses
import os
import pathlib

from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.errors import UserError
from magenta_lite.notes import files as note_files
from magenta_lite.notes import musicxml, names
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

METADATA_KEYS = ("title", "composer", "key", "meter")

_SUFFIXES = (".mxl", ".xml", ".musicxml")


class NoSheetsError(UserError):
    """The folder holds no lead sheets."""


@dataclasses.dataclass(frozen=True)
class Sheet:
    """One MusicXML file.

    Attributes:
      id: its path below the folder, always valid text.
      path: where it lies.
    """

    id: str
    path: str


def find_sheets(folder: pathlib.Path) -> list[Sheet]:
    """All MusicXML files below a folder, by path.

    Raises:
      NoSheetsError: if there is none.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise NoSheetsError(f"--manual_dir: {folder} {problem}.")
    sheets = [
        Sheet(_as_text(path.relative_to(folder)), str(path))
        for path in map(pathlib.Path, note_files.find_files(folder))
        if path.suffix.lower() in _SUFFIXES
    ]
    if not sheets:
        raise NoSheetsError(
            f"--manual_dir: {folder} holds no lead sheets "
            f"({', '.join(_SUFFIXES)})."
        )
    return sheets


def read_sheet(sheet: Sheet) -> list[Piece | Reject]:
    """One lead sheet, or why it is none."""
    try:
        sequence = musicxml.read_musicxml(sheet.path)
    except NotesError as error:
        return [Reject(sheet.id, error.reason, str(error))]
    if not sequence.notes:
        return [Reject(sheet.id, "no_notes", f"{sheet.path}: has no notes.")]
    if not any(_is_chord(text) for text in sequence.text_annotations):
        problem = f"{sheet.path}: has no chord symbols."
        return [Reject(sheet.id, "no_chord_symbols", problem)]
    title, composer = _names(sequence, pathlib.PurePosixPath(sheet.id))
    sequence.id = sheet.id
    sequence.filename = sheet.id
    sequence.collection_name = "lead_sheets"
    sequence.sequence_metadata.title = title
    return [
        Piece(
            id=sheet.id,
            sequence=sequence.SerializeToString(deterministic=True),
            metadata={
                "title": title,
                "composer": composer,
                "key": names.first_key(sequence),
                "meter": names.first_meter(sequence),
            },
            num_notes=len(sequence.notes),
            seconds=sequence.total_time,
        )
    ]


def _is_chord(annotation: NoteSequence.TextAnnotation) -> bool:
    return annotation.annotation_type == annotation.CHORD_SYMBOL


def _names(
    sequence: NoteSequence, path: pathlib.PurePosixPath
) -> tuple[str, str]:
    """Title and composers, from OpenEWLD's folders or else from the score.

    OpenEWLD's paths are `<composers>/<title>/<title>.mxl`, and more alike than
    what its scores say.
    """
    metadata = sequence.sequence_metadata
    if len(path.parts) > 2 and path.parts[-2] == path.stem:
        composer = path.parts[-3].replace("-", ", ")
        return path.stem.replace("_", " "), composer.replace("_", " ")
    title = metadata.title or path.stem.replace("_", " ")
    return title, ", ".join(metadata.composers)


def _as_text(path: pathlib.PurePath) -> str:
    """A path as text that can be stored, even if its bytes are not UTF-8."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")
