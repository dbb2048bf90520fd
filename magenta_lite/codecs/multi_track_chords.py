"""Several instruments in short clips, with the chord at each event."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping

import gin
import numpy as np

from magenta_lite import chord_fields
from magenta_lite.chord_symbols import NO_CHORD, ChordSymbolError
from magenta_lite.codecs import clips
from magenta_lite.codecs.base import DecodeContext, Extraction
from magenta_lite.codecs.multi_track import MultiTrackClipCodec
from magenta_lite.codecs.track_events import ClipSection
from magenta_lite.errors import UserError
from magenta_lite.notes import chord_inference, chords
from magenta_lite.notes.chords import ChordChanges
from magenta_lite.notes.proto import NoteSequence

_NUM_FIELDS = 1 + chord_fields.NUM_FIELDS


@gin.register
@dataclasses.dataclass(frozen=True)
class MultiTrackChordsClipCodec(MultiTrackClipCodec):
    """A vector an event: one of `MultiTrackClipCodec`, then a chord's fields.

    Chords are those of `LeadSheetCodec`: the piece's chord symbols, or where
    it has none what its notes suggest. A program stands under no chord, END
    under that of the event before it.

    Attributes:
      triads_only: leave out clips over chords that are no triads.
    """

    triads_only: bool = True

    @property
    def event_shape(self) -> tuple[int, ...]:
        """An event of a track and a chord."""
        return (_NUM_FIELDS,)

    @property
    def field_sizes(self) -> tuple[int, ...]:
        """How many values each field has."""
        return (self.num_events, *chord_fields.FIELD_SIZES)

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of pieces, sections and clips."""
        return {**super().reject_reasons} | {
            "coincident_chords": "a clip with two chord symbols at one step",
            "bad_chord": "a clip under a chord symbol that nobody "
            "understands; mend the file",
            "no_triad": "a clip over a chord that is no triad, such as Csus4; "
            "MultiTrackChordsClipCodec.triads_only = False keeps it",
        }

    def find_clips(self, sequence: NoteSequence) -> Extraction:
        """As `MultiTrackClipCodec`, with chords."""
        rejects: collections.Counter = collections.Counter()
        found = []
        for section in self._sections(sequence, rejects):
            changes = _chord_changes(sequence, section)
            for number, tracks in self._usable(section, rejects):
                try:
                    figures = self._figures(changes, number)
                except chords.CoincidentChordsError:
                    rejects["coincident_chords"] += 1
                    continue
                if reason := self._reason_against(figures):
                    rejects[reason] += 1
                else:
                    found.append(self._under(self._clip(tracks), figures))
        return clips.finish(found, rejects, "no_notes")

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events `[time, fields]` into notes, with chord symbols.

        Raises:
          ValueError: if a field is not within `field_sizes`.
        """
        events = self.checked(events)
        context = context or DecodeContext()
        sequence = super().decode(events[:, 0], context)
        figures = self._figure_of_each_step(events)
        step_seconds = 60.0 / context.qpm / self.steps_per_quarter
        start_seconds = context.start_step / self.steps_per_second(context.qpm)
        chords.add_chords(sequence, figures, step_seconds, start_seconds)
        return sequence

    def pitch_table(self) -> np.ndarray:
        """Of the first field; see `Codec`."""
        table = np.full([_NUM_FIELDS, self.num_events], -1, np.int32)
        table[0] = super().pitch_table()
        return table

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[len(shifts), fields, num_events]`: notes and chords move."""
        values = np.arange(self.num_events, dtype=np.int32)
        table = np.tile(values, [len(shifts), _NUM_FIELDS, 1])
        table[:, 0] = super().transposition_table(shifts)
        chord = chord_fields.transposition_table(shifts)
        table[:, 1:, : chord.shape[2]] = chord
        return table

    def _figures(self, changes: ChordChanges, number: int) -> list[str]:
        """The symbol at each step of a clip, and behind its last one."""
        start_step = number * self._clip_steps
        figures = changes.at_steps(start_step, self._clip_steps)
        return [*figures, *figures[-1:]]

    def _reason_against(self, figures: list[str]) -> str | None:
        try:
            fields = [chord_fields.from_figure(f) for f in set(figures)]
        except ChordSymbolError:
            return "bad_chord"
        if self.triads_only and not all(map(chord_fields.has_triad, fields)):
            return "no_triad"
        return None

    def _under(self, events: np.ndarray, figures: list[str]) -> np.ndarray:
        """Events of a clip with the chord at each: int32 `[time, fields]`."""
        by_step = np.array([chord_fields.from_figure(f) for f in figures])
        rows = events.reshape([-1, self.max_track_events])
        clip = np.zeros([*rows.shape, _NUM_FIELDS], np.int32)
        clip[..., 0] = rows
        for own in clip:
            last = int(np.flatnonzero(own[:, 0])[-1])  # END, or a full track
            steps = self._events.steps(own[1:last, 0])
            own[1:last, 1:] = by_step[steps]
            own[last, 1:] = own[last - 1, 1:] if last else 0
        return clip.reshape([-1, _NUM_FIELDS])

    def _primer_clips(
        self, sequence: NoteSequence, section: ClipSection
    ) -> Iterator[np.ndarray]:
        """Every clip of a primer, under its chord symbols."""
        try:
            changes = chords.chord_changes(sequence, section.whole)
            for number, tracks in self._primer_tracks(section):
                figures = self._figures(changes, number)
                yield self._under(self._clip(tracks), figures)
        except UserError as error:
            message = str(error).removeprefix("primer: ")
            raise UserError(f"primer: {message}") from None

    def _rests(self) -> np.ndarray:
        """A clip without tracks, under no chord."""
        return self._under(super()._rests(), [NO_CHORD])

    def _figure_of_each_step(self, events: np.ndarray) -> list[str]:
        """The symbol that holds at each step of all clips."""
        num_rows = -(-len(events) // self.max_track_events)
        num_clips = -(-num_rows // self.max_tracks)
        known = [""] * (num_clips * self._clip_steps)
        for row in range(num_rows):
            start = row * self.max_track_events
            own = events[start : start + self.max_track_events]
            steps = self._events.steps(own[:, 0])
            first = row // self.max_tracks * self._clip_steps
            for step, fields in zip(
                steps.tolist(), own[:, 1:].tolist(), strict=True
            ):
                if any(fields) and step < self._clip_steps:
                    known[first + step] = chord_fields.to_figure(tuple(fields))
        figure = NO_CHORD
        return [figure := told or figure for told in known]


def _chord_changes(
    sequence: NoteSequence, section: ClipSection
) -> ChordChanges:
    """The chords of a section, written or inferred."""
    if chords.has_chords(sequence):
        return chords.chord_changes(sequence, section.whole)
    return chord_inference.infer_chords(section.whole)
