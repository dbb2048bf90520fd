"""What has been read of a corpus, on disk: reading goes on where it stopped."""

from __future__ import annotations

import hashlib
import importlib.metadata
import pathlib
import types
from collections.abc import Iterator

import magenta_lite
from magenta_lite.data.piece_records import decode_results
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.data.record_file import RecordFile, open_unbuffered

_FILE_NAME = "read_items"


class ReadingLog:
    """The results of items in order, written as they come.

    Args:
      folder: where the log lies. If there is one of the same `key` it is
        continued; one of another is dropped.
      key: what the results depend on.
    """

    def __init__(self, folder: pathlib.Path, key: str) -> None:
        self._records = RecordFile(open_unbuffered(folder / _FILE_NAME))
        header = key.encode()
        if next(self._records.records(), None) != header:
            self._records.clear()
            self._records.append(header)
            self._records.flush()

    @property
    def num_items(self) -> int:
        """How many items are done; the next one has this index."""
        return self._records.num_records - 1

    def append(self, record: bytes) -> None:
        """Adds what the next item gave; a kill after that cannot undo it.

        Args:
          record: see `piece_records.encode_results`.
        """
        self._records.append(record)
        self._records.flush()

    def results(self) -> Iterator[Piece | Reject]:
        """Everything of all items, in order."""
        for record in self._records.records(lambda index: index > 0):
            yield from decode_results(record)


def code_fingerprint(builder_module: types.ModuleType) -> str:
    """Changes with the code that reads files, and with its MIDI library.

    Args:
      builder_module: the module of the builder; its folder counts, too.
    """
    package = pathlib.Path(magenta_lite.__file__).parent
    folders = [package / "notes", package / "data"]
    folders.append(pathlib.Path(str(builder_module.__file__)).parent)
    digest = hashlib.sha256(importlib.metadata.version("symusic").encode())
    for folder in folders:
        for path in sorted(folder.glob("*.py")):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
