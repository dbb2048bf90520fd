"""Melody, bass and drums together, in clips."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterator, Mapping

import gin
import numpy as np

from magenta_lite.codecs import clips, metric_grid, trio_parts
from magenta_lite.codecs.base import DecodeContext, Extraction
from magenta_lite.codecs.drum_extraction import (
    DRUM_INSTRUMENT,
    class_of_pitch,
)
from magenta_lite.codecs.drums import NINE_DRUMS, DrumsCodec
from magenta_lite.codecs.limits import Limits
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.codecs.trio_parts import BASS, DRUMS, MELODY, NUM_PARTS
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import QuantizedNotes

BASS_INSTRUMENT = 1
ELECTRIC_BASS_PROGRAM = 33


@gin.register
@dataclasses.dataclass(frozen=True)
class TrioClipCodec(clips.ClipCodec):
    """Clips of three parts: an event is (melody, bass, drums).

    Melody and bass are events of `MelodyCodec`, drums of `DrumsCodec`. As in
    Magenta's `TrioConverter`, every melody of a piece is combined with every
    bass and every drummer, wherever all three play.

    Attributes:
      min_pitch: lowest MIDI pitch of melody and bass.
      max_pitch: the pitch above the highest.
      drum_classes: as in `DrumsCodec`.
      steps_per_quarter: resolution, 4 for sixteenths.
      num_bars: length of a clip, in bars of four quarters.
      gap_bars: bars that a part may be silent, before and after it plays.
      max_bars: where to cut a piece.
      max_clips: see `ClipCodec`.
    """

    min_pitch: int = 21
    max_pitch: int = 109
    drum_classes: tuple[tuple[int, ...], ...] = NINE_DRUMS
    steps_per_quarter: int = 4
    num_bars: int = 16
    gap_bars: int = 2
    max_bars: int = 1024
    max_clips: int | None = 5

    def __post_init__(self) -> None:
        # Lists come from gin and from JSON; tuples keep this hashable.
        classes = tuple(tuple(pitches) for pitches in self.drum_classes)
        object.__setattr__(self, "drum_classes", classes)
        clips.check(type(self).__name__, self.num_bars, self.max_clips)
        self._melody, self._drums  # noqa: B018 they check what is theirs

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Three fields."""
        return (NUM_PARTS,)

    @property
    def field_sizes(self) -> tuple[int, ...]:
        """Of melody, bass and drums."""
        pitched = self._melody.num_events
        return pitched, pitched, self._drums.num_events

    @property
    def num_events(self) -> int:
        """The largest of `field_sizes`."""
        return max(self.field_sizes)

    @property
    def num_clip_events(self) -> int:
        """One event a step."""
        return self.num_bars * self._steps_per_bar

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of sections."""
        return (
            clips.REJECT_REASONS
            | {
                "no_notes": "a piece without notes",
                "part_missing": "a section without a melody, a bass or drums, "
                "each on an instrument of its own",
                "parts_apart": "a section whose parts never play together for "
                f"TrioClipCodec.num_bars = {self.num_bars} bars",
            }
            | clips.too_short("TrioClipCodec", self.num_bars)
        )

    def find_clips(self, sequence: NoteSequence) -> Extraction:
        """Finds where three parts play together; see `ClipCodec`."""
        rejects: collections.Counter = collections.Counter()
        found: list[np.ndarray] = []
        for notes in clips.sections(sequence, self.steps_per_quarter, rejects):
            found.extend(self._section_clips(notes, rejects))
        return clips.finish(found, rejects, "no_notes")

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes the first melody, bass and drums of a primer from time zero.

        Args:
          sequence: the primer, with one tempo and one time signature; may lack
            parts.
          num_steps: see `Codec.encode_primer`.

        Raises:
          UserError: if tempo or time signature change, a bar is no whole
            number of steps, or the primer is longer than `num_steps`.
        """
        notes = metric_grid.quantize_primer(sequence, self.steps_per_quarter)
        used = int(notes.end_step.max(initial=0))
        start_step, length = metric_grid.fill_primer(0, used, num_steps)
        events = np.zeros([length, NUM_PARTS], np.int32)
        for part, instruments in trio_parts.instruments(notes).items():
            played = self._play(notes, part, instruments[0], length)
            if played is not None:
                events[:, part] = played
        context = DecodeContext(
            qpm=notes.qpm,
            start_step=start_step,
            time_signature=notes.time_signature,
        )
        return events, context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events `[time, 3]` into three instruments.

        The melody has the context's program and instrument, the bass that of
        an electric bass; drums are not transposed.

        Raises:
          ValueError: if a value is not one of its field's.
        """
        events = self.checked(events)
        context = context or DecodeContext()
        bass = dataclasses.replace(
            context, program=ELECTRIC_BASS_PROGRAM, instrument=BASS_INSTRUMENT
        )
        drums = dataclasses.replace(context, instrument=DRUM_INSTRUMENT)
        sequence = self._melody.decode(events[:, MELODY], context)
        for part in (
            self._melody.decode(events[:, BASS], bass),
            self._drums.decode(events[:, DRUMS], drums),
        ):
            sequence.notes.extend(part.notes)
            sequence.total_time = max(sequence.total_time, part.total_time)
        return sequence

    def allowed_events(
        self, limits: Limits, context: DecodeContext
    ) -> np.ndarray | None:
        """Pitches limit melody and bass, drum classes the drums."""
        pitched = dataclasses.replace(limits, drum_classes=None)
        allowed = super().allowed_events(pitched, context)
        if limits.drum_classes is None:
            return allowed
        if allowed is None:
            allowed = np.ones([NUM_PARTS, self.num_events], bool)
        of_drums = self._drums.allowed_events(
            Limits(drum_classes=limits.drum_classes), context
        )
        allowed[DRUMS, : self.field_sizes[DRUMS]] = of_drums
        return allowed

    def pitch_table(self) -> np.ndarray:
        """Pitches of melody and bass; see `Codec`."""
        table = np.full([NUM_PARTS, self.num_events], -1, np.int32)
        table[:DRUMS, : self._melody.num_events] = self._melody.pitch_table()
        return table

    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""
        return self.steps_per_quarter * qpm / 60.0

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[shifts, 3, values]`: drums stay what they are."""
        values = np.arange(self.num_events, dtype=np.int32)
        table = np.tile(values, [len(shifts), NUM_PARTS, 1])
        moved = self._melody.transposition_table(shifts)
        table[:, :DRUMS, : moved.shape[1]] = moved[:, None]
        return table

    @property
    def _steps_per_bar(self) -> int:
        return clips.QUARTERS_PER_BAR * self.steps_per_quarter

    @property
    def _melody(self) -> MelodyCodec:
        return MelodyCodec(
            self.min_pitch,
            self.max_pitch,
            steps_per_quarter=self.steps_per_quarter,
        )

    @property
    def _drums(self) -> DrumsCodec:
        return DrumsCodec(
            self.drum_classes, steps_per_quarter=self.steps_per_quarter
        )

    def _play(
        self, notes: QuantizedNotes, part: int, instrument: int, length: int
    ) -> np.ndarray | None:
        """What an instrument plays, int32 `[length]`; None for nothing."""
        own = notes.take(notes.notes.instrument == instrument)
        if part == DRUMS:
            return trio_parts.drums(
                own, class_of_pitch(self.drum_classes), length
            )
        return trio_parts.melody(own, self.min_pitch, self.max_pitch, length)

    def _section_clips(
        self, notes: QuantizedNotes, rejects: collections.Counter
    ) -> Iterator[np.ndarray]:
        bar = self._steps_per_bar
        num_bars = min(-(-notes.total_steps // bar), self.max_bars)
        if num_bars < self.num_bars:
            rejects["shorter_than_clip"] += 1
            return
        coverage = trio_parts.coverage(notes, num_bars)
        by_part = trio_parts.instruments(notes)
        played = {}
        for part, instruments in by_part.items():
            for instrument in instruments:
                events = self._play(notes, part, instrument, num_bars * bar)
                if events is not None:
                    played[instrument] = events
        groups = [
            [i for i in by_part.get(part, ()) if i in played]
            for part in range(NUM_PARTS)
        ]
        if not all(groups):
            rejects["part_missing"] += 1
            return
        silent = np.isin(np.arange(coverage.shape[1]), [*played], invert=True)
        coverage[:, silent] = False
        covered = trio_parts.fill_gaps(coverage, self.gap_bars)
        num_found = 0
        for group in itertools.product(*groups):
            events = np.stack([played[i] for i in group], axis=1)
            together = trio_parts.together(covered[:, group], self.gap_bars)
            whole = clips.windows(together, self.num_bars, 1).all(axis=1)
            cut = clips.windows(events, self.num_clip_events, bar)[whole]
            num_found += len(cut)
            yield from cut
        if not num_found:
            rejects["parts_apart"] += 1
