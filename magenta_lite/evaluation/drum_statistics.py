"""What a set of drum tracks is like, in numbers that compare to another set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def bar_consistency(
    tracks: Sequence[np.ndarray], steps_per_bar: int = 16
) -> float:
    """How much neighbouring bars have their onsets at the same steps.

    One minus the mean Hamming distance between the onsets of a bar and those
    of the next, as a share of the steps (groove consistency; Wu and Yang,
    2020, as in MusPy).

    Args:
      tracks: drum events `[time]`, 0 for silence; whole bars count.
      steps_per_bar: of the grid.

    Returns:
      1 if all bars are alike; NaN if no track has two bars.
    """
    distances = []
    for track in tracks:
        num_bars = len(track) // steps_per_bar
        onsets = np.asarray(track)[: num_bars * steps_per_bar] > 0
        bars = onsets.reshape([num_bars, steps_per_bar])
        distances += list((bars[1:] != bars[:-1]).mean(axis=1))
    return 1 - float(np.mean(distances)) if distances else float("nan")


def class_histogram(
    tracks: Sequence[np.ndarray], num_classes: int = 9
) -> np.ndarray:
    """The share of each drum among all hits: float `[num_classes]`.

    Args:
      tracks: drum events `[time]`; bit k of an event says that drum k is hit.
      num_classes: how many drums there are.

    Returns:
      Shares that add up to 1; NaN if nothing is hit.
    """
    events = np.concatenate([np.asarray(track) for track in tracks])
    hits = events[:, np.newaxis] >> np.arange(num_classes) & 1
    counts = hits.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return counts / counts.sum()


def total_variation(one: np.ndarray, other: np.ndarray) -> float:
    """Half the sum of differences of two histograms: 0 alike, 1 disjoint."""
    return float(np.abs(np.asarray(one) - np.asarray(other)).sum() / 2)
