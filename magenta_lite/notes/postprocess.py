"""Repairs to generated music: no stuck, overlapping or hanging notes.

All functions take notes as arrays once and write them back once; a sequence
keeps the order of its notes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.notes.proto import NoteSequence

_MIN_SECONDS = 1e-3
"""Shorter notes are inaudible, and MIDI rounds them to nothing."""
_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class PostProcessing:
    """Which repairs are made beside those that always are.

    Attributes:
      max_note_seconds: longer notes are stuck; they end after that long.
      min_note_seconds: shorter notes are left out.
      smooth_seconds: a note is held until the next one of its instrument if
        the gap is no longer than this.
      steps_per_quarter: notes start and end on this grid; None leaves them
        where they are.
    """

    max_note_seconds: float | None = None
    min_note_seconds: float = 0.0
    smooth_seconds: float = 0.0
    steps_per_quarter: int | None = None


def post_process(
    sequence: NoteSequence,
    end_seconds: float,
    options: PostProcessing | None = None,
) -> NoteSequence:
    """A copy in which every note ends, and none covers another.

    Always: nothing sounds beyond `end_seconds`; a note ends where another of
    its pitch and instrument starts; of two that start together the longer one
    stays.

    Args:
      sequence: in seconds.
      end_seconds: the end of the music.
      options: further repairs, made first, in the order of their attributes,
        the grid before all.
    """
    options = options or PostProcessing()
    result = NoteSequence()
    result.CopyFrom(sequence)
    notes = _Notes(sequence)
    if options.steps_per_quarter is not None:
        qpm = sequence.tempos[0].qpm if sequence.tempos else 120.0
        notes.round_to(60.0 / qpm / options.steps_per_quarter)
    if options.max_note_seconds is not None:
        notes.end = np.minimum(
            notes.end, notes.start + options.max_note_seconds
        )
    shortest = max(options.min_note_seconds, 0.0)
    notes.keep(notes.end - notes.start >= shortest)
    if options.smooth_seconds > 0:
        notes.hold(options.smooth_seconds)
    beyond = notes.end > end_seconds + _TOLERANCE
    notes.end = np.where(beyond, end_seconds, notes.end)
    notes.cut_overlaps()
    # Those that others cut short are no longer than any that were left out.
    notes.keep(notes.end - notes.start >= max(shortest, _MIN_SECONDS))
    notes.write_to(result)
    result.total_time = min(sequence.total_time, end_seconds)
    last_end = float(notes.end.max(initial=0.0))
    result.total_time = max(result.total_time, last_end)
    return result


class _Notes:
    """Start, end, and voice of notes, with the row of each."""

    def __init__(self, sequence: NoteSequence) -> None:
        notes = sequence.notes
        count = len(notes)
        self.row = np.arange(count)
        self.start = np.fromiter((n.start_time for n in notes), float, count)
        self.end = np.fromiter((n.end_time for n in notes), float, count)
        self.pitch = np.fromiter((n.pitch for n in notes), np.int64, count)
        self.voice = np.fromiter(
            (2 * n.instrument + n.is_drum for n in notes), np.int64, count
        )

    def keep(self, chosen: np.ndarray) -> None:
        """Keeps some of the notes."""
        for name, values in vars(self).items():
            setattr(self, name, values[chosen])

    def round_to(self, step_seconds: float) -> None:
        """Moves starts and ends to a grid; every note lasts a step."""
        start = np.round(self.start / step_seconds)
        end = np.maximum(np.round(self.end / step_seconds), start + 1)
        self.start, self.end = start * step_seconds, end * step_seconds

    def hold(self, gap_seconds: float) -> None:
        """Holds notes through gaps up to the next start of the same voice."""
        for voice in np.unique(self.voice):
            rows = np.flatnonzero(self.voice == voice)
            starts = np.sort(self.start[rows])
            at = np.searchsorted(starts, self.end[rows])
            following = np.append(starts, np.inf)[at]
            is_gap = following - self.end[rows] <= gap_seconds
            self.end[rows[is_gap]] = following[is_gap]

    def cut_overlaps(self) -> None:
        """Ends notes where the next one of the same voice and pitch starts."""
        order = np.lexsort((self.end, self.start, self.pitch, self.voice))
        same = (np.diff(self.voice[order]) == 0) & (
            np.diff(self.pitch[order]) == 0
        )
        first, second = order[:-1][same], order[1:][same]
        self.end[first] = np.minimum(self.end[first], self.start[second])

    def write_to(self, sequence: NoteSequence) -> None:
        """Writes the notes that are left into a copy of their sequence."""
        times = dict(
            zip(
                self.row.tolist(),
                zip(self.start.tolist(), self.end.tolist(), strict=True),
                strict=True,
            )
        )
        kept = []
        for row, note in enumerate(sequence.notes):
            if row in times:
                note.start_time, note.end_time = times[row]
                kept.append(note)
        if len(kept) < len(sequence.notes):
            copies = [
                NoteSequence.Note.FromString(n.SerializeToString())
                for n in kept
            ]
            del sequence.notes[:]
            sequence.notes.extend(copies)
