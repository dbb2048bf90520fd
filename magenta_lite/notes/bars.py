"""Where the bars of a sequence begin."""

from __future__ import annotations

import numpy as np

from magenta_lite.notes.proto import NoteSequence

_DEFAULT_QPM = 120.0
_SAME_TIME = 1e-6  # Quarters.


def bar_starts(
    sequence: NoteSequence, end_seconds: float, max_bars: int = 10_000
) -> np.ndarray:
    """Times of the bar lines, under the sequence's tempos and meters.

    4/4 at 120 quarters a minute hold until the sequence says otherwise; a new
    time signature begins a new bar wherever it stands.

    Args:
      sequence: times in seconds.
      end_seconds: bars that begin later are left out.
      max_bars: so many at most.

    Returns:
      float64 `[bars]`, in seconds, ascending from 0.
    """
    seconds, quarters, qpm = _tempo_points(sequence)
    slopes = qpm / 60
    meters = {0.0: 4.0}
    for meter in sorted(sequence.time_signatures, key=lambda one: one.time):
        if meter.numerator > 0 and meter.denominator > 0:
            part = np.searchsorted(seconds, meter.time, side="right") - 1
            start = quarters[part] + slopes[part] * (meter.time - seconds[part])
            meters[max(start, 0.0)] = 4.0 * meter.numerator / meter.denominator
    part = np.searchsorted(seconds, end_seconds, side="right") - 1
    last = quarters[part] + slopes[part] * (end_seconds - seconds[part])
    changes = [*meters, np.inf]
    starts: list[np.ndarray] = []
    for start, stop in zip(changes[:-1], changes[1:], strict=True):
        num_bars = np.ceil(
            (min(stop, last + _SAME_TIME) - start - _SAME_TIME) / meters[start]
        )
        count = int(min(max(num_bars, 0), max_bars))
        starts.append(start + meters[start] * np.arange(count))
    at_quarters = np.concatenate(starts)[:max_bars]
    part = np.searchsorted(quarters, at_quarters, side="right") - 1
    return seconds[part] + (at_quarters - quarters[part]) / slopes[part]


def _tempo_points(
    sequence: NoteSequence,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Seconds, quarters and tempo where each tempo starts: `[tempos]`."""
    points = {0.0: _DEFAULT_QPM}
    for tempo in sorted(sequence.tempos, key=lambda one: one.time):
        if tempo.qpm > 0:
            points[max(tempo.time, 0.0)] = tempo.qpm
    seconds = np.array(list(points))
    qpm = np.array(list(points.values()))
    quarters = np.append(0, np.cumsum(np.diff(seconds) * qpm[:-1] / 60))
    return seconds, quarters, qpm
