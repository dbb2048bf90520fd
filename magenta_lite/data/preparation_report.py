"""What a prepared dataset holds and what was left out, kept beside it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib

FILE_NAME = "preparation.json"


@dataclasses.dataclass(frozen=True)
class SplitReport:
    """What one split holds.

    Attributes:
      num_sequences: NoteSequences.
      num_notes: notes in all of them.
      seconds: how long all of them last together.
      sha256: of ids, metadata and sequences, in the order of the corpus.
    """

    num_sequences: int
    num_notes: int
    seconds: float
    sha256: str


@dataclasses.dataclass(frozen=True)
class PreparationReport:
    """How a dataset was made.

    Attributes:
      splits: what each split holds; a split without sequences is left out.
      rejects: how many files or parts were left out, by reason.
      num_sources: how many files or tunes were looked at.
      unit: what those are: "files" or "tunes".
      notice: one line on the licence that its user must know; may be "".
      source: where the dataset came from.
      source_fingerprint: changes whenever a file of the source does.
      num_groups: pieces that are versions of each other make one group.
      largest_group: how many pieces the largest one has.
      histograms: what its music is like, see `corpus_statistics`.
    """

    splits: dict[str, SplitReport]
    rejects: dict[str, int]
    num_sources: int = 0
    unit: str = "files"
    notice: str = ""
    source: str = ""
    source_fingerprint: str = ""
    num_groups: int = 0
    largest_group: int = 0
    histograms: dict[str, dict[str, int]] = dataclasses.field(
        default_factory=dict
    )

    def save(self, folder: str | os.PathLike) -> None:
        """Writes the report into a dataset's folder."""
        path = pathlib.Path(folder) / FILE_NAME
        temporary = path.with_name(path.name + ".tmp")
        text = json.dumps(dataclasses.asdict(self), indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
        os.replace(temporary, path)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> PreparationReport | None:
        """Reads the report of a dataset; None if another tool made it."""
        path = pathlib.Path(folder) / FILE_NAME
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            splits = {
                name: SplitReport(**split)
                for name, split in fields.pop("splits").items()
            }
            return cls(splits=splits, **fields)
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
