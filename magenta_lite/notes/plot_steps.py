"""Several pieces under each other, step after step, in one picture."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from magenta_lite.errors import UserError
from magenta_lite.notes import plot
from magenta_lite.notes.atomic import temporary_file
from magenta_lite.notes.bars import bar_starts
from magenta_lite.notes.proto import NoteSequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_STEPS = 64
_PANEL_INCHES = 1.15
_WIDTH_INCHES = 11
_LONG_SECONDS = 1e6
_SAME_BAR = 1e-3


def draw_steps(
    sequences: Sequence[NoteSequence],
    titles: Sequence[str],
    path: str | os.PathLike,
    title: str | None = None,
) -> None:
    """Draws pieces as piano rolls under each other, to a PNG file.

    All share their pitches, and time up to the end of the longest: what
    changes from step to step is seen at a glance. Drums have a row each.

    Args:
      sequences: 1 to `MAX_STEPS`, times in seconds; some may be empty.
      titles: stand on the left of each.
      path: where to; the file appears whole or not at all.
      title: a line above the picture.

    Raises:
      UserError: if there are none or too many.
      NotesError: if the file cannot be written.
    """
    if not 1 <= len(sequences) <= MAX_STEPS:
        raise UserError(
            f"a picture holds 1 to {MAX_STEPS} steps, not {len(sequences)}."
        )
    figure = _figure(sequences, titles, title)
    with temporary_file(path) as temporary:
        figure.savefig(temporary, format="png")


def _figure(
    sequences: Sequence[NoteSequence],
    titles: Sequence[str],
    title: str | None,
) -> Figure:
    from matplotlib.figure import Figure

    notes = [note for sequence in sequences for note in sequence.notes]
    rows = _rows(notes)
    num_bars = max(_num_bars(sequence) for sequence in sequences)
    figure = Figure(
        figsize=(_WIDTH_INCHES, _PANEL_INCHES * len(sequences) + 0.8),
        dpi=130,
        layout="constrained",
        facecolor="white",
    )
    colours = plot.colours_of(notes)
    axes = figure.subplots(len(sequences), squeeze=False)[:, 0]
    for axis, sequence, own_title in zip(axes, sequences, titles, strict=True):
        axis.set_xlim(0, num_bars)
        axis.set_ylim(-1, max(rows.values(), default=0) + 1)
        _draw_panel(axis, sequence, rows, colours)
        axis.set_ylabel(
            own_title,
            rotation=0,
            ha="right",
            va="center",
            color=plot.INK,
            fontsize=9,
        )
    axes[-1].set_xticks(range(num_bars + 1))
    axes[-1].tick_params(labelbottom=True, colors=plot.INK, labelsize=8)
    axes[-1].set_xlabel("bars", color=plot.INK, fontsize=9)
    if title:
        figure.suptitle(title, x=0.012, ha="left", color=plot.INK, fontsize=12)
    return figure


def _draw_panel(
    axis: Axes,
    sequence: NoteSequence,
    rows: dict[tuple[int, bool], float],
    colours: dict[tuple[int, bool], str],
) -> None:
    """One piece; time in bars, since steps may differ in tempo."""
    axis.set_yticks([])
    axis.tick_params(labelbottom=False, length=0)
    for bar in range(int(axis.get_xlim()[1])):
        axis.axvline(bar, color=plot.GRID, linewidth=0.8, zorder=2)
    for spine in axis.spines.values():
        spine.set_color("#b9c2ce")
    scaled = NoteSequence()
    scaled.CopyFrom(sequence)
    bar_seconds = _bar_seconds(sequence)
    for note in scaled.notes:
        note.start_time /= bar_seconds
        note.end_time /= bar_seconds
    for is_drum in (False, True):
        notes = [note for note in scaled.notes if note.is_drum == is_drum]
        heights = {note.pitch: rows[note.pitch, is_drum] for note in notes}
        plot.draw_notes(axis, notes, heights, colours)


def _rows(notes: Sequence[NoteSequence.Note]) -> dict[tuple[int, bool], float]:
    """Heights of (pitch, is_drum): drums below, then a gap, then pitches."""
    drums = sorted({note.pitch for note in notes if note.is_drum})
    pitches = {note.pitch for note in notes if not note.is_drum}
    rows = {(pitch, True): float(row) for row, pitch in enumerate(drums)}
    above = len(drums) + 1 if drums else 0
    for pitch in pitches:
        rows[pitch, False] = float(above + pitch - min(pitches))
    return rows


def _bar_seconds(sequence: NoteSequence) -> float:
    """How long the first bar lasts."""
    first, second = bar_starts(sequence, _LONG_SECONDS, max_bars=2)
    return float(second - first)


def _num_bars(sequence: NoteSequence) -> int:
    end = max((note.end_time for note in sequence.notes), default=0.0)
    return max(1, math.ceil(end / _bar_seconds(sequence) - _SAME_BAR))
