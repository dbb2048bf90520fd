"""Monophonic melodies as events on a grid of steps."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping

import gin
import numpy as np

from magenta_lite.codecs import melody_extraction as extraction
from magenta_lite.codecs import metric_grid
from magenta_lite.codecs.base import (
    Codec,
    DecodeContext,
    Extraction,
    NoteEvents,
)
from magenta_lite.codecs.melody_extraction import (
    NO_EVENT,
    NOTE_OFF,
    NUM_PITCHES,
    NUM_SPECIAL_EVENTS,
)
from magenta_lite.errors import UserError
from magenta_lite.notes import primers
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import QuantizedNotes


@gin.register
@dataclasses.dataclass(frozen=True)
class MelodyCodec(Codec):
    """One event a step: 0 no event, 1 note-off, 2.. the start of a pitch.

    A pitch sounds until the next pitch or note-off. The defaults of the
    extraction rules are those with which Magenta trained its Melody RNNs.

    Attributes:
      min_pitch: lowest MIDI pitch, event 2.
      max_pitch: the pitch above the highest; at least an octave higher, so
        that every note can be moved into the range by octaves.
      transpose_to_key: major key to bring each melody to (0 for C), in the
        octave nearest to the middle of the range; None keeps its key.
      steps_per_quarter: resolution, 4 for sixteenths.
      min_bars: shorter melodies are left out.
      max_steps: longer melodies are cut; None for never.
      min_unique_pitches: melodies with fewer pitch classes are left out.
      gap_bars: bars of silence that end a melody.
      ignore_polyphonic_notes: keep the highest of notes that start together,
        rather than leave the track out.
      pad_end: lengthen a melody to a full bar (and cut it at one).
      filter_drums: leave drum notes out.
    """

    min_pitch: int = 48
    max_pitch: int = 84
    transpose_to_key: int | None = None
    steps_per_quarter: int = 4
    min_bars: int = 7
    max_steps: int | None = 512
    min_unique_pitches: int = 5
    gap_bars: float = 1.0
    ignore_polyphonic_notes: bool = False
    pad_end: bool = False
    filter_drums: bool = True

    def __post_init__(self) -> None:
        key = self.transpose_to_key
        low, high = self.min_pitch, self.max_pitch
        problems = {
            f"min_pitch {low} is below 0": low < 0,
            f"max_pitch {high} is above 128": high > NUM_PITCHES,
            f"{low} to {high} is less than an octave": high - low < 12,
            f"transpose_to_key {key} is not in 0 to 11": key is not None
            and not 0 <= key < 12,
            "steps_per_quarter must be at least 1": self.steps_per_quarter < 1,
            "max_steps must be at least 1 or None": self.max_steps is not None
            and self.max_steps < 1,
            "gap_bars must be above 0": not self.gap_bars > 0,
        }
        found = [problem for problem, is_so in problems.items() if is_so]
        if found:
            raise UserError(f"MelodyCodec: {'; '.join(found)}")

    @property
    def num_events(self) -> int:
        """No event, note-off and the pitches of the range."""
        return NUM_SPECIAL_EVENTS + self.max_pitch - self.min_pitch

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of pieces, sections, tracks, melodies."""
        return metric_grid.REJECT_REASONS | {
            "no_notes": "a piece without notes",
            "polyphonic": "notes of a track start together; "
            "MelodyCodec.ignore_polyphonic_notes = True keeps the highest",
            "bad_note": "a track with a note that ends before it starts, or "
            "above pitch 127; mend the file",
            "too_short": "a melody shorter than MelodyCodec.min_bars = "
            f"{self.min_bars} bars",
            "too_few_pitches": "a melody of fewer pitch classes than "
            f"MelodyCodec.min_unique_pitches = {self.min_unique_pitches}",
        }

    def extract(self, sequence: NoteSequence) -> Extraction:
        """Finds the melodies of every track.

        The piece is cut where its tempo or time signature changes. What is
        left out is counted under the names in `reject_reasons`.

        Args:
          sequence: any NoteSequence; if it is quantised, its steps are used.

        Returns:
          Melodies by section and track, squashed into range and key.
        """
        rejects: collections.Counter = collections.Counter()
        melodies = []
        for notes in metric_grid.sections(
            sequence, self.steps_per_quarter, rejects
        ):
            melodies += [
                m.events for m in self.section_melodies(notes, rejects)
            ]
        return Extraction.of(melodies, rejects)

    def section_melodies(
        self, notes: QuantizedNotes, rejects: collections.Counter
    ) -> Iterator[extraction.Melody]:
        """The usable melodies of one section, squashed into range and key.

        Args:
          notes: from `metric_grid.sections`.
          rejects: counts what is left out.
        """
        for melody in self._melodies(notes, self._rules(notes), rejects):
            if reason := self._reason_to_discard(melody, notes):
                rejects[reason] += 1
            else:
                events, _ = self._squash(melody.events)
                yield dataclasses.replace(melody, events=events)

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes the first melody of a primer, as Magenta's generators do.

        Gaps do not end it, and of notes that start together the highest
        counts. Its first event lies on the bar line before its first note.

        Args:
          sequence: the primer, with one tempo and one time signature.
          num_steps: if given, the step at which the primer ends: silence is
            added up to it. Where there is no melody, that is one step.

        Returns:
          Events int32 `[time]`, so that `context.start_step + len(events)` is
          `num_steps` if that is given, and the context.

        Raises:
          UserError: if tempo or time signature change, a bar is no whole
            number of steps, or the primer is longer than `num_steps`.
        """
        notes = metric_grid.quantize_primer(sequence, self.steps_per_quarter)
        melody = self._primer_melody(notes)
        start_step, length = metric_grid.fill_primer(
            melody.start_step, len(melody.events), num_steps
        )
        events, shift = self._squash(
            _lengthen(melody.events, length), recentre=True
        )
        context = DecodeContext(
            qpm=notes.qpm,
            start_step=start_step,
            transposition=shift,
            time_signature=notes.time_signature,
        )
        return events, context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events into notes; the end of the events ends the last one.

        Pitches that leave 0 to 127 when the transposition is taken back are
        moved by octaves.

        Args:
          events: integers `[time]`.
          context: where the events lie in time and pitch.

        Returns:
          A NoteSequence with the context's tempo and time signature that
          ends with its last note.

        Raises:
          ValueError: if an event is not in `[0, num_events)`.
        """
        events = self.checked(events)
        context = context or DecodeContext()
        pitches = events - NUM_SPECIAL_EVENTS + self.min_pitch
        pitches = extraction.fold(
            pitches - context.transposition, 0, NUM_PITCHES
        )
        wide = np.where(
            events >= NUM_SPECIAL_EVENTS, pitches + NUM_SPECIAL_EVENTS, events
        )
        return _to_sequence(wide, context, self.steps_per_quarter)

    def default_primer(self, qpm: float = 120.0) -> NoteSequence:
        """Middle C for a step, at a tempo in quarters a minute."""
        return primers.melody([60], qpm, self.steps_per_quarter).sequence

    def pitch_table(self) -> np.ndarray:
        """Pitches from the third event on; see `Codec`."""
        events = np.arange(self.num_events, dtype=np.int32)
        pitches = events - NUM_SPECIAL_EVENTS + self.min_pitch
        return np.where(events < NUM_SPECIAL_EVENTS, -1, pitches)

    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""
        return self.steps_per_quarter * qpm / 60.0

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[len(shifts), num_events]`, -1 out of range.

        No-event and note-off stay what they are.
        """
        events = np.arange(self.num_events, dtype=np.int32)
        moved = events + np.array(shifts, np.int32).reshape([-1, 1])
        in_range = (moved >= NUM_SPECIAL_EVENTS) & (moved < self.num_events)
        table = np.where(in_range, moved, -1)
        table[:, :NUM_SPECIAL_EVENTS] = events[:NUM_SPECIAL_EVENTS]
        return table.astype(np.int32)

    def note_events(self) -> NoteEvents:
        """Pitches start notes; a note-off ends whatever sounds."""
        events = np.arange(self.num_events, dtype=np.int32)
        starts = np.where(events < NUM_SPECIAL_EVENTS, -1, events)
        return NoteEvents(starts, np.full_like(events, -1), rest=NO_EVENT)

    def _rules(self, notes: QuantizedNotes) -> extraction.Rules:
        return extraction.Rules(
            steps_per_bar=int(notes.steps_per_bar),
            gap_steps=self.gap_bars * int(notes.steps_per_bar),
            ignore_polyphonic_notes=self.ignore_polyphonic_notes,
            pad_end=self.pad_end,
            filter_drums=self.filter_drums,
            max_steps=self.max_steps,
        )

    def _melodies(
        self,
        notes: QuantizedNotes,
        rules: extraction.Rules,
        rejects: collections.Counter,
    ) -> Iterator[extraction.Melody]:
        for rows in extraction.tracks(notes):
            try:
                yield from extraction.track_melodies(notes, rows, rules)
            except extraction.RejectedTrackError as error:
                rejects[error.reason] += 1

    def _reason_to_discard(
        self, melody: extraction.Melody, notes: QuantizedNotes
    ) -> str | None:
        too_short = melody.num_steps < notes.steps_per_bar * self.min_bars
        if too_short or not len(melody.events):
            return "too_short"
        num_pitches = extraction.num_pitch_classes(melody.events)
        if num_pitches < self.min_unique_pitches:
            return "too_few_pitches"
        return None

    def _squash(
        self, events: np.ndarray, recentre: bool = False
    ) -> tuple[np.ndarray, int]:
        """Events of all 128 pitches to events of this range and key.

        With `recentre` a melody that keeps its key but does not fit the range
        is moved by whole octaves as far as that helps, rather than note by
        note, so that it can be moved back.
        """
        low, high = self.min_pitch, self.max_pitch
        is_note = events >= NUM_SPECIAL_EVENTS
        pitches = events[is_note] - NUM_SPECIAL_EVENTS
        shift = 0
        if self.transpose_to_key is not None:
            shift = extraction.squash_shift(
                events, low, high, self.transpose_to_key
            )
        elif recentre:
            shift = _fitting_octave_shift(pitches, low, high)
        pitches = extraction.fold(pitches + shift, low, high)
        squashed = events.copy()
        squashed[is_note] = pitches - low + NUM_SPECIAL_EVENTS
        return squashed, shift

    def _primer_melody(self, notes: QuantizedNotes) -> extraction.Melody:
        rules = dataclasses.replace(
            self._rules(notes),
            gap_steps=float("inf"),
            ignore_polyphonic_notes=True,
            pad_end=False,
            filter_drums=True,
            max_steps=None,
        )
        rejects: collections.Counter = collections.Counter()
        for melody in self._melodies(notes, rules, rejects):
            return melody
        if rejects:
            raise UserError("primer: a note ends before it starts")
        return extraction.Melody(0, 0, np.zeros([0], np.int32))


def _lengthen(events: np.ndarray, num_steps: int) -> np.ndarray:
    """Adds silence; a note that still sounds is ended."""
    longer = np.full([num_steps], NO_EVENT, np.int32)
    longer[: len(events)] = events
    changes = events[events != NO_EVENT]
    sounding = len(changes) and changes[-1] != NOTE_OFF
    if sounding and num_steps > len(events):
        longer[len(events)] = NOTE_OFF
    return longer


def _fitting_octave_shift(pitches: np.ndarray, low: int, high: int) -> int:
    """The smallest shift by octaves that leaves fewest notes out of range."""
    octaves = sorted(range(-10, 11), key=abs)
    shifted = pitches + 12 * np.array(octaves).reshape([-1, 1])
    outside = ((shifted < low) | (shifted >= high)).sum(axis=1)
    return 12 * octaves[int(outside.argmin())]


def _to_sequence(
    events: np.ndarray, context: DecodeContext, steps_per_quarter: int
) -> NoteSequence:
    """Events over all 128 pitches as notes."""
    step_seconds = 60.0 / context.qpm / steps_per_quarter
    start_seconds = context.start_step * step_seconds
    sequence = context.new_sequence()
    changes = np.flatnonzero(events != NO_EVENT)
    ends = np.append(changes, len(events))[1:]
    for start, end in zip(changes.tolist(), ends.tolist(), strict=True):
        if events[start] == NOTE_OFF:
            continue
        sequence.notes.add(
            pitch=int(events[start]) - NUM_SPECIAL_EVENTS,
            velocity=context.velocity,
            instrument=context.instrument,
            program=context.program,
            start_time=start * step_seconds + start_seconds,
            end_time=end * step_seconds + start_seconds,
        )
        sequence.total_time = sequence.notes[-1].end_time
    return sequence
