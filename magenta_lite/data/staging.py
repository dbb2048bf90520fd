"""Pieces on their way from the readers to a dataset's splits, kept on disk."""

from __future__ import annotations

import collections
import csv
import hashlib
import json
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

from magenta_lite.data.pieces import (
    SPLITS,
    Piece,
    Reject,
    group_position,
    split_of,
)
from magenta_lite.data.preparation_report import (
    PreparationReport,
    SplitReport,
)

REJECTS_NAME = "rejects.csv"

_NUM_FEW_GROUPS = 1000
"""Up to here group names are remembered, to fill splits that stay empty."""


class Staging:
    """Pieces in a nameless file, rejects in a CSV; little of them in memory.

    `add` everything, then call `finish`, then read. The nameless file goes away
    with this object, or with the process if that is killed.

    Args:
      folder: where both files lie.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._pieces_file = tempfile.TemporaryFile(dir=folder)
        self._rejects_file = (folder / REJECTS_NAME).open(
            "w", newline="", encoding="utf-8"
        )
        self._csv = csv.writer(self._rejects_file, lineterminator="\n")
        self._csv.writerow(["id", "reason", "message"])
        self._groups_of_split: dict[str, set] = {
            split: set() for split in SPLITS
        }
        self._moved: dict[str, str] = {}
        self._official: set[str] = set()
        self.first_reject: Reject | None = None
        self.rejects: collections.Counter = collections.Counter()
        self.num_pieces = 0

    def add(self, result: Piece | Reject) -> None:
        """Writes one piece, or one row of the CSV."""
        if isinstance(result, Reject):
            message = " ".join(result.message.split())
            self._csv.writerow([result.id, result.reason, message])
            self.rejects[result.reason] += 1
            self.first_reject = self.first_reject or result
            return
        header = {
            "id": result.id,
            "group": result.group,
            "metadata": result.metadata,
            "num_notes": result.num_notes,
            "seconds": result.seconds,
            "split": result.split,
            "size": len(result.sequence),
        }
        self._pieces_file.write(json.dumps(header).encode() + b"\n")
        self._pieces_file.write(result.sequence)
        self.num_pieces += 1
        if result.split:
            self._official.add(result.split)
            return
        groups = self._groups_of_split[split_of(result.group)]
        if len(groups) <= _NUM_FEW_GROUPS:
            groups.add(result.group)

    def finish(self) -> None:
        """Closes the CSV and settles the splits."""
        self._rejects_file.close()
        self._pieces_file.flush()
        self._balance()

    def _balance(self) -> None:
        """Moves one group into each split that chance left empty.

        Happens with some tens of groups or less. Training goes first, then
        validation, then test, as far as there are groups to share out: the
        fullest split gives one, or else a split that is less important. Which
        one moves depends on the corpus alone.
        """
        groups_of = self._groups_of_split
        for place, split in enumerate(SPLITS):
            if groups_of[split] or split in self._official:
                continue
            fullest = max(SPLITS, key=lambda name: len(groups_of[name]))
            later = [name for name in SPLITS[place:] if groups_of[name]]
            if len(groups_of[fullest]) > 1:
                donor = fullest
            elif later:
                donor = later[-1]
            else:
                return
            group = max(groups_of[donor], key=lambda g: (group_position(g), g))
            groups_of[donor].remove(group)
            groups_of[split].add(group)
            self._moved[group] = split

    def split_of(self, group: str) -> str:
        """Where pieces without an official split go; valid after `finish`."""
        return self._moved.get(group) or split_of(group)

    def pieces(self, split: str) -> Iterator[Piece]:
        """The pieces of one split, in the order in which they were added."""
        file = self._pieces_file
        position = 0
        while True:
            file.seek(position)  # Somebody else may have read in between.
            line = file.readline()
            if not line:
                return
            header = json.loads(line)
            size = header.pop("size")
            position += len(line) + size
            if (header["split"] or self.split_of(header["group"])) == split:
                yield Piece(sequence=file.read(size), **header)

    def report(self, **fields: Any) -> PreparationReport:
        """Counts over all pieces and rejects.

        Args:
          **fields: the other fields of a `PreparationReport`.
        """
        return PreparationReport(
            splits={
                split: _split_report(self.pieces(split))
                for split in SPLITS
                if self._groups_of_split[split] or split in self._official
            },
            rejects=dict(
                sorted(self.rejects.items(), key=lambda item: (-item[1], item))
            ),
            **fields,
        )


def _split_report(pieces: Iterator[Piece]) -> SplitReport:
    digest = hashlib.sha256()
    num_sequences = num_notes = 0
    seconds = 0.0
    for piece in pieces:
        num_sequences += 1
        num_notes += piece.num_notes
        seconds += piece.seconds
        digest.update(json.dumps([piece.id, piece.metadata]).encode())
        digest.update(hashlib.sha256(piece.sequence).digest())
    return SplitReport(num_sequences, num_notes, seconds, digest.hexdigest())
