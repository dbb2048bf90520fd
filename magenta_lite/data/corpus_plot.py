"""A look at a corpus: one picture of its histograms."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from magenta_lite.data import corpus_statistics as stats
from magenta_lite.data.preparation_report import PreparationReport
from magenta_lite.notes import names
from magenta_lite.notes.atomic import temporary_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE_NAME = "corpus.png"

_INK, _FAINT, _GRID = "#30363f", "#7a8594", "#e3e7ec"
_PITCHED, _DRUMS, _PIECES = "#2f6fde", "#e07a1f", "#2a9d62"
_MAX_NAMES = 8
_INCHES = (13.0, 7.2)
_DPI = 110
_MARGINS = {
    "left": 0.1,
    "right": 0.98,
    "bottom": 0.08,
    "top": 0.88,
    "wspace": 0.32,
    "hspace": 0.35,
}
"""Room for the longest name of a drum; finding out would double the time."""

_SECONDS_TICKS = (
    (1 / 64, "1/64 s"),
    (1 / 16, "1/16 s"),
    (1 / 4, "1/4 s"),
    (1, "1 s"),
    (4, "4 s"),
    (15, "15 s"),
    (60, "1 min"),
    (240, "4 min"),
    (900, "15 min"),
    (3600, "1 h"),
    (14400, "4 h"),
)


def draw_corpus(report: PreparationReport, path: str | os.PathLike) -> None:
    """Draws how pitches, lengths, tempos and meters are distributed.

    Args:
      report: its histograms are drawn.
      path: of a PNG file, which appears whole or not at all.

    Raises:
      NotesError: if the file cannot be written.
    """
    # Slow to import, and most who import this module draw nothing.
    from matplotlib.figure import Figure

    figure = Figure(_INCHES, _DPI, facecolor="white")
    figure.subplots_adjust(**_MARGINS)
    axes = figure.subplots(2, 3).ravel()
    histograms: stats.Histograms = {name: {} for name in stats.HISTOGRAMS}
    histograms |= report.histograms
    _draw_pitch(axes[0], histograms)
    _draw_velocity(axes[1], histograms[stats.VELOCITY])
    _draw_seconds(
        axes[2], histograms[stats.NOTE_SECONDS], "Length of notes", _PITCHED
    )
    _draw_tempo(axes[3], histograms[stats.TEMPO_QPM])
    _draw_named(axes[4], "Meter", "pieces", histograms[stats.METER], _PIECES)
    _draw_seconds(
        axes[5], histograms[stats.PIECE_SECONDS], "Length of pieces", _PIECES
    )
    figure.suptitle(
        _headline(report), color=_INK, fontsize=14, x=0.02, ha="left"
    )
    with temporary_file(path) as temporary:
        figure.savefig(temporary, metadata={"Software": None})


def _headline(report: PreparationReport) -> str:
    parts = report.splits.values()
    pieces = sum(part.num_sequences for part in parts)
    notes = sum(part.num_notes for part in parts)
    hours = sum(part.seconds for part in parts) / 3600
    return (
        f"{pieces:,} pieces    {notes:,} notes    {hours:,.1f} hours    "
        f"{sum(report.rejects.values()):,} left out"
    )


def _draw_pitch(axes: Axes, histograms: stats.Histograms) -> None:
    pitched = _numeric(histograms[stats.PITCH])
    drums = _numeric(histograms[stats.DRUM_PITCH])
    if not pitched and drums:
        named = {names.drum_name(pitch): n for pitch, n in drums.items()}
        _draw_named(axes, "Drums", "notes", named, _DRUMS)
        return
    _style(axes, "Pitch", "notes")
    axes.bar([*pitched], [*pitched.values()], 1.0, color=_PITCHED)
    bottoms = [pitched.get(pitch, 0) for pitch in drums]
    axes.bar([*drums], [*drums.values()], 1.0, bottoms, color=_DRUMS)
    if drums:
        axes.legend(
            axes.containers,
            ["pitched", "drums"],
            frameon=False,
            labelcolor=_INK,
            fontsize=9,
        )
    low = min([*pitched, *drums, 48])
    high = max([*pitched, *drums, 72])
    axes.set_xlim(low - 1, high + 1)
    octaves = [pitch for pitch in range(0, 128, 12) if low <= pitch <= high]
    axes.set_xticks(octaves, [names.pitch_name(pitch) for pitch in octaves])


def _draw_velocity(axes: Axes, counts: dict[str, int]) -> None:
    bins = _numeric(counts)
    _style(axes, "Velocity", "notes")
    axes.bar(
        [*bins],
        [*bins.values()],
        stats.VELOCITY_BIN * 0.92,
        align="edge",
        color=_PITCHED,
    )
    axes.set_xlim(0, 128)
    axes.set_xticks(range(0, 129, 16))


def _draw_seconds(
    axes: Axes, counts: dict[str, int], title: str, colour: str
) -> None:
    """Durations on a logarithmic scale."""
    bins = _numeric(counts)
    _style(axes, title, "notes" if colour == _PITCHED else "pieces")
    axes.bar([*bins], [*bins.values()], 0.92, align="edge", color=colour)
    low, high = _main_range(bins)
    axes.set_xlim(low - 1, high + 2)
    places = {
        stats.seconds_to_bin(seconds): label
        for seconds, label in _SECONDS_TICKS
    }
    shown = [place for place in places if low - 1 <= place <= high + 2]
    axes.set_xticks(shown, [places[place] for place in shown])


def _draw_tempo(axes: Axes, counts: dict[str, int]) -> None:
    bins = _numeric(counts)
    _style(axes, "Tempo in quarters a minute", "pieces")
    axes.bar(
        [*bins],
        [*bins.values()],
        stats.QPM_BIN * 0.92,
        align="edge",
        color=_PIECES,
    )
    low, high = _main_range(bins)
    axes.set_xlim(min(low, 60) - 5, max(high, 180) + 10)
    unstated = counts.get(stats.UNSTATED, 0)
    if unstated:
        _note(axes, f"{unstated:,} say none")


def _draw_named(
    axes: Axes, title: str, counted: str, counts: dict[str, int], colour: str
) -> None:
    """A bar for each of the most frequent, and one for all others."""
    _style(axes, title, counted, count_along="x")
    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in shown[_MAX_NAMES:])
    shown = shown[:_MAX_NAMES] + ([("others", rest)] if rest else [])
    axes.barh(
        [name for name, _ in shown], [n for _, n in shown], 0.7, color=colour
    )
    axes.set_ylim(max(len(shown), _MAX_NAMES) - 0.5, -0.5)


def _style(
    axes: Axes, title: str, counted: str, count_along: str = "y"
) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, color=_INK, fontsize=11, loc="left")
    axes.tick_params(colors=_INK, labelsize=9, length=0)
    axis = axes.yaxis if count_along == "y" else axes.xaxis
    axis.set_label_text(counted, color=_FAINT, fontsize=9)
    axis.set_major_formatter(_short)
    axis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid(axis=count_along, color=_GRID)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    if count_along == "y":
        axes.margins(y=0.1)
    else:
        axes.margins(x=0.1)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)


def _note(axes: Axes, text: str) -> None:
    axes.text(
        0.99,
        0.97,
        text,
        transform=axes.transAxes,
        ha="right",
        va="top",
        color=_FAINT,
        fontsize=9,
    )


def _short(count: float, place: float = 0) -> str:
    """1500000 as "1.5M"."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:g}{letter}"
    return f"{count:g}"


def _numeric(counts: dict[str, int]) -> dict[int, int]:
    return {int(n): c for n, c in counts.items() if n != stats.UNSTATED}


def _main_range(bins: dict[int, int]) -> tuple[int, int]:
    """Where all but one in a thousand lie, on either side."""
    if not bins:
        return 0, 1
    order = sorted(bins)
    spare = sum(bins.values()) / 1000
    low = high = 0
    passed = 0.0
    for low in order:
        passed += bins[low]
        if passed > spare:
            break
    passed = 0.0
    for high in reversed(order):
        passed += bins[high]
        if passed > spare:
            break
    return low, high
