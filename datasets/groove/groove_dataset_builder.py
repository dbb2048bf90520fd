"""groove: drummers' performances, whole or in windows of some bars."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import tensorflow_datasets as tfds

from magenta_lite.data.corpus_folder import find_corpus
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.groove import performances


@dataclasses.dataclass
class GrooveConfig(tfds.core.BuilderConfig):
    """How long an example is.

    Attributes:
      num_bars: of each window; None keeps performances whole.
    """

    num_bars: int | None = None


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = performances.METADATA_KEYS
    UNIT = "performances"
    BUILDER_CONFIGS = [
        GrooveConfig(name="full", description="Whole performances."),
        GrooveConfig(
            name="2bar", description="Windows of two bars.", num_bars=2
        ),
        GrooveConfig(
            name="4bar", description="Windows of four bars.", num_bars=4
        ),
    ]
    DEFAULT_BUILDER_CONFIG_NAME = "full"

    manual_dir: pathlib.Path | None = None
    """Where the unpacked archive lies."""

    def items(self) -> list[performances.Performance]:
        """Every performance of the index."""
        return performances.find_performances(
            self._folder(), self.builder_config.num_bars
        )

    def read_item(
        self,
    ) -> Callable[[performances.Performance], list[Piece | Reject]]:
        """Reads one performance and cuts it."""
        return performances.read_performance

    def source(self) -> tuple[str, str]:
        """The folder; a version of Groove never changes."""
        return str(self._folder()), ""

    def _folder(self) -> pathlib.Path:
        return find_corpus(self.manual_dir, self.name, performances.INDEX_NAME)
