"""maestro: piano performances of a competition, with MAESTRO's own split."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable

import tensorflow_datasets as tfds

from magenta_lite.data.archives import Archive, NoArchive
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.maestro import performances
from magenta_lite.download import RemoteFile

_V3_INDEX = "maestro-v3.0.0.csv"
V3 = Archive(
    name="maestro-v3.0.0-midi.zip",
    remote=RemoteFile(
        url=(
            "https://storage.googleapis.com/magentadata/datasets/maestro/"
            "v3.0.0/maestro-v3.0.0-midi.zip"
        ),
        num_bytes=58_416_533,
        sha256=(
            "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c"
        ),
    ),
    marker=_V3_INDEX,
)
ASAP = NoArchive(marker="metadata.csv")


@dataclasses.dataclass
class MaestroConfig(tfds.core.BuilderConfig):
    """Which recordings.

    Attributes:
      archive: where they come from; its marker is the index.
    """

    archive: Archive | NoArchive = V3


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = performances.METADATA_KEYS
    UNIT = "performances"
    CHUNK_SIZE = 4
    LINK_NEAR_DUPLICATES = False  # The split is MAESTRO's own.
    BUILDER_CONFIGS = [
        MaestroConfig(name="v3", description="MAESTRO v3.0.0.", archive=V3),
        MaestroConfig(
            name="asap",
            description="A part of MAESTRO that lies in --manual_dir.",
            archive=ASAP,
        ),
    ]
    DEFAULT_BUILDER_CONFIG_NAME = "v3"

    def items(self) -> list[performances.Performance]:
        """Every performance of the index."""
        return performances.find_performances(
            self._folder(), self.builder_config.archive.marker
        )

    def read_item(
        self,
    ) -> Callable[[performances.Performance], list[Piece | Reject]]:
        """Reads one performance."""
        return performances.read_performance

    def notice(self) -> str:
        """The licence."""
        return (
            "MAESTRO is licensed CC BY-NC-SA 4.0: for non-commercial use only."
        )

    def source(self) -> tuple[str, str]:
        """The folder; a version of MAESTRO never changes."""
        return str(self._folder()), ""

    def _folder(self) -> pathlib.Path:
        return self.corpus_dir(self.builder_config.archive)
