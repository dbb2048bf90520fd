"""MusicXML files, plain (.xml, .musicxml) or packed (.mxl), to NoteSequence.

This module unpacks and guards: sizes are bounded, a broken .mxl container falls
back to the score inside, and every failure is one typed error. What a score
means is in `musicxml_score`.
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from xml.etree import ElementTree

from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.midi import MAX_FILE_BYTES, check_length, read_bytes
from magenta_lite.notes.musicxml_score import parse_score
from magenta_lite.notes.proto import NoteSequence

MAX_SCORE_BYTES = 64 * 2**20
"""Scores that unpack to more are refused."""

_SCORE_SUFFIXES = (".xml", ".musicxml")


def read_musicxml(path: str | os.PathLike) -> NoteSequence:
    """Reads one MusicXML file; packed or not is told by its content.

    Args:
      path: the file.

    Returns:
      The score, with chord symbols as text annotations; see `musicxml_score`.

    Raises:
      NotesError: if the file is missing, too large, too long or not MusicXML.
    """
    data = read_bytes(path, MAX_FILE_BYTES)
    if data[:4] == b"PK\x03\x04":
        data = _unpack(data, path)
    _check_plain(data, path)
    try:
        sequence = parse_score(data)
    # Of broken numbers, elements and trees; an OverflowError of huge ones.
    except (ValueError, ArithmeticError, ElementTree.ParseError) as error:
        raise NotesError(
            "broken_musicxml", f"{path}: is not sound MusicXML: {error}."
        ) from error
    check_length(sequence, path)
    return sequence


def _check_plain(data: bytes, path: str | os.PathLike) -> None:
    text = data.replace(b"\0", b"")  # UTF-16 looks like ASCII after this.
    if b"<score-partwise" not in text:
        problem = (
            "is score-timewise; save it as score-partwise"
            if b"<score-timewise" in text
            else "is not MusicXML (it has no score-partwise)"
        )
        raise NotesError("broken_musicxml", f"{path}: {problem}.")
    if b"<!ENTITY" in text:
        raise NotesError(
            "broken_musicxml",
            f"{path}: declares XML entities, which could unpack to anything; "
            "leave it out.",
        )


def _unpack(data: bytes, path: str | os.PathLike) -> bytes:
    """The score inside a .mxl file, whatever its container.xml says."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            scores = [
                info
                for info in archive.infolist()
                if info.filename.lower().endswith(_SCORE_SUFFIXES)
                and not info.filename.startswith(("META-INF/", "__MACOSX/"))
            ]
            named = _named_score(archive)
            scores.sort(key=lambda info: info.filename != named)
            if not scores:
                raise NotesError("broken_mxl", f"{path}: holds no score.")
            if scores[0].file_size > MAX_SCORE_BYTES:
                raise NotesError(
                    "too_large",
                    f"{path}: unpacks to {scores[0].file_size} bytes, more "
                    f"than {MAX_SCORE_BYTES}; leave it out.",
                )
            with archive.open(scores[0]) as score:
                # zipfile reads no more than the size that was checked.
                return score.read(MAX_SCORE_BYTES)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise NotesError(
            "broken_mxl", f"{path}: cannot be unpacked: {error}."
        ) from error
    except (EOFError, NotImplementedError, zlib.error) as error:
        raise NotesError(
            "broken_mxl", f"{path}: cannot be unpacked: {error}."
        ) from error


def _named_score(archive: zipfile.ZipFile) -> str | None:
    """The score that the container file names; None if it is broken."""
    try:
        with archive.open("META-INF/container.xml") as container:
            root = ElementTree.fromstring(container.read(2**16))
    except (KeyError, ElementTree.ParseError, OSError, zipfile.BadZipFile):
        return None
    files = [one for one in root.iter() if one.tag.endswith("rootfile")]
    return files[0].get("full-path") if files else None
