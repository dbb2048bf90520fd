"""nottingham: folk tunes of the British Isles with chords."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable

import tensorflow_datasets as tfds

from magenta_lite.data.archives import Archive
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.nottingham import tunes
from magenta_lite.download import RemoteFile

# GitHub makes the archive when asked: neither size nor checksum is published.
ARCHIVE = Archive(
    name="nottingham-dataset-master.zip",
    remote=RemoteFile(
        "https://github.com/jukedeck/nottingham-dataset/archive/refs/heads/"
        "master.zip"
    ),
    marker=tunes.MARKER,
)


@dataclasses.dataclass
class NottinghamConfig(tfds.core.BuilderConfig):
    """What of each tune to read.

    Attributes:
      with_chords: whether the accompaniment is part of it.
    """

    with_chords: bool = True


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = tunes.METADATA_KEYS
    UNIT = "tunes"
    CHUNK_SIZE = 32
    BUILDER_CONFIGS = [
        NottinghamConfig(
            name="melody_and_chords",
            description="Melodies with their accompaniment.",
        ),
        NottinghamConfig(
            name="melody", description="Melodies alone.", with_chords=False
        ),
    ]
    DEFAULT_BUILDER_CONFIG_NAME = "melody_and_chords"

    def items(self) -> list[tunes.Tune]:
        """Every tune."""
        return tunes.find_tunes(self._folder, self.builder_config.with_chords)

    def read_item(self) -> Callable[[tunes.Tune], list[Piece | Reject]]:
        """Reads one tune."""
        return tunes.read_tune

    def source(self) -> tuple[str, str]:
        """The folder; its state is not followed."""
        return str(self._folder), ""

    @functools.cached_property
    def _folder(self) -> pathlib.Path:
        return self.corpus_dir(ARCHIVE)
