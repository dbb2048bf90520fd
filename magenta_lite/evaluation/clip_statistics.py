"""What a set of clips is like, and how far from it another set is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from magenta_lite.codecs.base import Codec, DecodeContext
from magenta_lite.evaluation.drum_statistics import total_variation

_NUM_PITCHES = 128
_MAX_COUNT = 1024
_LENGTHS_PER_QUARTER = 4
_MAX_LENGTH = 64
_QPM = 60.0  # Seconds are quarters.


@dataclasses.dataclass(frozen=True)
class ClipStatistics:
    """Counts over the notes of some clips.

    Attributes:
      num_clips: how many.
      distinct_share: how many of them are different from all before.
      empty_share: how many hold no note.
      notes: float64 `[clips]`, notes of each.
      pitches: float64 `[256]`, notes of each pitch, then of each drum.
      lengths: float64 `[64]`, notes by length in sixteenths, long ones last.
    """

    num_clips: int
    distinct_share: float
    empty_share: float
    notes: np.ndarray
    pitches: np.ndarray
    lengths: np.ndarray

    def as_json(self) -> dict[str, float]:
        """What can be said in numbers."""
        return {
            "num_clips": self.num_clips,
            "distinct_share": self.distinct_share,
            "empty_share": self.empty_share,
            "notes_mean": float(self.notes.mean()),
            "notes_deviation": float(self.notes.std()),
        }


def clip_statistics(
    codec: Codec, clips: Sequence[np.ndarray]
) -> ClipStatistics:
    """Counts the notes of clips.

    Args:
      codec: decodes them.
      clips: int32 `[time, *event_shape]` each; one at least.
    """
    context = DecodeContext(qpm=_QPM)
    notes = np.zeros([len(clips)])
    pitches = np.zeros([2 * _NUM_PITCHES])
    lengths = np.zeros([_MAX_LENGTH])
    for number, clip in enumerate(clips):
        played = codec.decode(clip, context).notes
        notes[number] = len(played)
        for note in played:
            pitches[note.pitch + _NUM_PITCHES * note.is_drum] += 1
            quarters = note.end_time - note.start_time
            length = round(_LENGTHS_PER_QUARTER * quarters)
            lengths[min(max(length, 1), _MAX_LENGTH) - 1] += 1
    return ClipStatistics(
        num_clips=len(clips),
        distinct_share=len({clip.tobytes() for clip in clips}) / len(clips),
        empty_share=float((notes == 0).mean()),
        notes=notes,
        pitches=pitches,
        lengths=lengths,
    )


def distances(one: ClipStatistics, other: ClipStatistics) -> dict[str, float]:
    """How far apart two sets are, each as a share from 0 to 1.

    Total variation: which share of the notes (of the clips, for `notes`) would
    have to change for the histograms to be equal.

    Args:
      one: a set.
      other: another one.
    """
    counts = [
        np.bincount(np.minimum(s.notes.astype(int), _MAX_COUNT), minlength=1)
        for s in (one, other)
    ]
    size = max(map(len, counts))
    padded = [np.pad(count, [0, size - len(count)]) for count in counts]
    pairs = {
        "notes": (padded[0], padded[1]),
        "pitches": (one.pitches, other.pitches),
        "lengths": (one.lengths, other.lengths),
    }
    return {
        f"{name}_distance": total_variation(_shares(a), _shares(b))
        for name, (a, b) in pairs.items()
    }


def _shares(counts: np.ndarray) -> np.ndarray:
    total = counts.sum()
    return counts / total if total else np.zeros(counts.shape)
