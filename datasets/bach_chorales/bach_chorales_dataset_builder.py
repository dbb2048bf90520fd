"""bach_chorales: chorales in four voices, from music21's corpus."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tensorflow_datasets as tfds

from magenta_lite.data import music21_corpus
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.bach_chorales import chorales


@dataclasses.dataclass
class BachChoralesConfig(tfds.core.BuilderConfig):
    """Which chorales, in which splits.

    Attributes:
      of_jsb: whether those of the JSB sets, in their splits, or all.
    """

    of_jsb: bool = False


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = chorales.METADATA_KEYS
    UNIT = "chorales"
    CHUNK_SIZE = 4
    BUILDER_CONFIGS = [
        BachChoralesConfig(
            name="jsb",
            description="The chorales of the JSB sets, in their splits.",
            of_jsb=True,
        ),
        BachChoralesConfig(
            name="all", description="All chorales, in a split of our own."
        ),
    ]
    DEFAULT_BUILDER_CONFIG_NAME = "jsb"

    def items(self) -> list[chorales.Chorale]:
        """The file of each chorale."""
        corpus = music21_corpus.corpus_dir(
            self.name, chorales.FOLDER, self.manual_dir
        )
        return chorales.find_chorales(corpus, self.builder_config.of_jsb)

    def read_item(self) -> Callable[[chorales.Chorale], list[Piece | Reject]]:
        """Reads one file."""
        return chorales.read_chorale

    def source(self) -> tuple[str, str]:
        """The package; its version is not followed, `VERSION` is."""
        return "the chorales of music21's corpus", ""
