"""Piano rolls as pictures.

Drawn with matplotlib's objects, not with pyplot: there is no global state, no
window, and figures are freed with their last reference. matplotlib is imported
when the first picture is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from magenta_lite.notes import chords, names
from magenta_lite.notes.atomic import temporary_file
from magenta_lite.notes.bars import bar_starts
from magenta_lite.notes.proto import NoteSequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSTRUMENT_COLOURS = (
    *("#2f6fde", "#e07a1f", "#2a9d62", "#b5459c"),
    *("#c0392b", "#6b5bd2", "#14919b", "#8a6d1d"),
)
"""One for each instrument, in turn."""

PRIMER_COLOUR = "#9aa5b4"
"""Of notes that were given, not made."""

INK = "#30363f"
"""Of text and marks."""

GRID = "#d9dee5"
"""Of bar lines."""

_BLACK_KEYS = {1, 3, 6, 8, 10}
_SAME_TIME = 1e-6  # Seconds.
_MAX_BAR_LABELS = 32


def draw_piano_roll(
    sequence: NoteSequence,
    path: str | os.PathLike,
    primer_end_seconds: float | None = None,
    title: str | None = None,
) -> None:
    """Draws a sequence to a PNG file, which appears whole or not at all.

    Time runs to the right, in seconds below and in bars above; pitched notes
    lie on the keys of a piano, drums on a row each with its name, chord
    symbols above. Each instrument has its colour; louder notes are stronger.

    Args:
      sequence: times in seconds; may be empty.
      path: where to; an existing file is replaced.
      primer_end_seconds: notes that start earlier were given: they are grey,
        on a shaded ground, and a legend tells them from the continuation.
      title: a line above the picture.

    Raises:
      NotesError: if the file cannot be written.
    """
    figure = _figure(sequence, primer_end_seconds, title, dots_per_inch=150)
    with temporary_file(path) as temporary:
        figure.savefig(temporary, format="png")


def piano_roll_image(
    sequence: NoteSequence,
    primer_end_seconds: float | None = None,
    title: str | None = None,
) -> np.ndarray:
    """The picture of `draw_piano_roll`, smaller, as an array.

    Args:
      sequence: times in seconds; may be empty.
      primer_end_seconds: as for `draw_piano_roll`.
      title: a line above the picture.

    Returns:
      uint8 `[height, width, 3]`, red, green and blue.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _figure(sequence, primer_end_seconds, title, dots_per_inch=80)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _figure(
    sequence: NoteSequence,
    primer_end_seconds: float | None,
    title: str | None,
    dots_per_inch: int,
) -> Figure:
    from matplotlib.figure import Figure

    pitched = [note for note in sequence.notes if not note.is_drum]
    drums = [note for note in sequence.notes if note.is_drum]
    end = max((note.end_time for note in sequence.notes), default=1.0)
    end = max(end, primer_end_seconds or 0.0, 0.1)
    panels = [(_pitch_rows, pitched)] if pitched or not drums else []
    panels += [(_drum_rows, drums)] if drums else []
    heights = [2.6 if rows is _pitch_rows else 1.5 for rows, _ in panels]
    if len(panels) == 1:
        heights = [2.9]
    figure = Figure(
        figsize=(11, sum(heights) + 1.1),
        dpi=dots_per_inch,
        layout="constrained",
        facecolor="white",
    )
    colours = colours_of(sequence.notes)
    axes = figure.subplots(
        len(panels), sharex=True, squeeze=False, height_ratios=heights
    )[:, 0]
    for axis, (rows, notes) in zip(axes, panels, strict=True):
        axis.set_xlim(0, end)
        row_of = rows(axis, notes)
        draw_notes(axis, notes, row_of, colours, primer_end_seconds)
        _draw_time(axis, sequence, end, primer_end_seconds)
    _label_chords(axes[0], sequence, end)
    _label_bars(axes[0], bar_starts(sequence, end))
    axes[-1].set_xlabel("seconds", color=INK, fontsize=9)
    if title:
        figure.suptitle(title, x=0.012, ha="left", color=INK, fontsize=12)
    _add_legend(figure, colours, primer_end_seconds)
    return figure


def _pitch_rows(axis: Axes, notes: list[NoteSequence.Note]) -> dict[int, float]:
    """Lays out the keys of a piano around the notes; pitch to height."""
    pitches = [note.pitch for note in notes] or [60]
    low, high = min(pitches) - 2, max(pitches) + 2
    middle = (low + high) / 2
    low, high = int(min(low, middle - 9)), int(max(high, middle + 9))
    axis.set_ylim(low - 0.5, high + 0.5)
    for pitch in range(low, high + 1):
        if pitch % 12 in _BLACK_KEYS:
            axis.axhspan(pitch - 0.5, pitch + 0.5, color="#f4f6f9", zorder=0)
        if pitch % 12 == 0:
            axis.axhline(pitch - 0.5, color="#b9c2ce", linewidth=0.9, zorder=1)
    # Every octave if there are many, else some notes of each as well.
    shown = (0, 4, 7) if high - low <= 36 else (0,)
    ticks = [one for one in range(low, high + 1) if one % 12 in shown]
    axis.set_yticks(ticks, [names.pitch_name(one) for one in ticks])
    return {pitch: float(pitch) for pitch in pitches}


def _drum_rows(axis: Axes, notes: list[NoteSequence.Note]) -> dict[int, float]:
    """A named row for each drum that plays; pitch to height."""
    pitches = sorted({note.pitch for note in notes})
    axis.set_ylim(-0.6, len(pitches) - 0.4)
    axis.set_yticks(
        range(len(pitches)), [names.drum_name(pitch) for pitch in pitches]
    )
    for row in range(len(pitches)):
        axis.axhline(row, color=GRID, linewidth=0.7, zorder=1)
    return {pitch: float(row) for row, pitch in enumerate(pitches)}


def draw_notes(
    axis: Axes,
    notes: list[NoteSequence.Note],
    row_of: dict[int, float],
    instrument_colours: dict[tuple[int, bool], str],
    primer_end_seconds: float | None = None,
) -> None:
    """Draws notes as rounded boxes; the limits of the axes must be set.

    Args:
      axis: where.
      notes: times in the unit of the axis.
      row_of: the height of each pitch.
      instrument_colours: see `colours_of`.
      primer_end_seconds: what starts earlier was given.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import FancyBboxPatch

    left, right = axis.get_xlim()
    low, high = axis.get_ylim()
    # Corners look round only if they know how far the axes are stretched: a
    # panel is about four times as wide as high.
    stretch = 4 * (high - low) / (right - left)
    thinnest = (right - left) / 400
    boxes, colours = [], []
    for note in notes:
        length = max(note.end_time - note.start_time, thinnest)
        thickness = 0.84
        radius = min(0.25 / stretch, 0.45 * length)
        boxes.append(
            FancyBboxPatch(
                (note.start_time, row_of[note.pitch] - thickness / 2),
                length,
                thickness,
                boxstyle=f"round,pad=0,rounding_size={radius}",
                mutation_aspect=stretch,
            )
        )
        colour = instrument_colours[note.instrument, note.is_drum]
        if _is_primer(note, primer_end_seconds):
            colour = PRIMER_COLOUR
        colours.append(_louder(colour, note.velocity))
    axis.add_collection(
        PatchCollection(
            boxes,
            facecolors=colours,
            edgecolors="white",
            # Many notes are small, and borders would cover them.
            linewidths=0.6 if len(notes) < 600 else 0.1,
            zorder=3,
        )
    )


def _draw_time(
    axis: Axes,
    sequence: NoteSequence,
    end_seconds: float,
    primer_end_seconds: float | None,
) -> None:
    bars = bar_starts(sequence, end_seconds)
    for bar in bars[:: _bar_step(bars)]:
        axis.axvline(bar, color=GRID, linewidth=0.8, zorder=2)
    if primer_end_seconds:
        axis.axvspan(
            0, primer_end_seconds, color=PRIMER_COLOUR, alpha=0.16, zorder=1.5
        )
        axis.axvline(
            primer_end_seconds, color=INK, linewidth=1, linestyle=(0, (4, 3))
        )
    axis.tick_params(colors=INK, labelsize=8, length=3)
    for spine in axis.spines.values():
        spine.set_color("#b9c2ce")


def _label_bars(axis: Axes, bars: np.ndarray) -> None:
    above = axis.secondary_xaxis("top")
    step = _bar_step(bars)
    above.set_xticks(
        bars[::step], [str(number + 1) for number in range(0, len(bars), step)]
    )
    above.tick_params(colors=INK, labelsize=8, length=0)
    above.set_xlabel("bar", color=INK, fontsize=9)
    above.spines["top"].set_visible(False)


def _label_chords(
    axis: Axes, sequence: NoteSequence, end_seconds: float
) -> None:
    """Chord symbols, where there are any, on a row of their own."""
    symbols = [
        annotation
        for annotation in sequence.text_annotations
        if chords.is_chord(annotation) and annotation.time < end_seconds
    ]
    if not symbols:
        return
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.12 * (high - low))
    for symbol in symbols:
        axis.text(
            symbol.time + end_seconds / 400,
            high + 0.06 * (high - low),
            symbol.text,
            color=INK,
            fontsize=8 if len(symbols) <= 2 * _MAX_BAR_LABELS else 5,
            verticalalignment="center",
            clip_on=True,
            parse_math=False,
        )


def _bar_step(bars: np.ndarray) -> int:
    """Every how many bars to show one, lest lines and numbers collide."""
    step = 1
    while len(bars) / step > _MAX_BAR_LABELS:
        step *= 2
    return step


def _add_legend(
    figure: Figure,
    colours: dict[tuple[int, bool], str],
    primer_end_seconds: float | None,
) -> None:
    """Primer and continuation, or the instruments; nothing for just one."""
    from matplotlib.patches import Patch

    entries = {
        ("drums" if is_drum else f"instrument {number}"): colour
        for (number, is_drum), colour in colours.items()
    }
    if primer_end_seconds:
        if len(entries) == 1:
            entries = {"continuation": next(iter(entries.values()))}
        entries = {"primer": PRIMER_COLOUR} | entries
    if len(entries) > 1:
        figure.legend(
            handles=[
                Patch(facecolor=colour, label=label)
                for label, colour in list(entries.items())[:9]
            ],
            loc="outside upper right",
            ncols=9,
            frameon=False,
            fontsize=9,
            labelcolor=INK,
            handlelength=1.2,
            handleheight=0.8,
        )


def colours_of(
    notes: Iterable[NoteSequence.Note],
) -> dict[tuple[int, bool], str]:
    """A colour for each (instrument, is_drum)."""
    found = sorted({(note.instrument, note.is_drum) for note in notes})
    return {
        one: INSTRUMENT_COLOURS[index % len(INSTRUMENT_COLOURS)]
        for index, one in enumerate(found)
    }


def _is_primer(
    note: NoteSequence.Note, primer_end_seconds: float | None
) -> bool:
    return (
        primer_end_seconds is not None
        and note.start_time < primer_end_seconds - _SAME_TIME
    )


def _louder(colour: str, velocity: int) -> tuple[float, ...]:
    """A colour mixed with white, the less the louder; red, green, blue."""
    from matplotlib.colors import to_rgb

    strength = 0.35 + 0.65 * min(max(velocity, 0) / 90, 1.0)
    return tuple(1 - strength * (1 - part) for part in to_rgb(colour))
