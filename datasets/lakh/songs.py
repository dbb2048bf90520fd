"""Finds and reads the files of the Lakh MIDI Dataset."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Sequence
from typing import overload

from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.notes import files, midi
from magenta_lite.notes.errors import NotesError

METADATA_KEYS = ("path", "md5", "artist", "title", "msd_tracks")

FULL, MATCHED, CLEAN = "lmd_full", "lmd_matched", "clean_midi"
"""The folders that the three archives unpack to."""

_COPY_NUMBER = re.compile(r"\.\d+$")


@dataclasses.dataclass(frozen=True)
class Song:
    """One file.

    Attributes:
      id: its path below the folder of the archive, always valid text.
      path: where it lies.
      msd_tracks: of the Million Song Dataset, parted by spaces (matched).
      artist: by its folder (clean).
      title: by its name (clean).
    """

    id: str
    path: str
    msd_tracks: str = ""
    artist: str = ""
    title: str = ""


class Songs(Sequence[Song]):
    """Many songs in little memory: a song is made when it is asked for.

    Args:
      folder: of the archive.
      paths: below it, with `/`.
      msd_tracks: of each path; empty if they have none.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        paths: Sequence[str],
        msd_tracks: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._paths = paths
        self._msd_tracks = msd_tracks

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> Song: ...

    @overload
    def __getitem__(self, index: slice) -> Songs: ...

    def __getitem__(self, index: int | slice) -> Song | Songs:
        if isinstance(index, slice):
            return Songs(
                self._folder, self._paths[index], self._msd_tracks[index]
            )
        path = self._paths[index]
        tracks = self._msd_tracks[index] if self._msd_tracks else ""
        artist = title = ""
        if self._folder.name == CLEAN:
            *above, name = _as_text(path).split("/")
            artist = above[0] if above else ""
            title = _COPY_NUMBER.sub("", os.path.splitext(name)[0])
        return Song(
            id=_as_text(path),
            path=str(self._folder / path),
            msd_tracks=tracks,
            artist=artist,
            title=title,
        )


def find_songs(folder: pathlib.Path) -> Songs:
    """The songs of one archive, sorted by path.

    Files of lmd_full and lmd_matched are named by the MD5 of what they hold. A
    file that matches several tracks lies there several times, and counts once.

    Args:
      folder: an unpacked archive: `FULL`, `MATCHED` or `CLEAN`.
    """
    skip = len(str(folder)) + 1
    paths = [path[skip:] for path in files.find_files(folder)]
    if folder.name != MATCHED:
        return Songs(folder, paths)
    first_path: dict[str, str] = {}
    tracks: dict[str, str] = {}
    for path in paths:
        *above, name = path.split("/")
        track = above[-1] if above else ""
        if name in first_path:
            tracks[name] += f" {track}"
        else:
            first_path[name], tracks[name] = path, track
    return Songs(folder, list(first_path.values()), list(tracks.values()))


def read_song(song: Song) -> list[Piece | Reject]:
    """One song as a piece, or why it cannot be read."""
    try:
        data = midi.read_bytes(song.path, midi.MAX_FILE_BYTES)
        sequence = midi.to_sequence(midi.parse_midi(data, song.id), song.id)
    except NotesError as error:
        return [Reject(song.id, error.reason, str(error))]
    if not sequence.notes:
        return [Reject(song.id, "no_notes", "holds no notes")]
    sequence.id = sequence.filename = song.id
    sequence.collection_name = "lakh"
    sequence.sequence_metadata.title = song.title
    sequence.sequence_metadata.artist = song.artist
    return [
        Piece(
            id=song.id,
            sequence=sequence.SerializeToString(deterministic=True),
            group=_group(song),
            metadata={
                "path": song.id,
                "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
                "artist": song.artist,
                "title": song.title,
                "msd_tracks": song.msd_tracks,
            },
            num_notes=len(sequence.notes),
            seconds=sequence.total_time,
        )
    ]


def _group(song: Song) -> str:
    """What versions of one song have in common; "" if nothing is known."""
    if song.title:
        return f"{song.artist}/{song.title}".lower()
    return song.msd_tracks.partition(" ")[0]


def _as_text(path: str) -> str:
    """A path as text that can be stored, even if its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
