"""lead_sheets: songs in MusicXML, a melody under chord symbols."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable

from magenta_lite.data.archives import Archive
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.lead_sheets import sheets
from magenta_lite.download import RemoteFile

# GitHub makes the archive when asked: neither size nor checksum is published.
ARCHIVE = Archive(
    name="OpenEWLD-master.zip",
    remote=RemoteFile(
        "https://github.com/00sapo/OpenEWLD/archive/refs/heads/master.zip"
    ),
    marker="dataset",
)


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = sheets.METADATA_KEYS
    UNIT = "lead sheets"

    def items(self) -> list[sheets.Sheet]:
        """Every MusicXML file."""
        return sheets.find_sheets(self._folder)

    def read_item(self) -> Callable[[sheets.Sheet], list[Piece | Reject]]:
        """Reads one lead sheet."""
        return sheets.read_sheet

    def source(self) -> tuple[str, str]:
        """The folder; its state is not followed."""
        return str(self._folder), ""

    @functools.cached_property
    def _folder(self) -> pathlib.Path:
        """OpenEWLD's archive unpacked, or any folder that the user names."""
        if self.manual_dir:
            folder = pathlib.Path(self.manual_dir).expanduser()
            if not (folder / ARCHIVE.name).is_file():
                return folder
        return self.corpus_dir(ARCHIVE)
