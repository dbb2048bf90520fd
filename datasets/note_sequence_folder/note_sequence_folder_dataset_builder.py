"""note_sequence_folder: any folder of music files as a dataset."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow_datasets as tfds

from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.note_sequence_folder import files


@dataclasses.dataclass
class FolderConfig(tfds.core.BuilderConfig):
    """Names a folder.

    Attributes:
      input_dir: the folder; it is searched recursively.
    """

    input_dir: str = ""


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = ("path", "title")
    TIMEOUT_SECONDS = 60.0
    CHUNK_SIZE = 32

    @classmethod
    def for_folder(
        cls,
        input_dir: str | os.PathLike,
        name: str,
        found: Sequence[files.MusicFile] | None = None,
        **kwargs: Any,
    ) -> Builder:
        """A builder of the dataset `note_sequence_folder/<name>`.

        Args:
          input_dir: the folder of music files.
          name: what to call the dataset.
          found: what `files.find_music_files` found there, if that is known.
          **kwargs: arguments of every TFDS builder, such as `data_dir`.
        """
        config = FolderConfig(name=name, input_dir=os.fspath(input_dir))
        builder = cls(config=config, **kwargs)
        if found is not None:
            builder._found = found
        return builder

    @functools.cached_property
    def _found(self) -> Sequence[files.MusicFile]:
        return files.find_music_files(self.builder_config.input_dir)

    def items(self) -> list[files.MusicFile]:
        """All music files below the folder; tunebooks in parts."""
        return files.split_tunebooks(self._found)

    def num_sources(self, items: Sequence[files.MusicFile]) -> int:
        """Files, not parts of tunebooks."""
        return len(self._found)

    def read_item(self) -> Callable[[files.MusicFile], list[Piece | Reject]]:
        """Reads one file."""
        return files.read_music_file

    def source(self) -> tuple[str, str]:
        """The folder and the state of its files."""
        folder = os.path.abspath(self.builder_config.input_dir)
        return folder, files.fingerprint(self._found)
