"""Lead sheets: a melody and the chord that goes with each of its steps."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import gin
import numpy as np

from magenta_lite import chord_fields
from magenta_lite.chord_symbols import ChordSymbolError
from magenta_lite.codecs import metric_grid
from magenta_lite.codecs.base import Codec, DecodeContext, Extraction
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.errors import UserError
from magenta_lite.notes import chord_inference, chords
from magenta_lite.notes.chords import ChordChanges
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import QuantizedNotes

_NUM_FIELDS = 1 + chord_fields.NUM_FIELDS


@gin.register
@dataclasses.dataclass(frozen=True)
class LeadSheetCodec(Codec):
    """A vector a step: an event of `MelodyCodec`, then a chord's fields.

    The fields are those of `chord_fields`. Chords are the chord symbols of the
    piece; where it has none they are inferred from its notes, if there are
    others than the melody's. Melodies and chords keep their key; train on
    `RandomTranspose` for all twelve. The defaults of the extraction rules are
    those with which Magenta trained its Improv RNNs.

    Attributes:
      min_pitch: lowest MIDI pitch of the melody, event 2.
      max_pitch: the pitch above the highest.
      steps_per_quarter: resolution, 4 for sixteenths.
      min_bars: shorter melodies are left out.
      max_steps: longer melodies are cut; None for never.
      min_unique_pitches: melodies with fewer pitch classes are left out.
      gap_bars: bars of silence that end a melody.
      ignore_polyphonic_notes: keep the highest of notes that start together,
        rather than leave the track out.
      pad_end: lengthen a melody to a full bar (and cut it at one).
      filter_drums: leave drum notes out of melodies.
      triads_only: leave out melodies over chords that are no triads, such as
        Csus4, as encodings of triads must.
      infer_chords: whether chords are inferred where there are no symbols.
    """

    min_pitch: int = 48
    max_pitch: int = 84
    steps_per_quarter: int = 4
    min_bars: int = 7
    max_steps: int | None = 512
    min_unique_pitches: int = 3
    gap_bars: float = 1.0
    ignore_polyphonic_notes: bool = False
    pad_end: bool = False
    filter_drums: bool = True
    triads_only: bool = True
    infer_chords: bool = True

    def __post_init__(self) -> None:
        try:
            assert self._melody_codec
        except UserError as error:
            name = type(self).__name__
            message = str(error).removeprefix("MelodyCodec")
            raise UserError(f"{name}{message}") from None

    @functools.cached_property
    def _melody_codec(self) -> MelodyCodec:
        shared = {field.name for field in dataclasses.fields(MelodyCodec)}
        config = self.get_config()
        return MelodyCodec(**{n: v for n, v in config.items() if n in shared})

    @property
    def event_shape(self) -> tuple[int, ...]:
        """A melody event and a chord."""
        return (_NUM_FIELDS,)

    @property
    def field_sizes(self) -> tuple[int, ...]:
        """How many values each field has."""
        return (self._melody_codec.num_events, *chord_fields.FIELD_SIZES)

    @property
    def num_events(self) -> int:
        """The largest of `field_sizes`."""
        return max(self.field_sizes)

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of pieces, sections, tracks, melodies."""
        name = type(self).__name__
        reasons = {
            reason: text.replace("MelodyCodec", name)
            for reason, text in self._melody_codec.reject_reasons.items()
        }
        return reasons | {
            "no_chords": "a melody without a chord: no symbols stand over it, "
            "and the piece has no accompaniment to infer them from",
            "coincident_chords": "a melody with two chord symbols at one step",
            "bad_chord": "a melody under a chord symbol that nobody "
            "understands; mend the file",
            "no_triad": "a melody over a chord that is no triad, such as "
            f"Csus4; {name}.triads_only = False keeps it",
        }

    def extract(self, sequence: NoteSequence) -> Extraction:
        """Finds the melodies of every track, with the chords at their steps.

        The piece is cut where its tempo or time signature changes. What is
        left out is counted under the names in `reject_reasons`.

        Args:
          sequence: any NoteSequence; if it is quantised, its steps are used.
        """
        rejects: collections.Counter = collections.Counter()
        found = []
        for notes in metric_grid.sections(
            sequence, self.steps_per_quarter, rejects
        ):
            changes = self._chord_changes(sequence, notes)
            for melody in self._melody_codec.section_melodies(notes, rejects):
                length = len(melody.events)
                events, reason = self._chord_events(
                    changes, melody.start_step, length
                )
                if reason is None and not events.any():
                    reason = "no_chords"
                if reason is None:
                    found.append(_joined(melody.events, events))
                else:
                    rejects[reason] += 1
        return Extraction.of(found, rejects)

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes the first melody of a primer, and the chords over it.

        The melody is what `MelodyCodec` makes of it.

        Args:
          sequence: the primer, with one tempo and one time signature.
          num_steps: if given, the step at which the primer ends.

        Returns:
          Events int32 `[time, fields]` and the context.

        Raises:
          UserError: if tempo or time signature change, a bar is no whole
            number of steps, the primer is longer than `num_steps`, or a chord
            symbol is not understood.
        """
        melody, context = self._melody_codec.encode_primer(sequence, num_steps)
        figures = self._primer_figures(
            sequence, context.start_step, len(melody)
        )
        events = np.array(
            [chord_fields.from_figure(figure) for figure in figures], np.int32
        )
        events = events.reshape([-1, chord_fields.NUM_FIELDS])
        return _joined(melody, events), context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events into the notes of the melody, with chord symbols.

        Args:
          events: integers `[time, fields]`.
          context: where the events lie in time and pitch.

        Returns:
          What `MelodyCodec` makes of the melody; a chord symbol as text
          annotation wherever the chord changes.

        Raises:
          ValueError: if a field is not within `field_sizes`.
        """
        events = self.checked(events)
        context = context or DecodeContext()
        sequence = self._melody_codec.decode(events[:, 0], context)
        figures = [
            chord_fields.to_figure(tuple(fields))
            for fields in events[:, 1:].tolist()
        ]
        step_seconds = 60.0 / context.qpm / self.steps_per_quarter
        start_seconds = context.start_step * step_seconds
        chords.add_chords(sequence, figures, step_seconds, start_seconds)
        return sequence

    def default_primer(self, qpm: float = 120.0) -> NoteSequence:
        """Middle C for a step, at a tempo in quarters a minute."""
        return self._melody_codec.default_primer(qpm)

    def controls_of(
        self, sequence: NoteSequence, num_steps: int
    ) -> Mapping[str, Any]:
        """The chord of every step as `backing_chords`.

        Nothing if the primer has no chord symbols, nor an accompaniment to
        infer them from. The last chord holds on to the end.
        """
        if not self._has_chords(sequence):
            return {}
        figures = self._primer_figures(sequence, 0, num_steps)
        return {"backing_chords": figures}

    def pitch_table(self) -> np.ndarray:
        """The pitches of the melody's field; see `Codec`."""
        table = np.full([_NUM_FIELDS, self.num_events], -1, np.int32)
        pitches = self._melody_codec.pitch_table()
        table[0, : len(pitches)] = pitches
        return table

    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""
        return self._melody_codec.steps_per_second(qpm)

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[len(shifts), fields, num_events]`: melody and chords move."""
        values = np.arange(self.num_events, dtype=np.int32)
        table = np.tile(values, [len(shifts), _NUM_FIELDS, 1])
        melody = self._melody_codec.transposition_table(shifts)
        table[:, 0, : melody.shape[1]] = melody
        chord = chord_fields.transposition_table(shifts)
        table[:, 1:, : chord.shape[2]] = chord
        return table

    def _has_chords(self, sequence: NoteSequence) -> bool:
        """Whether there are chord symbols, or notes to infer them from."""
        if chords.has_chords(sequence):
            return True
        instruments = {n.instrument for n in sequence.notes if not n.is_drum}
        return self.infer_chords and len(instruments) > 1

    def _chord_changes(
        self, sequence: NoteSequence, notes: QuantizedNotes
    ) -> ChordChanges:
        """The chords of a section, written or inferred; there may be none."""
        if not chords.has_chords(sequence) and self._has_chords(sequence):
            return chord_inference.infer_chords(notes)
        return chords.chord_changes(sequence, notes)

    def _primer_figures(
        self, sequence: NoteSequence, start_step: int, num_steps: int
    ) -> list[str]:
        notes = metric_grid.quantize_primer(sequence, self.steps_per_quarter)
        try:
            changes = self._chord_changes(sequence, notes)
            return changes.at_steps(start_step, num_steps)
        except UserError as error:
            raise UserError(f"primer: {error}") from None

    def _chord_events(
        self, changes: ChordChanges, start_step: int, num_steps: int
    ) -> tuple[np.ndarray, str | None]:
        """The chord of each step, int32 `[time, fields]`; or what is wrong."""
        nothing = np.zeros([num_steps, chord_fields.NUM_FIELDS], np.int32)
        try:
            figures = changes.at_steps(start_step, num_steps)
            fields = {f: chord_fields.from_figure(f) for f in set(figures)}
        except chords.CoincidentChordsError:
            return nothing, "coincident_chords"
        except ChordSymbolError:
            return nothing, "bad_chord"
        if self.triads_only and not all(
            map(chord_fields.has_triad, fields.values())
        ):
            return nothing, "no_triad"
        events = [fields[figure] for figure in figures]
        return np.array(events, np.int32), None


def _joined(melody: np.ndarray, chord_events: np.ndarray) -> np.ndarray:
    """int32 `[time, fields]`."""
    columns = [melody[:, None], chord_events]
    return np.concatenate(columns, axis=1).astype(np.int32)
