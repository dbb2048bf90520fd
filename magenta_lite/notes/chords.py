"""Chord symbols of a piece: where they stand, on a grid of steps.

The meaning is that of note_seq's chord progressions.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.chord_symbols import NO_CHORD
from magenta_lite.errors import UserError
from magenta_lite.notes import quantize
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import QuantizedNotes

_CHORD_SYMBOL = NoteSequence.TextAnnotation.CHORD_SYMBOL


class CoincidentChordsError(UserError):
    """Two different chords begin at one step."""


@dataclasses.dataclass(frozen=True)
class ChordChanges:
    """Chord symbols in order of time.

    Attributes:
      steps: int64 `[changes]`, where each begins; not falling.
      figures: the symbols.
    """

    steps: np.ndarray
    figures: tuple[str, ...]

    def at_steps(self, start_step: int, num_steps: int) -> list[str]:
        """The symbol that holds at each of some steps.

        Args:
          start_step: the first one.
          num_steps: how many.

        Returns:
          `num_steps` symbols, `NO_CHORD` before the first of all.

        Raises:
          CoincidentChordsError: if two different ones begin at one of them.
        """
        end_step = start_step + num_steps
        at_once = np.flatnonzero(np.diff(self.steps) == 0)
        for index in at_once.tolist():
            one, other = self.figures[index : index + 2]
            step = int(self.steps[index])
            if one != other and start_step <= step < end_step:
                raise CoincidentChordsError(
                    f"the chords {one} and {other} begin at once, at step "
                    f"{step}; leave one of them out"
                )
        wanted = np.arange(start_step, end_step)
        places = np.searchsorted(self.steps, wanted, side="right")
        names = (NO_CHORD, *self.figures)
        return [names[place] for place in places.tolist()]


def is_chord(annotation: NoteSequence.TextAnnotation) -> bool:
    """Whether an annotation is a chord symbol."""
    return annotation.annotation_type == _CHORD_SYMBOL


def has_chords(sequence: NoteSequence) -> bool:
    """Whether a piece has chord symbols."""
    return any(map(is_chord, sequence.text_annotations))


def chord_changes(
    sequence: NoteSequence, notes: QuantizedNotes
) -> ChordChanges:
    """The chord symbols of a section of a piece.

    A symbol before the section holds on in it.

    Args:
      sequence: the piece.
      notes: of the section; steps count from its start.
    """
    symbols = list(filter(is_chord, sequence.text_annotations))
    if sequence.quantization_info.steps_per_quarter:
        symbols.sort(key=lambda symbol: symbol.quantized_step)
        steps = np.array([s.quantized_step for s in symbols], np.int64)
        return ChordChanges(steps, tuple(s.text for s in symbols))
    symbols.sort(key=lambda symbol: symbol.time)
    seconds = np.array([s.time for s in symbols]) - notes.offset_seconds
    first = max(0, int(np.searchsorted(seconds, 0.0, side="right")) - 1)
    rate = notes.steps_per_quarter * notes.qpm / 60.0
    steps = quantize.quantize_to_step(np.maximum(seconds[first:], 0), rate)
    return ChordChanges(steps, tuple(s.text for s in symbols[first:]))


def add_chords(
    sequence: NoteSequence,
    figures: list[str],
    step_seconds: float,
    start_seconds: float = 0.0,
) -> None:
    """Writes a symbol to a sequence wherever the chord changes.

    Args:
      sequence: gets text annotations.
      figures: the symbol that holds at each step.
      step_seconds: length of a step.
      start_seconds: where the first step lies.
    """
    last = NO_CHORD
    for step, figure in enumerate(figures):
        if figure != last:
            sequence.text_annotations.add(
                time=start_seconds + step * step_seconds,
                text=figure,
                annotation_type=_CHORD_SYMBOL,
            )
        last = figure
