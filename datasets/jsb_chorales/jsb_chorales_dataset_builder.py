"""jsb_chorales: four voices in sixteenths, as likelihoods are published on."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from magenta_lite.data import archives
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.jsb_chorales import voices


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = ()
    UNIT = "chorales"
    CHUNK_SIZE = 16
    # The source's own split stands, and pieces of it are much alike.
    LINK_NEAR_DUPLICATES = False

    def items(self) -> list[voices.Chorale]:
        """Every chorale of the file."""
        return voices.find_chorales(self._folder())

    def read_item(self) -> Callable[[voices.Chorale], list[Piece | Reject]]:
        """Turns one chorale into notes."""
        return voices.read_chorale

    def source(self) -> tuple[str, str]:
        """The file; its state is not followed."""
        return str(self._folder() / voices.FILE), ""

    def _folder(self) -> pathlib.Path:
        return self.corpus_dir(archives.NoArchive(voices.FILE))
