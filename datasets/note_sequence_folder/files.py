"""Finds and reads the music files of a folder; run in worker processes."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Sequence

from magenta_lite.data import tunebooks
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.errors import UserError
from magenta_lite.notes import abc as abc_notation
from magenta_lite.notes import files as note_files
from magenta_lite.notes import midi
from magenta_lite.notes.proto import NoteSequence

_TUNES_PER_PART = 32


class FolderError(UserError):
    """A folder is missing, unreadable or holds no music files."""


@dataclasses.dataclass(frozen=True, slots=True)
class MusicFile:
    """One file of the folder, or some tunes of a tunebook.

    Attributes:
      id: its path below the folder, with `/`, always valid text.
      path: where it lies.
      first_tune: the first of its tunes that is meant, counted from 0; None
        means the whole file.
      problem: why it cannot even be opened, or "".
    """

    id: str
    path: str
    first_tune: int | None = None
    problem: str = ""


def find_music_files(input_dir: str | os.PathLike) -> list[MusicFile]:
    """All music files below a folder, sorted by path.

    Among them is what has the name of one but is none, with its `problem`.

    Raises:
      FolderError: if there is no such folder or no music in it.
    """
    top = pathlib.Path(input_dir)
    if not top.is_dir():
        problem = "is not a folder" if top.exists() else "does not exist"
        raise FolderError(f"--input_dir: {top} {problem}.")
    found: list[MusicFile] = []

    def add(path: str, problem: str = "") -> None:
        found.append(MusicFile(_id(path, top), path, None, problem))

    for path in note_files.find_files(top, on_problem=add):
        add(path)
    if not found:
        raise FolderError(
            f"--input_dir: {top} holds no .mid, .midi, .xml, .musicxml, .mxl "
            "or .abc file."
        )
    return sorted(found, key=lambda file: file.path)


def fingerprint(music_files: Sequence[MusicFile]) -> str:
    """Changes whenever a file comes, goes, or is written again."""
    digest = hashlib.sha256()
    for file in music_files:
        try:
            status = os.stat(file.path)
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            state = "unreadable"
        digest.update(f"{file.id}\0{state}\0".encode())
    return digest.hexdigest()


def split_tunebooks(music_files: Sequence[MusicFile]) -> list[MusicFile]:
    """Cuts each ABC file into parts that can be read at the same time."""
    parts = []
    for file in music_files:
        is_book = file.path.lower().endswith(".abc") and not file.problem
        num_tunes = len(_tunes(file)) if is_book else 0
        if num_tunes:
            parts += [
                dataclasses.replace(file, first_tune=first)
                for first in range(0, num_tunes, _TUNES_PER_PART)
            ]
        else:
            parts.append(file)
    return parts


def read_music_file(file: MusicFile) -> list[Piece | Reject]:
    """The pieces of a file or of a part of it, or why there are none."""
    if file.problem:
        return [Reject(file.id, "not_a_file", file.problem)]
    if file.first_tune is not None:
        return _read_tunes(file, file.first_tune)
    try:
        sequences = note_files.read_file(file.path)
    except note_files.NotesError as error:
        return [Reject(file.id, error.reason, str(error))]
    return [
        _piece(
            sequence,
            file.id if len(sequences) == 1 else f"{file.id}/{number}",
            file.id,
        )
        for number, sequence in enumerate(sequences, 1)
    ]


def _read_tunes(file: MusicFile, first_tune: int) -> list[Piece | Reject]:
    chosen = _tunes(file)[first_tune : first_tune + _TUNES_PER_PART]
    results: list[Piece | Reject] = []
    for number, tune in enumerate(chosen, first_tune + 1):
        tune_id = f"{file.id}/{number}"
        (read,) = abc_notation.read_tunes(tune.text)
        if isinstance(read.sequence, note_files.NotesError):
            reason, message = read.sequence.reason, str(read.sequence)
            results.append(Reject(tune_id, reason, message))
        else:
            results.append(_piece(read.sequence, tune_id, file.id))
    return results


def _tunes(file: MusicFile) -> list[tunebooks.TuneText]:
    """The tunes of an ABC file; none if it cannot be read."""
    try:
        data = midi.read_bytes(file.path, midi.MAX_FILE_BYTES)
    except note_files.NotesError:
        return []
    return tunebooks.split_tunes(abc_notation.decode(data))


def _piece(sequence: NoteSequence, piece_id: str, path: str) -> Piece | Reject:
    if not sequence.notes:
        return Reject(piece_id, "no_notes", "holds no notes")
    sequence.id = piece_id
    sequence.filename = path
    return Piece(
        id=piece_id,
        sequence=sequence.SerializeToString(deterministic=True),
        metadata={
            "path": path,
            "title": sequence.sequence_metadata.title,
        },
        num_notes=len(sequence.notes),
        seconds=sequence.total_time,
    )


def _id(path: str, top: pathlib.Path) -> str:
    """The path below the top as text, even if its bytes are not UTF-8."""
    name = path[len(os.path.join(top, "")) :].replace(os.sep, "/")
    raw = os.fsencode(name)
    text = raw.decode("utf-8", "backslashreplace")
    if text != name and os.path.lexists(top / text):
        # Another file has this very name.
        text += f" {hashlib.sha256(raw).hexdigest()[:8]}"
    return text
