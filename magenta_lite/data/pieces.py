"""What reading a corpus yields: pieces and rejects, small and picklable."""

from __future__ import annotations

import dataclasses
import hashlib

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """One piece of music, ready to be written to a dataset.

    Attributes:
      id: unique in the dataset and stable from run to run.
      sequence: a serialized NoteSequence.
      metadata: what a builder knows of the piece, by name.
      num_notes: how many notes the sequence holds.
      seconds: how long it lasts.
      group: pieces of one group never lie in two splits; "" leaves it to the
        melody (`fingerprint.melody_fingerprint`).
      split: one of `SPLITS` if the source itself says which; "" leaves it to
        the group. It outranks the group.
      sketch: finds near-duplicates (`near_duplicates.sketch`); the base class
        of all builders sets this and the next, readers need not.
      histograms: what the notes are like, see `corpus_statistics`.

    Raises:
      ValueError: if there is no such split.
    """

    id: str
    sequence: bytes
    metadata: dict[str, str]
    num_notes: int
    seconds: float
    group: str = ""
    split: str = ""
    sketch: bytes = b""
    histograms: dict[str, dict[str, int]] = dataclasses.field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        if self.split and self.split not in SPLITS:
            raise ValueError(f"{self.id}: no split is called {self.split!r}")


@dataclasses.dataclass(frozen=True, slots=True)
class Reject:
    """A file, or a part of one, that could not be used.

    Attributes:
      id: which file or part.
      reason: one snake_case word, to count by.
      message: what is wrong with it, for a person.
    """

    id: str
    reason: str
    message: str


def group_number(group: str) -> int:
    """A number of 64 bits that follows from the group's name alone."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big")


def split_of(number: int) -> int:
    """The split of a group: 80 % train, 10 % validation, 10 % test.

    A function of the group alone: neither the order nor the rest of the corpus
    moves a piece from one split to another.

    Args:
      number: see `group_number`.

    Returns:
      An index of `SPLITS`.
    """
    position = number / 2**64
    return SPLITS.index(
        TRAIN if position < 0.8 else VALIDATION if position < 0.9 else TEST
    )
