"""Melodies of a fixed number of bars."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

import gin
import numpy as np

from magenta_lite.codecs import clips
from magenta_lite.codecs.base import Extraction
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.codecs.melody_extraction import (
    NO_EVENT,
    NOTE_OFF,
    NUM_SPECIAL_EVENTS,
)
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import QuantizedNotes

MELODY_PROGRAMS = tuple(range(32))
"""General MIDI's pianos, chromatic percussion, organs and guitars."""


@gin.register
@dataclasses.dataclass(frozen=True)
class MelodyClipCodec(clips.ClipCodec, MelodyCodec):
    """The events of `MelodyCodec`, in clips, as MusicVAE reads melodies.

    Notes outside the range or the programs are left out before melodies are
    looked for; the defaults are Magenta's `OneHotMelodyConverter`. Where a
    clip begins with the end of a note before it, that end is left out.

    Attributes:
      num_bars: length of a clip, in bars of four quarters.
      programs: MIDI programs that play melodies; None for all.
      max_clips: see `ClipCodec`.
    """

    min_pitch: int = 21
    max_pitch: int = 109
    min_bars: int = 1
    max_steps: int | None = 1600
    min_unique_pitches: int = 1
    ignore_polyphonic_notes: bool = True
    pad_end: bool = True
    num_bars: int = 2
    programs: tuple[int, ...] | None = MELODY_PROGRAMS
    max_clips: int | None = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.programs is not None:  # a list, where it comes from JSON
            object.__setattr__(self, "programs", tuple(self.programs))
        clips.check(type(self).__name__, self.num_bars, self.max_clips)
        if self.transpose_to_key is not None:
            raise UserError(
                f"{type(self).__name__}: clips keep their key; leave out "
                "transpose_to_key"
            )

    @property
    def num_clip_events(self) -> int:
        """One event a step."""
        return self.num_bars * self._steps_per_bar

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of pieces, sections, tracks, melodies."""
        return (
            {**super().reject_reasons}
            | clips.REJECT_REASONS
            | {
                "no_notes": "a piece without notes of "
                "MelodyClipCodec.programs in its range"
            }
            | clips.too_short("MelodyClipCodec", self.num_bars)
        )

    def find_clips(self, sequence: NoteSequence) -> Extraction:
        """Finds the clips of every melody; see `ClipCodec`."""
        rejects: collections.Counter = collections.Counter()
        found: list[np.ndarray] = []
        for notes in clips.sections(sequence, self.steps_per_quarter, rejects):
            playable = notes.take(self._is_playable(notes))
            rules = self._rules(playable)
            for melody in self._melodies(playable, rules, rejects):
                cut = clips.windows(
                    self._squash(melody.events)[0],
                    self.num_clip_events,
                    self._steps_per_bar,
                )
                found.extend(without_dangling_ends(cut))
                if not len(cut):
                    rejects["shorter_than_clip"] += 1
        return clips.finish(found, rejects, "no_notes")

    @property
    def _steps_per_bar(self) -> int:
        return clips.QUARTERS_PER_BAR * self.steps_per_quarter

    def _is_playable(self, notes: QuantizedNotes) -> np.ndarray:
        pitch = notes.notes.pitch
        inside = (self.min_pitch <= pitch) & (pitch < self.max_pitch)
        if self.programs is None:
            return inside
        return inside & np.isin(notes.notes.program, self.programs)


def without_dangling_ends(events: np.ndarray) -> np.ndarray:
    """Removes the note-offs before the first note of each clip.

    Args:
      events: melody events `[clips, time]`.
    """
    has_begun = np.logical_or.accumulate(events >= NUM_SPECIAL_EVENTS, axis=1)
    is_dangling = ~has_begun & (events == NOTE_OFF)
    return np.where(is_dangling, NO_EVENT, events).astype(np.int32)
