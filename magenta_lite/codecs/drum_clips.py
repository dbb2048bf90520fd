"""Drums of a fixed number of bars, as numbers or as rolls."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping

import gin
import numpy as np

from magenta_lite.codecs import clips, drum_extraction, metric_grid
from magenta_lite.codecs.base import DecodeContext, Extraction
from magenta_lite.codecs.drum_extraction import NO_CLASS
from magenta_lite.codecs.drums import NINE_DRUMS, DrumsCodec
from magenta_lite.codecs.limits import Limits
from magenta_lite.errors import UserError
from magenta_lite.notes import primers
from magenta_lite.notes.proto import NoteSequence


@gin.register
@dataclasses.dataclass(frozen=True)
class DrumClipCodec(clips.ClipCodec, DrumsCodec):
    """The events of `DrumsCodec`, in clips, as MusicVAE reads drums.

    Drums of no class are left out before tracks are looked for; the defaults
    are Magenta's `DrumsConverter`.

    Attributes:
      num_bars: length of a clip, in bars of four quarters.
      max_clips: see `ClipCodec`.
    """

    min_bars: int = 1
    max_steps: int | None = 1600
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
        """What each reason means: of pieces, sections, drum tracks."""
        return (
            {**super().reject_reasons}
            | clips.REJECT_REASONS
            | clips.too_short("DrumClipCodec", self.num_bars)
        )

    def find_clips(self, sequence: NoteSequence) -> Extraction:
        """Finds the clips of every drum track; see `ClipCodec`."""
        rejects: collections.Counter = collections.Counter()
        found = _clips(
            sequence,
            self.steps_per_quarter,
            self._class_of_pitch(),
            self._rules(),
            self.num_clip_events,
            rejects,
        )
        return clips.finish(
            (hits.astype(np.int32) for hits in found), rejects, "no_drums"
        )


def _clips(
    sequence: NoteSequence,
    steps_per_quarter: int,
    table: np.ndarray,
    rules: drum_extraction.Rules,
    num_steps: int,
    rejects: collections.Counter,
) -> Iterator[np.ndarray]:
    """The clips of all drum tracks of known drums: int64 `[num_steps]`."""
    for notes in clips.sections(sequence, steps_per_quarter, rejects):
        is_known = drum_extraction.classes_of(notes, table) != NO_CLASS
        known = notes.take(is_known)
        for track in drum_extraction.drum_tracks(known, table, rules):
            cut = clips.windows(track.hits, num_steps, int(notes.steps_per_bar))
            yield from cut
            if not len(cut):
                rejects["shorter_than_clip"] += 1


@gin.register
@dataclasses.dataclass(frozen=True)
class DrumRollClipCodec(clips.ClipCodec):
    """Clips of drums as vectors: one 0 or 1 for each class of drums.

    Holds more classes than `DrumClipCodec`, whose numbers double with each.

    Attributes:
      drum_classes: as in `DrumsCodec`; up to 62.
      steps_per_quarter: resolution, 4 for sixteenths.
      max_steps: longer tracks are cut before clips are taken; None for never.
      gap_bars: bars of silence that end a track.
      num_bars: length of a clip, in bars of four quarters.
      max_clips: see `ClipCodec`.
    """

    drum_classes: tuple[tuple[int, ...], ...] = NINE_DRUMS
    steps_per_quarter: int = 4
    max_steps: int | None = 1600
    gap_bars: float = 1.0
    num_bars: int = 2
    max_clips: int | None = 5

    def __post_init__(self) -> None:
        # Lists come from gin and from JSON; tuples keep this hashable.
        classes = tuple(tuple(pitches) for pitches in self.drum_classes)
        object.__setattr__(self, "drum_classes", classes)
        clips.check(type(self).__name__, self.num_bars, self.max_clips)
        found = drum_extraction.check_classes(
            "drum_classes", classes, drum_extraction.MAX_CLASSES
        )
        if self.steps_per_quarter < 1:
            found.append("steps_per_quarter must be at least 1")
        if not self.gap_bars > 0:
            found.append("gap_bars must be above 0")
        if found:
            raise UserError(f"DrumRollClipCodec: {'; '.join(found)}")

    @property
    def num_events(self) -> int:
        """The values of a class: not hit, hit."""
        return 2

    @property
    def event_shape(self) -> tuple[int, ...]:
        """One field for each class."""
        return (len(self.drum_classes),)

    @property
    def num_clip_events(self) -> int:
        """One event a step."""
        return self.num_bars * clips.QUARTERS_PER_BAR * self.steps_per_quarter

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of pieces, sections, drum tracks."""
        return (
            clips.REJECT_REASONS
            | {"no_drums": "a piece without drum notes of any class"}
            | clips.too_short("DrumRollClipCodec", self.num_bars)
        )

    def find_clips(self, sequence: NoteSequence) -> Extraction:
        """Finds the clips of every drum track; see `ClipCodec`."""
        rejects: collections.Counter = collections.Counter()
        found = _clips(
            sequence,
            self.steps_per_quarter,
            self._class_of_pitch(),
            drum_extraction.Rules(self.gap_bars, self.max_steps, pad_end=True),
            self.num_clip_events,
            rejects,
        )
        return clips.finish(
            (self._bits(hits) for hits in found), rejects, "no_drums"
        )

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """As `DrumsCodec.encode_primer`: all notes, as drums."""
        notes = metric_grid.quantize_primer(sequence, self.steps_per_quarter)
        hits, context = drum_extraction.primer_hits(
            notes, self._class_of_pitch(), num_steps
        )
        return self._bits(hits), context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events `[time, classes]` into drum notes of one step each.

        Raises:
          ValueError: if a value is not 0 or 1.
        """
        return drum_extraction.to_sequence(
            self.checked(events),
            self.drum_classes,
            context,
            self.steps_per_quarter,
        )

    def num_drums(self) -> int:
        """See `Codec`."""
        return len(self.drum_classes)

    def default_primer(self, qpm: float = 120.0) -> NoteSequence:
        """One hit of the first class, at a tempo in quarters a minute."""
        hit = (self.drum_classes[0][0],)
        return primers.drums([hit], qpm, self.steps_per_quarter).sequence

    def allowed_events(
        self, limits: Limits, context: DecodeContext
    ) -> np.ndarray | None:
        """Hits of allowed classes; pitches cannot be limited otherwise."""
        del context
        allowed = drum_extraction.allowed_classes(
            limits, self._class_of_pitch()
        )
        if allowed is None:
            return None
        events = np.ones([*self.event_shape, 2], bool)
        events[:, 1] = np.isin(np.arange(len(events)), list(allowed))
        return events

    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""
        return self.steps_per_quarter * qpm / 60.0

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[shifts, classes, 2]`: drums only stay what they are."""
        is_unison = np.reshape(shifts, [-1, 1, 1]) == 0
        values = np.broadcast_to(
            np.arange(2), [len(shifts), *self.event_shape, 2]
        )
        return np.where(is_unison, values, -1).astype(np.int32)

    def _bits(self, hits: np.ndarray) -> np.ndarray:
        return drum_extraction.bits(hits, len(self.drum_classes))

    def _class_of_pitch(self) -> np.ndarray:
        return drum_extraction.class_of_pitch(self.drum_classes)
