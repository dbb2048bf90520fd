"""Drum performances on a grid: what is hit, how loud, how early."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

import gin
import numpy as np

from magenta_lite import groove_events
from magenta_lite.codecs import clips, drum_extraction, metric_grid
from magenta_lite.codecs.base import DecodeContext, Extraction
from magenta_lite.codecs.drum_extraction import DRUM_INSTRUMENT, NO_CLASS
from magenta_lite.codecs.drums import NINE_DRUMS
from magenta_lite.codecs.limits import Limits
from magenta_lite.errors import UserError
from magenta_lite.notes import primers, quantize
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import QuantizedNotes

ROLAND_DRUMS = (
    (36,),  # bass drum
    (38, 37, 40),  # snare
    (42, 22, 44),  # closed hi-hat
    (46, 26),  # open hi-hat
    (43, 58),  # low tom
    (47, 45),  # mid tom
    (50, 48),  # high tom
    (49, 52, 55, 57),  # crash cymbal
    (51, 53, 59),  # ride cymbal
)
"""The pitches of nine drums on the electronic kit of the Groove dataset."""

_MAX_VELOCITY = 127


@gin.register
@dataclasses.dataclass(frozen=True)
class GrooveClipCodec(clips.ClipCodec):
    """Clips of hits, velocities and offsets, as GrooVAE reads drums.

    An event is a vector laid out as `magenta_lite.groove_events` says. The
    offset of a hit is how far before its step it lies, from -1 (half a step
    late) to 1 (half a step early). Of hits of one drum in one step the loudest
    counts. As Magenta's `GrooveConverter`, but that only drums count, and that
    a pitch of no drum is left out.

    Attributes:
      drum_classes: the MIDI pitches of each drum in music to learn from; the
        first is the one that `decode` plays.
      primer_classes: the pitches of each drum in a primer, which may come from
        any kit.
      steps_per_quarter: resolution, 4 for sixteenths.
      num_bars: length of a clip, in bars of four quarters. Clips do not
        overlap.
      max_clips: see `ClipCodec`.
    """

    drum_classes: tuple[tuple[int, ...], ...] = ROLAND_DRUMS
    primer_classes: tuple[tuple[int, ...], ...] = NINE_DRUMS
    steps_per_quarter: int = 4
    num_bars: int = 2
    max_clips: int | None = 20

    def __post_init__(self) -> None:
        # Lists come from gin and from JSON; tuples keep this hashable.
        found = []
        for name in ("drum_classes", "primer_classes"):
            classes = tuple(tuple(p) for p in getattr(self, name))
            object.__setattr__(self, name, classes)
            found += drum_extraction.check_classes(
                name, classes, drum_extraction.MAX_CLASSES
            )
        if len(self.drum_classes) != len(self.primer_classes):
            found.append("drum_classes and primer_classes differ in number")
        if self.steps_per_quarter < 1:
            found.append("steps_per_quarter must be at least 1")
        if found:
            raise UserError(f"GrooveClipCodec: {'; '.join(found)}")
        clips.check(type(self).__name__, self.num_bars, self.max_clips)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Five fields for each drum."""
        return (groove_events.NUM_GROUPS * len(self.drum_classes),)

    @property
    def field_sizes(self) -> tuple[int, ...]:
        """Hits, then digits."""
        return groove_events.field_sizes(len(self.drum_classes))

    @property
    def num_events(self) -> int:
        """The values of a digit."""
        return groove_events.DIGIT

    @property
    def num_clip_events(self) -> int:
        """One event a step."""
        return self.num_bars * self._steps_per_bar

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of pieces."""
        return (
            clips.REJECT_REASONS
            | {"no_drums": "a piece without drum notes of any drum"}
            | clips.too_short("GrooveClipCodec", self.num_bars)
        )

    def find_clips(self, sequence: NoteSequence) -> Extraction:
        """Cuts a piece of one tempo and meter into clips, from time zero."""
        rejects: collections.Counter = collections.Counter()
        found: list[np.ndarray] = []
        try:
            section = quantize.whole_section(sequence)
            notes = quantize.quantize(section, self.steps_per_quarter)
        except quantize.QuantizeError as error:
            rejects[error.reason] += 1
            return Extraction([], rejects)
        if notes.steps_per_bar != self._steps_per_bar:
            rejects["other_meter"] += 1
            return Extraction([], rejects)
        notes = notes.take(notes.notes.is_drum)
        events = self._events(notes, self.drum_classes)
        if len(events):
            length = self.num_clip_events
            found.extend(clips.windows(events, length, length))
            if not found:
                rejects["shorter_than_clip"] += 1
        return clips.finish(found, rejects, "no_drums")

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes all of a primer; every note counts as a drum.

        Args:
          sequence: the primer, with one tempo and one time signature.
          num_steps: see `Codec.encode_primer`.

        Returns:
          Events from the bar line before the first hit, in whole bars unless
          `num_steps` says otherwise, and the context.

        Raises:
          UserError: if tempo or time signature change, a bar is no whole
            number of steps, or the primer is longer than `num_steps`.
        """
        notes = metric_grid.quantize_primer(sequence, self.steps_per_quarter)
        events = self._events(notes, self.primer_classes)
        is_hit = events[:, : len(self.drum_classes)].any(axis=1)
        bar = int(notes.steps_per_bar)
        first = int(is_hit.argmax()) // bar * bar if len(events) else 0
        used = int(np.flatnonzero(is_hit)[-1]) + 1 if len(events) else 0
        start_step, length = metric_grid.fill_primer(
            first, used - first, num_steps
        )
        context = DecodeContext(
            qpm=notes.qpm,
            start_step=start_step,
            time_signature=notes.time_signature,
            instrument=DRUM_INSTRUMENT,
        )
        own = events[first:used]
        return np.concatenate([own, self._rests(length - len(own))]), context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events into drum notes that last one step each.

        Velocities are rounded to MIDI's, from 1; nothing is played before
        time zero.

        Raises:
          ValueError: if a value is not one of its field's.
        """
        events = self.checked(events)
        context = context or DecodeContext(instrument=DRUM_INSTRUMENT)
        hits, velocities, offsets = self._numbers(events)
        steps, drums = np.nonzero(hits)
        velocity = np.rint(velocities[steps, drums] * _MAX_VELOCITY)
        velocity = np.clip(velocity, 1, _MAX_VELOCITY).astype(int)
        places = context.start_step + steps - offsets[steps, drums] / 2
        sequence = context.new_sequence()
        step_seconds = 60.0 / context.qpm / self.steps_per_quarter
        starts = np.maximum(places, 0.0) * step_seconds
        for start, drum, loudness in zip(
            starts.tolist(), drums.tolist(), velocity.tolist(), strict=True
        ):
            sequence.notes.add(
                pitch=self.drum_classes[drum][0],
                velocity=loudness,
                instrument=context.instrument,
                program=context.program,
                is_drum=True,
                start_time=start,
                end_time=start + step_seconds,
            )
        ends = starts + step_seconds
        sequence.total_time = float(ends.max(initial=0.0))
        return sequence

    def default_primer(self, qpm: float = 120.0) -> NoteSequence:
        """One hit of the first drum, at a tempo in quarters a minute."""
        hit = (self.primer_classes[0][0],)
        return primers.drums([hit], qpm, self.steps_per_quarter).sequence

    def allowed_events(
        self, limits: Limits, context: DecodeContext
    ) -> np.ndarray | None:
        """Hits of allowed drums; pitches cannot be limited otherwise."""
        del context
        allowed = drum_extraction.allowed_classes(
            limits, drum_extraction.class_of_pitch(self.primer_classes)
        )
        if allowed is None:
            return None
        events = np.ones([*self.event_shape, self.num_events], bool)
        drums = np.arange(len(self.drum_classes))
        events[drums, 1] = np.isin(drums, list(allowed))
        return events

    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""
        return self.steps_per_quarter * qpm / 60.0

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[shifts, fields, 1024]`: drums only stay what they are."""
        is_unison = np.reshape(shifts, [-1, 1, 1]) == 0
        values = np.arange(self.num_events)
        table = np.where(is_unison, values, -1)
        shape = [len(shifts), *self.event_shape, self.num_events]
        return np.broadcast_to(table, shape).astype(np.int32)

    @property
    def _steps_per_bar(self) -> int:
        return clips.QUARTERS_PER_BAR * self.steps_per_quarter

    def _events(
        self, notes: QuantizedNotes, classes: tuple[tuple[int, ...], ...]
    ) -> np.ndarray:
        """All hits from step 0 to the end of the last bar: int32 events."""
        table = drum_extraction.class_of_pitch(classes)
        drum = drum_extraction.classes_of(notes, table)
        kept = (drum != NO_CLASS) & (notes.notes.velocity > 0)
        notes, drum = notes.take(kept), drum[kept]
        if not len(drum):
            return self._rests(0)
        steps, velocity = notes.start_step, notes.notes.velocity
        # The loudest of each step and drum comes first, then the earlier.
        order = np.lexsort((-velocity, drum, steps))
        is_first = np.append(
            True, (np.diff(steps[order]) != 0) | (np.diff(drum[order]) != 0)
        )
        rows = order[is_first]
        step_seconds = 60.0 / notes.qpm / self.steps_per_quarter
        ahead = steps * step_seconds - notes.notes.start_seconds
        bar = int(notes.steps_per_bar)
        shape = [-(-int(steps.max() + 1) // bar) * bar, len(classes)]
        hits = np.zeros(shape)
        velocities, offsets = hits.copy(), hits.copy()
        places = steps[rows], drum[rows]
        hits[places] = 1
        velocities[places] = velocity[rows] / _MAX_VELOCITY
        offsets[places] = 2 * ahead[rows] / step_seconds
        return self._from_numbers(hits, velocities, offsets)

    def _rests(self, num_steps: int) -> np.ndarray:
        zeros = np.zeros([num_steps, len(self.drum_classes)])
        return self._from_numbers(zeros, zeros, zeros)

    def _from_numbers(
        self, hits: np.ndarray, velocities: np.ndarray, offsets: np.ndarray
    ) -> np.ndarray:
        """Hits, velocities and offsets `[time, drums]` as events."""
        loud = np.rint(velocities * groove_events.VELOCITY_UNITS)
        loud = np.clip(loud, 0, groove_events.VELOCITY_UNITS).astype(int)
        units = groove_events.OFFSET_UNITS
        early = np.clip(np.rint(offsets * units) + units, 0, 2 * units)
        digits = [
            digit
            for value in (loud, early.astype(int))
            for digit in np.divmod(value, groove_events.DIGIT)
        ]
        return np.concatenate([hits, *digits], axis=1).astype(np.int32)

    def _numbers(
        self, events: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The inverse of `_from_numbers`."""
        hits, *digits = np.split(events, groove_events.NUM_GROUPS, axis=1)
        loud = digits[0] * groove_events.DIGIT + digits[1]
        early = digits[2] * groove_events.DIGIT + digits[3]
        units = groove_events.OFFSET_UNITS
        return hits, loud / groove_events.VELOCITY_UNITS, early / units - 1
