"""piano_rolls: four collections that polyphonic models are compared on."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import tensorflow_datasets as tfds

from magenta_lite.data import archives
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.piano_rolls import rolls


@dataclasses.dataclass
class PianoRollsConfig(tfds.core.BuilderConfig):
    """Which collection to read.

    Attributes:
      collection: a key of `rolls.FILES`.
    """

    collection: str = ""


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = ("collection",)
    UNIT = "piano rolls"
    CHUNK_SIZE = 16
    # The source's own split stands, and pieces of it are much alike.
    LINK_NEAR_DUPLICATES = False
    BUILDER_CONFIGS = [
        PianoRollsConfig(
            name="jsb_chorales",
            description="382 chorales by Bach.",
            collection="jsb_chorales",
        ),
        PianoRollsConfig(
            name="nottingham",
            description="1037 folk tunes with chords.",
            collection="nottingham",
        ),
        PianoRollsConfig(
            name="piano_midi",
            description="124 classical piano pieces.",
            collection="piano_midi",
        ),
        PianoRollsConfig(
            name="muse_data",
            description="783 orchestral and piano pieces.",
            collection="muse_data",
        ),
    ]
    DEFAULT_BUILDER_CONFIG_NAME = "jsb_chorales"

    def items(self) -> list[rolls.Roll]:
        """Every piece of the collection."""
        return rolls.find_rolls(self._folder(), self.builder_config.collection)

    def read_item(self) -> Callable[[rolls.Roll], list[Piece | Reject]]:
        """Turns one piano roll into notes."""
        return rolls.read_roll

    def source(self) -> tuple[str, str]:
        """The file; its state is not followed."""
        return str(self._folder() / self._file_name()), ""

    def _folder(self) -> pathlib.Path:
        return self.corpus_dir(archives.NoArchive(self._file_name()))

    def _file_name(self) -> str:
        return rolls.FILES[self.builder_config.collection]
