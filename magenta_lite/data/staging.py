"""Pieces on their way from the readers to a dataset's splits, kept on disk."""

from __future__ import annotations

import array
import collections
import csv
import dataclasses
import hashlib
import json
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from magenta_lite.data.corpus_statistics import CorpusHistograms
from magenta_lite.data.near_duplicates import NearDuplicates
from magenta_lite.data.piece_records import decode_results, encode_results
from magenta_lite.data.pieces import (
    SPLITS,
    Piece,
    Reject,
    group_number,
    split_of,
)
from magenta_lite.data.preparation_report import (
    PreparationReport,
    SplitReport,
)
from magenta_lite.data.record_file import RecordFile

REJECTS_NAME = "rejects.csv"

_BY_GROUP = len(SPLITS)  # In place of the index of an official split.


class Staging:
    """Pieces in a nameless file, rejects in a CSV; little of them in memory.

    `add` everything, then call `finish`, then read. The nameless file goes away
    with this object, or with the process if that is killed.

    Args:
      folder: where both files lie.
      link_near_duplicates: whether versions of one piece share a split; else
        pieces of one `group` do.
      holds_digests: whether pieces come with the SHA-256 of their sequence in
        its place, because the sequences lie elsewhere.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        link_near_duplicates: bool = True,
        holds_digests: bool = False,
    ) -> None:
        self._holds_digests = holds_digests
        self._records = RecordFile(
            tempfile.TemporaryFile(dir=folder, buffering=0)  # type: ignore[arg-type]
        )
        self._rejects_file = (folder / REJECTS_NAME).open(
            "w", newline="", encoding="utf-8", errors="backslashreplace"
        )
        self._csv = csv.writer(self._rejects_file, lineterminator="\n")
        self._csv.writerow(["id", "reason", "message"])
        self._links = link_near_duplicates
        self._near_duplicates = NearDuplicates(folder)
        self._histograms = CorpusHistograms()
        self._official = array.array("B")
        self._splits = np.zeros(0, np.uint8)
        self._group_sizes = np.zeros(0, np.int64)
        self.first_reject: Reject | None = None
        self.rejects: collections.Counter = collections.Counter()

    @property
    def num_pieces(self) -> int:
        """How many pieces have been added."""
        return self._records.num_records

    def add(self, result: Piece | Reject) -> None:
        """Writes one piece, or one row of the CSV."""
        if isinstance(result, Reject):
            message = " ".join(result.message.split())
            self._csv.writerow([result.id, result.reason, message])
            self.rejects[result.reason] += 1
            self.first_reject = self.first_reject or result
            return
        self._official.append(
            SPLITS.index(result.split) if result.split else _BY_GROUP
        )
        self._near_duplicates.add(
            group_number(result.group), result.sketch if self._links else b""
        )
        self._histograms.add(result.histograms)
        rest = dataclasses.replace(result, sketch=b"", histograms={})
        self._records.append(encode_results([rest]))

    def link(self, one: np.ndarray, other: np.ndarray) -> None:
        """Says that pieces are versions of each other.

        Args:
          one: how many pieces were added before the first: int64 `[pairs]`.
          other: the same of the second.
        """
        self._near_duplicates.link(one, other)

    def finish(self) -> None:
        """Closes the CSV and settles the splits."""
        self._rejects_file.close()
        groups = self._near_duplicates.groups()
        numbers, index, self._group_sizes = np.unique(
            groups, return_inverse=True, return_counts=True
        )
        split_of_group = np.array([split_of(n) for n in numbers.tolist()], "u1")
        official = np.frombuffer(self._official, np.uint8)
        by_group = official == _BY_GROUP
        _balance(
            split_of_group,
            np.unique(index[by_group]),
            set(official[~by_group].tolist()),
        )
        self._splits = np.where(by_group, split_of_group[index], official)

    @property
    def splits(self) -> np.ndarray:
        """The index of each piece's split, once finished: uint8 `[pieces]`."""
        return self._splits

    def pieces(self, split: str) -> Iterator[Piece]:
        """The pieces of one split, in the order in which they were added."""
        wanted = SPLITS.index(split)
        for record in self._records.records(
            lambda index: self._splits[index] == wanted
        ):
            (piece,) = decode_results(record)
            assert isinstance(piece, Piece)
            yield piece

    def report(self, **fields: Any) -> PreparationReport:
        """Counts over all pieces and rejects.

        Args:
          **fields: the other fields of a `PreparationReport`.
        """
        return PreparationReport(
            splits={
                split: _split_report(self.pieces(split), self._holds_digests)
                for number, split in enumerate(SPLITS)
                if (self._splits == number).any()
            },
            rejects=dict(
                sorted(self.rejects.items(), key=lambda item: (-item[1], item))
            ),
            num_groups=len(self._group_sizes),
            largest_group=int(self._group_sizes.max(initial=0)),
            histograms=self._histograms.total(),
            **fields,
        )


def _balance(
    split_of_group: np.ndarray, movable: np.ndarray, official: set[int]
) -> None:
    """Moves one group into each split that chance left empty.

    Happens with some tens of groups or less. Training goes first, then
    validation, then test, as far as there are groups to share out: the fullest
    split gives one, or else a split that is less important. Which one moves
    depends on the corpus alone.

    Args:
      split_of_group: index of each group's split `[groups]`, by the groups'
        numbers; changed in place.
      movable: groups that hold pieces without an official split.
      official: splits that the source itself fills.
    """
    groups_of = [
        movable[split_of_group[movable] == split].tolist()
        for split in range(len(SPLITS))
    ]
    for split, groups in enumerate(groups_of):
        if groups or split in official:
            continue
        donor = max(groups_of, key=len)
        if len(donor) < 2:
            later = [others for others in groups_of[split:] if others]
            if not later:
                return
            donor = later[-1]
        group = donor.pop()  # Of the largest number.
        groups.append(group)
        split_of_group[group] = split


def _split_report(pieces: Iterator[Piece], holds_digests: bool) -> SplitReport:
    digest = hashlib.sha256()
    num_sequences = num_notes = 0
    seconds = 0.0
    for piece in pieces:
        num_sequences += 1
        num_notes += piece.num_notes
        seconds += piece.seconds
        digest.update(json.dumps([piece.id, piece.metadata]).encode())
        content = piece.sequence
        digest.update(
            content if holds_digests else hashlib.sha256(content).digest()
        )
    return SplitReport(num_sequences, num_notes, seconds, digest.hexdigest())
