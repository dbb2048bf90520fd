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
      group: pieces of one group never lie in two splits.
      metadata: what a builder knows of the piece, by name.
      num_notes: how many notes the sequence holds.
      seconds: how long it lasts.
      split: one of `SPLITS` if the source itself says which; "" leaves it to
        the group. It outranks the group.

    Raises:
      ValueError: if there is no such split.
    """

    id: str
    sequence: bytes
    group: str
    metadata: dict[str, str]
    num_notes: int
    seconds: float
    split: str = ""

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


def group_position(group: str) -> float:
    """A number in [0, 1) that depends on the group's name alone."""
    digest = hashlib.sha256(group.encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def split_of(group: str) -> str:
    """The split of a group: 80 % train, 10 % validation, 10 % test.

    A function of the group alone: neither the order nor the rest of the corpus
    moves a piece from one split to another.
    """
    position = group_position(group)
    if position < 0.8:
        return TRAIN
    return VALIDATION if position < 0.9 else TEST
