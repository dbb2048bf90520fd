"""Drum tracks: which drums are hit, on a grid of steps."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

import gin
import numpy as np

from magenta_lite.codecs import drum_extraction, metric_grid
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
        other = self.other_class
        problems = {
            f"other_class {other} is no class": other is not None
            and not 0 <= other < len(classes),
            "steps_per_quarter must be at least 1": self.steps_per_quarter < 1,
            "max_steps must be at least 1 or None": self.max_steps is not None
            and self.max_steps < 1,
            "gap_bars must be above 0": not self.gap_bars > 0,
        }
        found = drum_extraction.check_classes(
            "drum_classes", classes, _MAX_CLASSES
        ) + [problem for problem, is_so in problems.items() if is_so]
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
            for track in drum_extraction.drum_tracks(
                notes, self._class_of_pitch(), self._rules()
            ):
                shortest = notes.steps_per_bar * self.min_bars
                if track.num_steps < shortest or not len(track.hits):
                    rejects["too_short"] += 1
                else:
                    tracks.append(track.hits.astype(np.int32))
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
        hits, context = drum_extraction.primer_hits(
            notes, self._class_of_pitch(), num_steps
        )
        return hits.astype(np.int32), context

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
        roll = drum_extraction.bits(
            self.checked(events), len(self.drum_classes)
        )
        return drum_extraction.to_sequence(
            roll, self.drum_classes, context, self.steps_per_quarter
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
        """Sets of allowed classes; pitches cannot be limited otherwise."""
        del context
        allowed = drum_extraction.allowed_classes(
            limits, self._class_of_pitch()
        )
        if allowed is None:
            return None
        bits = sum(1 << drum_class for drum_class in allowed)
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

    def _rules(self) -> drum_extraction.Rules:
        return drum_extraction.Rules(
            gap_bars=self.gap_bars,
            max_steps=self.max_steps,
            pad_end=self.pad_end,
            ignore_is_drum=self.ignore_is_drum,
        )

    def _class_of_pitch(self) -> np.ndarray:
        return drum_extraction.class_of_pitch(
            self.drum_classes, self.other_class
        )
