"""lakh: the Lakh MIDI Dataset, 178,561 files from the web."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import tensorflow_datasets as tfds

from magenta_lite.data.archives import Archive
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.lakh import songs
from magenta_lite.download import RemoteFile

_SERVER = "http://hog.ee.columbia.edu/craffel/lmd/"


def _archive(folder: str, num_bytes: int, sha256: str) -> Archive:
    name = f"{folder}.tar.gz"
    return Archive(
        name, RemoteFile(_SERVER + name, num_bytes, sha256), marker=folder
    )


@dataclasses.dataclass
class LakhConfig(tfds.core.BuilderConfig):
    """Which part.

    Attributes:
      archive: holds it.
    """

    archive: Archive | None = None


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = songs.METADATA_KEYS
    CHUNK_SIZE = 32
    UNIQUE_KEY = "md5"
    BUILDER_CONFIGS = [
        LakhConfig(
            name="full",
            description="All files.",
            archive=_archive(
                songs.FULL,
                1_768_163_879,
                "6fcfe2ac49ca08f3f214cec86ab138d4"
                "fc4dabcd7f27f491a838dae6db45a12b",
            ),
        ),
        LakhConfig(
            name="matched",
            description="Files that match the Million Song Dataset.",
            archive=_archive(
                songs.MATCHED,
                1_407_072_670,
                "621ff830aed771f469e5bfa13dc12a33"
                "c6ed69090adeda63d0b5c47783af0191",
            ),
        ),
        LakhConfig(
            name="clean",
            description="Files whose names say artist and title.",
            archive=_archive(
                songs.CLEAN,
                234_283_029,
                "de1bb64cbc0cf35545a05b5c3e786aa6"
                "890cfa144edffc4b827ff41bf8c33dc5",
            ),
        ),
    ]
    DEFAULT_BUILDER_CONFIG_NAME = "full"

    def items(self) -> songs.Songs:
        """Every file, those of equal names once."""
        return songs.find_songs(self._folder())

    def read_item(self) -> Callable[[songs.Song], list[Piece | Reject]]:
        """Reads one file."""
        return songs.read_song

    def notice(self) -> str:
        """The licence."""
        return (
            "Lakh's compilation is licensed CC BY 4.0; most songs in it have "
            "owners of their own: see the README of lakh."
        )

    def source(self) -> tuple[str, str]:
        """The folder; Lakh v0.1 never changes."""
        return str(self._folder()), ""

    def _folder(self) -> pathlib.Path:
        archive = self.builder_config.archive
        return self.corpus_dir(archive) / archive.marker
