"""What a corpus is like, as histograms: small, whatever its size."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping

import numpy as np

PITCH = "pitch"
DRUM_PITCH = "drum_pitch"
VELOCITY = "velocity"
NOTE_SECONDS = "note_seconds"
PIECE_SECONDS = "piece_seconds"
TEMPO_QPM = "tempo_qpm"
METER = "meter"

HISTOGRAMS = (
    *(PITCH, DRUM_PITCH, VELOCITY, NOTE_SECONDS),
    *(PIECE_SECONDS, TEMPO_QPM, METER),
)
"""Their names; the first four count notes, the others pieces."""

BINS_PER_OCTAVE = 4
"""Of durations: bin i holds 2 ** (i / 4) to 2 ** ((i + 1) / 4) seconds."""

VELOCITY_BIN, QPM_BIN = 4, 5
UNSTATED = "unstated"
"""The bin of pieces that say no tempo or no meter."""

_MAX_QPM = 400
_LOG_RANGE = (-10 * BINS_PER_OCTAVE, 16 * BINS_PER_OCTAVE)

Histograms = dict[str, dict[str, int]]
"""By name of the histogram and of the bin: how often."""


def piece_histograms(
    notes: Mapping[str, np.ndarray],
    tempos: Mapping[str, np.ndarray],
    meters: Mapping[str, np.ndarray],
    seconds: float,
) -> Histograms:
    """The histograms of one piece.

    Args:
      notes: `pitch`, `velocity`, `start_time`, `end_time`, `is_drum`.
      tempos: `time`, `qpm`.
      meters: `time`, `numerator`, `denominator`.
      seconds: how long the piece lasts.
    """
    pitch, is_drum = notes["pitch"], notes["is_drum"]
    note_seconds = notes["end_time"] - notes["start_time"]
    tempo, meter = UNSTATED, UNSTATED
    if len(tempos["qpm"]):
        qpm = tempos["qpm"][_longest(tempos["time"], seconds)]
        tempo = str(int(min(qpm, _MAX_QPM)) // QPM_BIN * QPM_BIN)
    if len(meters["numerator"]):
        index = _longest(meters["time"], seconds)
        meter = f"{meters['numerator'][index]}/{meters['denominator'][index]}"
    return {
        PITCH: _count(pitch[~is_drum]),
        DRUM_PITCH: _count(pitch[is_drum]),
        VELOCITY: _count(notes["velocity"] // VELOCITY_BIN * VELOCITY_BIN),
        NOTE_SECONDS: _count(_log_bins(note_seconds)),
        PIECE_SECONDS: {str(_log_bins(np.array([seconds]))[0]): 1},
        TEMPO_QPM: {tempo: 1},
        METER: {meter: 1},
    }


def seconds_to_bin(seconds: float) -> float:
    """Where on the axis of the bins of durations a time lies."""
    return BINS_PER_OCTAVE * math.log2(seconds)


class CorpusHistograms:
    """The sum of the histograms of pieces."""

    def __init__(self) -> None:
        self._counters: dict[str, collections.Counter[str]] = {
            name: collections.Counter() for name in HISTOGRAMS
        }

    def add(self, histograms: Histograms) -> None:
        """Adds those of a piece."""
        for name, counts in histograms.items():
            self._counters[name].update(counts)

    def total(self) -> Histograms:
        """The sum; bins in order, meters by how many have them."""
        return {
            name: dict(sorted(counter.items(), key=_order))
            for name, counter in self._counters.items()
        }


def _order(bin_and_count: tuple[str, int]) -> tuple[int, int, str]:
    name, count = bin_and_count
    try:
        return 0, int(name), name
    except ValueError:
        return 1, -count, name


def _longest(starts: np.ndarray, end: float) -> int:
    """Which of the changes lasts longest; the first of equals."""
    if len(starts) == 1:
        return 0
    order = np.argsort(starts, kind="stable")
    ends = np.append(starts[order][1:], max(end, starts.max()))
    return int(order[np.argmax(ends - starts[order])])


def _log_bins(seconds: np.ndarray) -> np.ndarray:
    tiny = 2.0 ** (_LOG_RANGE[0] / BINS_PER_OCTAVE)
    exact = BINS_PER_OCTAVE * np.log2(np.maximum(seconds, tiny))
    bins = np.floor(exact + 1e-9)
    return np.minimum(bins, _LOG_RANGE[1]).astype(np.int64)


def _count(bins: np.ndarray) -> dict[str, int]:
    if not len(bins):
        return {}
    lowest = int(bins.min())
    counts = np.bincount(bins - lowest)
    used = counts.nonzero()[0]
    names = map(str, (used + lowest).tolist())
    return dict(zip(names, counts[used].tolist(), strict=True))
