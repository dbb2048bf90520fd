"""Any music file to NoteSequences, and the music files of a folder."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

from magenta_lite.notes import abc, midi, musicxml
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

__all__ = ["SUFFIXES", "NotesError", "find_files", "read_file"]


def _read_midi(path: str) -> list[NoteSequence]:
    return [midi.read_midi(path)]


def _read_musicxml(path: str) -> list[NoteSequence]:
    return [musicxml.read_musicxml(path)]


_READERS: dict[str, Callable[[str], list[NoteSequence]]] = {
    ".mid": _read_midi,
    ".midi": _read_midi,
    ".xml": _read_musicxml,
    ".musicxml": _read_musicxml,
    ".mxl": _read_musicxml,
    ".abc": abc.read_abc_file,
}

SUFFIXES = tuple(_READERS)
"""What names of music files end in; upper case counts, too."""


def read_file(path: str | os.PathLike) -> list[NoteSequence]:
    """Reads one file of music, whatever its format, by its suffix.

    Args:
      path: a file whose name ends in one of `SUFFIXES`.

    Returns:
      One sequence, or for ABC one for each readable tune, `filename` set.

    Raises:
      NotesError: if the file is missing, is not what its suffix says, or (ABC)
        no tune of it can be read. The message names the file.
    """
    path = os.fspath(path)
    reader = _READERS.get(os.path.splitext(path)[1].lower())
    if reader is None:
        raise NotesError(
            "unknown_type",
            f"{path}: is no music file by its name; give a file ending in "
            f"{', '.join(SUFFIXES)}.",
        )
    sequences = reader(path)
    name = os.fsencode(os.path.basename(path)).decode("utf-8", "replace")
    for sequence in sequences:
        sequence.filename = name
    return sequences


def find_files(
    input_dir: str | os.PathLike,
    on_problem: Callable[[str, str], None] | None = None,
) -> list[str]:
    """All music files below a folder, by suffix, sorted by path.

    Follows links to folders, but enters each folder once, so that loops end.
    Hidden files and folders (names that start with a dot) are left out: among
    them are the `._x.mid` of macOS, which are no music.

    Args:
      input_dir: where to look, at any depth.
      on_problem: told of what is named like music but is no file, such as links
        to nowhere, pipes and folders (whose files count all the same), and of
        folders that cannot be listed; with one line that says so.

    Raises:
      NotesError: if there is no such folder or it cannot be listed.
    """
    top = pathlib.Path(input_dir)
    if not top.is_dir():
        problem = "is not a folder" if top.exists() else "does not exist"
        raise NotesError(
            "missing", f"{top}: {problem}; name a folder of music."
        )
    found: list[str] = []
    tell = on_problem or (lambda path, problem: None)
    seen: set[tuple[int, int]] = set()

    def on_error(error: OSError) -> None:
        if error.filename == str(top):
            raise NotesError(
                "unreadable", f"{top}: cannot be listed: {error.strerror}."
            ) from error
        tell(error.filename, f"cannot be listed: {error.strerror}")

    for folder, folders, names in os.walk(
        str(top), followlinks=True, onerror=on_error
    ):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in filter(_is_named_like_music, [*folders, *names]):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                found.append(path)
            else:
                tell(path, _what_it_is(path))
    return sorted(found, key=lambda path: path.split(os.sep))


def _is_named_like_music(name: str) -> bool:
    return name[0] != "." and os.path.splitext(name)[1].lower() in _READERS


def _what_it_is(path: str) -> str:
    """Why a path is no file."""
    if os.path.isdir(path):
        return "is a folder, not a file"
    if not os.path.exists(path):
        return "is a link to nothing"
    return "is not a regular file"
