"""Melodies of a fixed number of bars, with the chord at each step."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

import gin
import numpy as np

from magenta_lite.codecs import clips
from magenta_lite.codecs.base import Extraction
from magenta_lite.codecs.lead_sheet import LeadSheetCodec
from magenta_lite.codecs.melody_clips import without_dangling_ends
from magenta_lite.notes.chords import ChordChanges
from magenta_lite.notes.proto import NoteSequence


@gin.register
@dataclasses.dataclass(frozen=True)
class LeadSheetClipCodec(clips.ClipCodec, LeadSheetCodec):
    """The events of `LeadSheetCodec`, in clips.

    As Magenta's `OneHotMelodyConverter` with a chord encoding, but that a
    chord which cannot be told costs a clip and not the piece. A clip that
    comes again over other chords counts again.

    Attributes:
      num_bars: length of a clip, in bars of four quarters.
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
    max_clips: int | None = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        clips.check(type(self).__name__, self.num_bars, self.max_clips)

    @property
    def num_clip_events(self) -> int:
        """One event a step."""
        return self.num_bars * clips.QUARTERS_PER_BAR * self.steps_per_quarter

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of pieces, sections, melodies, clips."""
        return (
            {**super().reject_reasons}
            | clips.REJECT_REASONS
            | clips.too_short("LeadSheetClipCodec", self.num_bars)
        )

    def find_clips(self, sequence: NoteSequence) -> Extraction:
        """Finds the clips of every melody; see `ClipCodec`."""
        rejects: collections.Counter = collections.Counter()
        found: list[np.ndarray] = []
        for notes in clips.sections(sequence, self.steps_per_quarter, rejects):
            bar = int(notes.steps_per_bar)
            changes = _before(
                self._chord_changes(sequence, notes), notes.total_steps
            )
            pitch = notes.notes.pitch
            inside = (self.min_pitch <= pitch) & (pitch < self.max_pitch)
            for melody in self._melody_codec.section_melodies(
                notes.take(inside), rejects
            ):
                cut = clips.windows(melody.events, self.num_clip_events, bar)
                if not len(cut):
                    rejects["shorter_than_clip"] += 1
                for number, own in enumerate(without_dangling_ends(cut)):
                    start_step = melody.start_step + number * bar
                    chords, reason = self._chord_events(
                        changes, start_step, len(own)
                    )
                    if reason is None and not chords.any():
                        reason = "no_chords"
                    if reason is None:
                        clip = np.concatenate([own[:, None], chords], axis=1)
                        found.append(clip.astype(np.int32))
                    else:
                        rejects[reason] += 1
        return clips.finish(found, rejects, "no_notes")


def _before(changes: ChordChanges, num_steps: int) -> ChordChanges:
    """The chords of a section alone: the last one holds to the bar's end."""
    kept = int(np.searchsorted(changes.steps, num_steps))
    return ChordChanges(changes.steps[:kept], changes.figures[:kept])
