"""What a codec made of each NoteSequence of a split: a CSV file.

One line a sequence, in the data set's order, with the columns `id`,
`examples`, `events` and `left_out`, e.g. `polyphonic:2 too_short:1`.
"""

from __future__ import annotations

import csv
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping

_HEADER = ("id", "examples", "events", "left_out")


@dataclasses.dataclass(frozen=True)
class SequenceCounts:
    """What came of one sequence.

    Attributes:
      sequence_id: its id in the data set.
      num_examples: how many examples were extracted.
      num_events: the sum of their lengths.
      rejects: how many parts were left out, by reason.
    """

    sequence_id: str
    num_examples: int
    num_events: int
    rejects: Mapping[str, int]


class SequenceTableWriter:
    """Writes the table line by line; memory does not grow with it.

    Args:
      path: the file; replaced if it is there.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file, lineterminator="\n")
        self._csv.writerow(_HEADER)

    def write(self, counts: SequenceCounts) -> None:
        """Adds a line."""
        left_out = " ".join(f"{r}:{n}" for r, n in counts.rejects.items())
        self._csv.writerow(
            (
                counts.sequence_id,
                counts.num_examples,
                counts.num_events,
                left_out,
            )
        )

    def close(self) -> None:
        """Completes the file."""
        self._file.close()


def read_sequence_table(path: pathlib.Path) -> Iterator[SequenceCounts]:
    """The lines of a table, in order."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for sequence_id, examples, events, left_out in rows:
            pairs = (pair.rpartition(":") for pair in left_out.split())
            rejects = {reason: int(count) for reason, _, count in pairs}
            yield SequenceCounts(
                sequence_id, int(examples), int(events), rejects
            )
