"""Drum tracks: which drums are hit, on a grid of steps."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping

import gin
import numpy as np

from magenta_lite.codecs import metric_grid
from magenta_lite.codecs.base import (
    Codec,
    DecodeContext,
    Extraction,
    NoteEvents,
)
from magenta_lite.codecs.limits import Limits
from magenta_lite.errors import UserError
from magenta_lite.notes import primers
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import QuantizedNotes

NUM_PITCHES = 128
DRUM_INSTRUMENT = 9
"""Where note_seq puts drums, as General MIDI does on channel 10."""

NINE_DRUMS = (
    (36, 35),  # bass drum
    (38, 27, 28, 31, 32, 33, 34, 37, 39, 40, 56, 65, 66, 75, 85),  # snare
    (42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 22),  # closed hi-hat
    (46, 67, 72, 74, 79, 81, 26),  # open hi-hat
    (45, 29, 41, 43, 61, 64, 84),  # low tom
    (48, 47, 60, 63, 77, 86, 87),  # mid tom
    (50, 30, 62, 76, 83),  # high tom
    (49, 52, 55, 57, 58),  # crash cymbal
    (51, 53, 59, 82),  # ride cymbal
)
"""The MIDI pitches of nine drums, note_seq's DEFAULT_DRUM_TYPE_PITCHES."""

_MAX_CLASSES = 16
_NO_CLASS = -1


@gin.register
@dataclasses.dataclass(frozen=True)
class DrumsCodec(Codec):
    """One event a step: a number whose bit i says that drum class i is hit.

    A hit has no length and no velocity. The defaults of the extraction rules
    are those with which Magenta trained its Drums RNNs.

    Attributes:
      drum_classes: the MIDI pitches of each class; the first of a class is
        the one that `decode` plays.
      other_class: the class of pitches that are listed nowhere; None leaves
        them out.
      steps_per_quarter: resolution, 4 for sixteenths.
      min_bars: shorter tracks are left out.
      max_steps: longer tracks are cut; None for never.
      gap_bars: bars of silence that end a track.
      pad_end: lengthen a track to a full bar (and cut it at one).
      ignore_is_drum: take notes of other instruments for drums, too.
    """

    drum_classes: tuple[tuple[int, ...], ...] = NINE_DRUMS
    other_class: int | None = None
    steps_per_quarter: int = 4
    min_bars: int = 7
    max_steps: int | None = 512
    gap_bars: float = 1.0
    pad_end: bool = False
    ignore_is_drum: bool = False

    def __post_init__(self) -> None:
        # Lists come from gin and from JSON; tuples keep this hashable.
        classes = tuple(tuple(pitches) for pitches in self.drum_classes)
        object.__setattr__(self, "drum_classes", classes)
        listed = [pitch for pitches in classes for pitch in pitches]
        other = self.other_class
        problems = {
            f"needs 1 to {_MAX_CLASSES} drum_classes": not 1
            <= len(classes)
            <= _MAX_CLASSES,
            "a class of drum_classes has no pitch": not all(classes),
            "a pitch in drum_classes is not in 0 to 127": any(
                not 0 <= pitch < NUM_PITCHES for pitch in listed
            ),
            "a pitch stands twice in drum_classes": len(set(listed))
            < len(listed),
            f"other_class {other} is no class": other is not None
            and not 0 <= other < len(classes),
            "steps_per_quarter must be at least 1": self.steps_per_quarter < 1,
            "max_steps must be at least 1 or None": self.max_steps is not None
            and self.max_steps < 1,
            "gap_bars must be above 0": not self.gap_bars > 0,
        }
        found = [problem for problem, is_so in problems.items() if is_so]
        if found:
            raise UserError(f"DrumsCodec: {'; '.join(found)}")

    @property
    def num_events(self) -> int:
        """All sets of drum classes."""
        return 2 ** len(self.drum_classes)

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of pieces, sections, drum tracks."""
        return metric_grid.REJECT_REASONS | {
            "no_drums": "a piece without drum notes; "
            "DrumsCodec.ignore_is_drum = True takes all notes for drums",
            "too_short": "a drum track shorter than DrumsCodec.min_bars = "
            f"{self.min_bars} bars",
        }

    def extract(self, sequence: NoteSequence) -> Extraction:
        """Finds the drum tracks, one after the other.

        The piece is cut where its tempo or time signature changes; the drums
        of all its instruments are one track, which ends where nothing is hit
        for `gap_bars`. What is left out is counted under the names in
        `reject_reasons`.

        Args:
          sequence: any NoteSequence; if it is quantised, its steps are used.

        Returns:
          Drum tracks, each from the bar line before its first hit.
        """
        rejects: collections.Counter = collections.Counter()
        tracks = []
        for notes in metric_grid.sections(
            sequence, self.steps_per_quarter, rejects
        ):
            for _, num_steps, events in self._tracks(
                notes, self.gap_bars, self.max_steps
            ):
                too_short = num_steps < notes.steps_per_bar * self.min_bars
                if too_short or not len(events):
                    rejects["too_short"] += 1
                else:
                    tracks.append(events)
        return Extraction.of(tracks, rejects, nothing="no_drums")

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes all of a primer, as Magenta's drum generator does.

        Gaps do not end it, and every note counts as a drum. Its first event
        lies on the bar line before its first hit.

        Args:
          sequence: the primer, with one tempo and one time signature.
          num_steps: if given, the step at which the primer ends: silence is
            added up to it. Where there is no hit, that is one step.

        Returns:
          Events int32 `[time]`, so that `context.start_step + len(events)` is
          `num_steps` if that is given, and the context.

        Raises:
          UserError: if tempo or time signature change, a bar is no whole
            number of steps, or the primer is longer than `num_steps`.
        """
        notes = metric_grid.quantize_primer(sequence, self.steps_per_quarter)
        all_drums = dataclasses.replace(
            self, ignore_is_drum=True, pad_end=False
        )
        nothing = (0, 0, np.zeros([0], np.int32))
        tracks = all_drums._tracks(notes, float("inf"), None)
        start_step, _, events = next(tracks, nothing)
        start_step, length = metric_grid.fill_primer(
            start_step, len(events), num_steps
        )
        context = DecodeContext(
            qpm=notes.qpm,
            start_step=start_step,
            time_signature=notes.time_signature,
            instrument=DRUM_INSTRUMENT,
        )
        return np.pad(events, (0, length - len(events))), context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events into drum notes of one step each.

        Args:
          events: integers `[time]`.
          context: where the events lie in time; by default the instrument is
            that of drums, 9. Drums are not transposed.

        Returns:
          A NoteSequence with the context's tempo and time signature that
          ends with its last note.

        Raises:
          ValueError: if an event is not in `[0, num_events)`.
        """
        events = self.checked(events)
        context = context or DecodeContext(instrument=DRUM_INSTRUMENT)
        is_hit = events[:, None] >> np.arange(len(self.drum_classes)) & 1
        steps, classes = np.nonzero(is_hit)
        main_pitches = np.array([pitches[0] for pitches in self.drum_classes])
        hits = zip(steps.tolist(), main_pitches[classes].tolist(), strict=True)
        return _to_sequence(hits, context, self.steps_per_quarter)

    def default_primer(self, qpm: float = 120.0) -> NoteSequence:
        """One hit of the first class, at a tempo in quarters a minute."""
        hit = (self.drum_classes[0][0],)
        return primers.drums([hit], qpm, self.steps_per_quarter).sequence

    def allowed_events(
        self, limits: Limits, context: DecodeContext
    ) -> np.ndarray | None:
        """Sets of allowed classes; pitches cannot be limited otherwise."""
        del context
        if limits.limits_pitches:
            raise UserError(
                "min_pitch, max_pitch and scale are for models of pitches; "
                "drum_classes limit drums."
            )
        if limits.drum_classes is None:
            return None
        class_of_pitch = self._class_of_pitch()
        bits = 0
        for pitch in limits.drum_classes:
            if class_of_pitch[pitch] == _NO_CLASS:
                raise UserError(
                    f"drum_classes: {pitch} belongs to no class of this model."
                )
            bits |= 1 << int(class_of_pitch[pitch])
        return np.arange(self.num_events) & ~bits == 0

    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""
        return self.steps_per_quarter * qpm / 60.0

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[len(shifts), num_events]`: drums only stay what they are."""
        events = np.arange(self.num_events, dtype=np.int32)
        is_unison = np.array(shifts, np.int32).reshape([-1, 1]) == 0
        return np.where(is_unison, events, np.int32(-1))

    def note_events(self) -> NoteEvents:
        """What hits anything starts a note, which nothing has to end."""
        events = np.arange(self.num_events, dtype=np.int32)
        starts = np.where(events == 0, -1, events)
        return NoteEvents(starts, np.full_like(events, -1), rest=0)

    def _tracks(
        self, notes: QuantizedNotes, gap_bars: float, max_steps: int | None
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """First step, uncut length and events of each drum track.

        The search for the next track starts at the first bar line that is not
        before the end of the last one.
        """
        steps, hits = self._hits(notes)
        bar = int(notes.steps_per_bar)
        is_last = np.append(np.diff(steps) - 1 >= gap_bars * bar, True)
        lasts = np.flatnonzero(is_last)
        search_start = 0
        while True:
            first = np.searchsorted(steps, search_start)
            if first == len(steps):
                return
            last = lasts[np.searchsorted(lasts, first)]
            start_step = int(steps[first] - steps[first] % bar)
            num_steps = int(steps[last]) + 1 - start_step
            search_start = start_step + num_steps + -num_steps % bar
            if self.pad_end:
                num_steps += -num_steps % bar
            length = num_steps
            if max_steps is not None and num_steps > max_steps:
                length = max_steps
                if self.pad_end:
                    length -= length % bar
            places = steps[first : last + 1] - start_step
            kept = places < length
            events = np.zeros([length], np.int32)
            events[places[kept]] = hits[first : last + 1][kept]
            yield start_step, num_steps, events

    def _hits(self, notes: QuantizedNotes) -> tuple[np.ndarray, np.ndarray]:
        """Steps at which any drum sounds, and the sets of classes there."""
        is_hit = notes.notes.velocity > 0
        if not self.ignore_is_drum:
            is_hit &= notes.notes.is_drum
        # Drums of no class count as well: a track goes on while they play.
        steps, rows = np.unique(notes.start_step[is_hit], return_inverse=True)
        pitches = notes.notes.pitch[is_hit]
        in_range = (pitches >= 0) & (pitches < NUM_PITCHES)
        classes = np.where(
            in_range, self._class_of_pitch()[pitches % NUM_PITCHES], _NO_CLASS
        )
        hits = np.zeros([len(steps)], np.int32)
        known = classes != _NO_CLASS
        np.bitwise_or.at(hits, rows[known], 1 << classes[known])
        return steps, hits

    def _class_of_pitch(self) -> np.ndarray:
        """`[128]` int32: the class of each pitch, -1 for none."""
        other = _NO_CLASS if self.other_class is None else self.other_class
        table = np.full([NUM_PITCHES], other, np.int32)
        for number, pitches in enumerate(self.drum_classes):
            table[list(pitches)] = number
        return table


def _to_sequence(
    hits: Iterator[tuple[int, int]],
    context: DecodeContext,
    steps_per_quarter: int,
) -> NoteSequence:
    """(step, pitch) pairs in order of time as notes of one step."""
    step_seconds = 60.0 / context.qpm / steps_per_quarter
    start_seconds = context.start_step * step_seconds
    sequence = context.new_sequence()
    for step, pitch in hits:
        sequence.notes.add(
            pitch=pitch,
            velocity=context.velocity,
            instrument=context.instrument,
            program=context.program,
            is_drum=True,
            start_time=step * step_seconds + start_seconds,
            end_time=(step + 1) * step_seconds + start_seconds,
        )
        sequence.total_time = sequence.notes[-1].end_time
    return sequence
