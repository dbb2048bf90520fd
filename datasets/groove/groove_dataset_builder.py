"""groove: drummers' performances, whole or in windows of some bars."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable

import tensorflow_datasets as tfds

from magenta_lite.data.archives import Archive
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.groove import performances
from magenta_lite.download import RemoteFile

# Size and checksum: TFDS 4.9.10, datasets/groove/checksums.tsv.
ARCHIVE = Archive(
    name="groove-v1.0.0-midionly.zip",
    remote=RemoteFile(
        "https://storage.googleapis.com/magentadata/datasets/groove/"
        "groove-v1.0.0-midionly.zip",
        num_bytes=3_260_318,
        sha256=(
            "651cbc524ffb891be1a3e46d89dc82a1cecb09a57c748c7b45b844c4841dcc1e"
        ),
    ),
    marker=performances.INDEX_NAME,
)


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
    LINK_NEAR_DUPLICATES = False  # The splits are the source's own.
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

    def items(self) -> list[performances.Performance]:
        """Every performance of the index."""
        return performances.find_performances(
            self._folder, self.builder_config.num_bars
        )

    def read_item(
        self,
    ) -> Callable[[performances.Performance], list[Piece | Reject]]:
        """Reads one performance and cuts it."""
        return performances.read_performance

    def source(self) -> tuple[str, str]:
        """The folder; a version of Groove never changes."""
        return str(self._folder), ""

    @functools.cached_property
    def _folder(self) -> pathlib.Path:
        return self.corpus_dir(ARCHIVE)
