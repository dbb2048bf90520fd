"""What a set of pieces is like, in numbers that show where a model fails.

A model that plays nonsense leaves its range, lets notes hang, repeats itself
without end, or plays its training data. None of these numbers is good or bad by
itself: compare those of new music with those of real music of the same length.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from magenta_lite.evaluation.copied_runs import (
    longest_copied_runs,
    longest_repeat,
)
from magenta_lite.notes.proto import NoteSequence


@dataclasses.dataclass(frozen=True)
class PieceStatistics:
    """One piece.

    Attributes:
      seconds: total time.
      num_events: how many events it is made of.
      num_notes: how many notes.
      num_pitches: how many different pitches.
      lowest_pitch: MIDI pitch; NaN if there are no notes.
      highest_pitch: the same.
      longest_note_seconds: a note that hangs is as long as the piece; NaN if
        there are no notes.
      num_overlaps: notes that start while the same pitch of the same
        instrument sounds, or that end behind the piece.
      repeat_events: the longest run of events that comes twice.
      copy_events: the longest run of events that the training data holds.
    """

    seconds: float
    num_events: int
    num_notes: int
    num_pitches: int
    lowest_pitch: float
    highest_pitch: float
    longest_note_seconds: float
    num_overlaps: int
    repeat_events: int
    copy_events: int


def describe_pieces(
    sequences: Sequence[NoteSequence],
    events: Sequence[np.ndarray],
    training: Iterable[np.ndarray],
) -> list[PieceStatistics]:
    """Measures pieces one by one.

    Args:
      sequences: the notes of each piece.
      events: the events of each, integers `[time, *event_shape]`.
      training: events that count as known, e.g. `EventCache.examples()` of
        the training split.
    """
    copies = longest_copied_runs(events, training)
    return [
        _describe(*piece)
        for piece in zip(sequences, events, copies, strict=True)
    ]


def medians(pieces: Sequence[PieceStatistics]) -> dict[str, float]:
    """The median of each number over some pieces, by name."""
    names = [field.name for field in dataclasses.fields(PieceStatistics)]
    return {
        name: float(np.median([getattr(piece, name) for piece in pieces]))
        for name in names
    }


def first_steps(
    events: np.ndarray, steps_table: np.ndarray, num_steps: int
) -> np.ndarray:
    """The events that start within the first time steps of a piece.

    Args:
      events: integers `[time, *event_shape]`.
      steps_table: see `Codec.steps_table`.
      num_steps: how many time steps.
    """
    table = np.atleast_2d(steps_table)  # [fields, num_events]
    fields = np.asarray(events, np.int64).reshape([len(events), -1])
    steps = table[np.arange(len(table)), fields].sum(axis=1)
    starts = np.cumsum(steps) - steps
    return events[starts < num_steps]


def _describe(
    sequence: NoteSequence, events: np.ndarray, copy_events: int
) -> PieceStatistics:
    pitches = [note.pitch for note in sequence.notes]
    lengths = [n.end_time - n.start_time for n in sequence.notes]
    nan = float("nan")
    return PieceStatistics(
        seconds=sequence.total_time,
        num_events=len(events),
        num_notes=len(pitches),
        num_pitches=len(set(pitches)),
        lowest_pitch=min(pitches, default=nan),
        highest_pitch=max(pitches, default=nan),
        longest_note_seconds=max(lengths, default=nan),
        num_overlaps=_num_overlaps(sequence),
        repeat_events=longest_repeat(events),
        copy_events=copy_events,
    )


def _num_overlaps(sequence: NoteSequence) -> int:
    tolerance = 1e-6  # seconds; times are sums of floats
    ends: dict[tuple[int, int], float] = {}
    count = 0
    for note in sorted(sequence.notes, key=lambda n: n.start_time):
        key = (note.instrument, note.pitch)
        is_early = note.start_time < ends.get(key, 0.0) - tolerance
        is_late = note.end_time > sequence.total_time + tolerance
        count += is_early or is_late
        ends[key] = max(ends.get(key, 0.0), note.end_time)
    return count
