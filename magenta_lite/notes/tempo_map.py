"""Ticks to seconds and back under tempo changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

DEFAULT_MICROSECONDS_PER_QUARTER = 500_000
"""120 quarters a minute, which MIDI takes where a file names no tempo."""


@dataclasses.dataclass(frozen=True)
class TempoMap:
    """A piecewise linear map between ticks and seconds.

    Attributes:
      ticks: `[tempos]` int64, where each tempo starts; the first is 0.
      seconds: `[tempos]` float64, the same places in seconds.
      seconds_per_tick: `[tempos]` float64.
      ticks_per_quarter: the resolution.
    """

    ticks: np.ndarray
    seconds: np.ndarray
    seconds_per_tick: np.ndarray
    ticks_per_quarter: int

    @classmethod
    def from_midi(
        cls, tempos: Iterable[tuple[int, int]], ticks_per_quarter: int
    ) -> TempoMap:
        """The map of a MIDI file's tempo events, as pretty_midi builds it.

        The last event at tick 0 counts, and a repeated tempo adds nothing. The
        order of the floating-point operations is pretty_midi's, so that the
        times are equal to the last bit.

        Args:
          tempos: (tick, microseconds per quarter) of each event, ticks
            ascending, microseconds above 0.
          ticks_per_quarter: the file's resolution.
        """
        starts = [0]
        scales = [60.0 / (120.0 * ticks_per_quarter)]
        for tick, tempo in tempos:
            scale = 60.0 / ((6e7 / tempo) * ticks_per_quarter)
            if tick == 0:
                starts, scales = [0], [scale]
            elif scale != scales[-1]:
                starts.append(tick)
                scales.append(scale)
        seconds = [0.0]
        for index in range(1, len(starts)):
            step = starts[index] - starts[index - 1]
            seconds.append(seconds[-1] + scales[index - 1] * step)
        return cls(
            np.array(starts, np.int64),
            np.array(seconds),
            np.array(scales),
            ticks_per_quarter,
        )

    @property
    def qpm(self) -> np.ndarray:
        """`[tempos]` float64, quarters per minute."""
        return 60.0 / (self.seconds_per_tick * self.ticks_per_quarter)

    def to_seconds(self, ticks: np.ndarray) -> np.ndarray:
        """Ticks `[n]` as float64 seconds `[n]`."""
        ticks = np.asarray(ticks, np.int64)
        part: int | np.ndarray = 0
        # A tick where the tempo changes belongs to the tempo that ends there
        # in exact arithmetic; both sides give the same stored second.
        if len(self.ticks) > 1:
            part = np.searchsorted(self.ticks, ticks, side="right") - 1
        return self.seconds[part] + self.seconds_per_tick[part] * (
            ticks - self.ticks[part]
        )

    def to_ticks(self, seconds: np.ndarray) -> np.ndarray:
        """Seconds `[n]` as the nearest int64 ticks `[n]`."""
        seconds = np.asarray(seconds, np.float64)
        part = np.searchsorted(self.seconds, seconds, side="right") - 1
        part = np.maximum(part, 0)
        offset = (seconds - self.seconds[part]) / self.seconds_per_tick[part]
        return self.ticks[part] + np.rint(offset).astype(np.int64)
