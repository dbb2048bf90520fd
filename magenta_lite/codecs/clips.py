"""Clips: stretches of music that all have the same number of bars.

What models with a latent space (MusicVAE) learn. A window slides over a piece
bar by bar; equal clips of a piece count once.
"""

from __future__ import annotations

import abc
import collections
from collections.abc import Iterable, Iterator

import numpy as np

from magenta_lite.codecs import metric_grid
from magenta_lite.codecs.base import Codec, Extraction
from magenta_lite.errors import UserError
from magenta_lite.notes import quantize
from magenta_lite.notes.proto import NoteSequence

QUARTERS_PER_BAR = 4

REJECT_REASONS = metric_grid.REJECT_REASONS | {
    "other_meter": "a section whose bar does not last four quarters",
}
"""What the reasons that `sections` counts mean."""


class ClipCodec(Codec):
    """A codec whose examples all have one length.

    Subclasses are frozen dataclasses with a field `max_clips`: how many clips
    of a piece are taken, spread evenly over it; None takes all. Magenta took
    some at random.
    """

    max_clips: int | None

    @property
    @abc.abstractmethod
    def num_clip_events(self) -> int:
        """How many events every clip has."""

    @property
    def default_num_steps(self) -> int:
        """A clip."""
        return self.num_clip_events

    @abc.abstractmethod
    def find_clips(self, sequence: NoteSequence) -> Extraction:
        """Finds every different clip of a piece, in order.

        Args:
          sequence: any NoteSequence, quantised or not.

        Returns:
          int32 `[num_clip_events, *event_shape]` each, and the reasons, as
          keys of `reject_reasons`, for which parts gave no clip.
        """

    def extract(self, sequence: NoteSequence) -> Extraction:
        """At most `max_clips` of what `find_clips` finds."""
        found = self.find_clips(sequence)
        return Extraction(spread(found.events, self.max_clips), found.rejects)


def sections(
    sequence: NoteSequence,
    steps_per_quarter: int,
    rejects: collections.Counter,
) -> Iterator[quantize.QuantizedNotes]:
    """As `metric_grid.sections`, of those in bars of four quarters.

    Args:
      sequence: any NoteSequence; if it is quantised, its steps are used.
      steps_per_quarter: resolution of the grid.
      rejects: counts what is left out, under the keys of `REJECT_REASONS`.
    """
    for notes in metric_grid.sections(sequence, steps_per_quarter, rejects):
        if notes.steps_per_bar == steps_per_quarter * QUARTERS_PER_BAR:
            yield notes
        else:
            rejects["other_meter"] += 1


def windows(events: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Every window of some length, one after each hop.

    Args:
      events: `[time, ...]`.
      length: of a window.
      hop: how far apart windows begin.

    Returns:
      `[windows, length, ...]`, a copy; none where `events` are too short.
    """
    starts = np.arange(0, len(events) - length + 1, hop)
    return events[starts[:, None] + np.arange(length)]


def distinct(clips: Iterable[np.ndarray]) -> list[np.ndarray]:
    """The clips without those that are equal to an earlier one."""
    found: dict[bytes, np.ndarray] = {}
    for clip in clips:
        found.setdefault(clip.tobytes(), clip)
    return list(found.values())


def spread(clips: list[np.ndarray], most: int | None) -> list[np.ndarray]:
    """At most so many clips, evenly spread, the first and the last included."""
    if most is None or len(clips) <= most:
        return clips
    places = np.linspace(0, len(clips) - 1, most).round().astype(int)
    return [clips[place] for place in places]


def finish(
    clips: Iterable[np.ndarray], rejects: collections.Counter, nothing: str
) -> Extraction:
    """What `find_clips` returns.

    Args:
      clips: some may be equal.
      rejects: counts of what was left out.
      nothing: the reason where there was nothing at all.
    """
    return Extraction.of(distinct(clips), rejects, nothing)


def check(name: str, num_bars: int, max_clips: int | None) -> None:
    """Raises UserError if an argument of a clip codec makes no sense."""
    if num_bars < 1:
        raise UserError(f"{name}: num_bars must be at least 1")
    if max_clips is not None and max_clips < 1:
        raise UserError(f"{name}: max_clips must be at least 1 or None")


def too_short(name: str, num_bars: int) -> dict[str, str]:
    """The reason of what is shorter than a clip."""
    return {
        "shorter_than_clip": f"shorter than {name}.num_bars = {num_bars} bars"
    }
