"""Piano rolls: which keys sound in each step."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping

import gin
import numpy as np

from magenta_lite.codecs import polyphony_sections
from magenta_lite.codecs.base import Codec, DecodeContext, Extraction
from magenta_lite.codecs.melody_extraction import fold
from magenta_lite.codecs.polyphony_sections import (
    MAX_STEPS,
    NUM_PITCHES,
    PitchedNotes,
)
from magenta_lite.errors import UserError
from magenta_lite.notes.key_spans import key_spans
from magenta_lite.notes.proto import NoteSequence

OFF = 0
ON = 1
START = 2
_NUM_VALUES = 3


@gin.register
@dataclasses.dataclass(frozen=True)
class PianorollCodec(Codec):
    """Events of Pianoroll RNN-NADE: a vector of keys, 0 off and 1 on.

    The frames are those of note_seq's `PianorollSequence`. Before the first
    one stands a START, a vector of 2: it lasts no time and gives a model
    something to predict the first frame from.

    Attributes:
      min_pitch: lowest MIDI pitch, field 0.
      max_pitch: the pitch above the highest.
      steps_per_quarter: resolution, 4 for sixteenths.
      min_steps: shorter music is left out.
      max_steps: longer music is cut; None for at a million.
      split_repeats: end a note a step early where it is struck again; else
        the two become one.
    """

    min_pitch: int = 21
    max_pitch: int = 109
    steps_per_quarter: int = 4
    min_steps: int = 80
    max_steps: int | None = 2048
    split_repeats: bool = True

    def __post_init__(self) -> None:
        low, high = self.min_pitch, self.max_pitch
        problems = {
            f"{low} to {high} is no range of pitches from 0 to 128": not (
                0 <= low < high <= NUM_PITCHES
            ),
            "steps_per_quarter must be at least 1": self.steps_per_quarter < 1,
            "max_steps is less than min_steps": self.max_steps is not None
            and self.max_steps < self.min_steps,
        }
        found = [problem for problem, is_so in problems.items() if is_so]
        if found:
            raise UserError(f"PianorollCodec: {'; '.join(found)}")

    @property
    def num_events(self) -> int:
        """The values of one key: off, on, and in the START."""
        return _NUM_VALUES

    @property
    def event_shape(self) -> tuple[int, ...]:
        """One field for each key."""
        return (self.max_pitch - self.min_pitch,)

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason means: of sections."""
        return polyphony_sections.REJECT_REASONS | {
            "out_of_range": "no note is in the range of "
            f"PianorollCodec, {self.min_pitch} to {self.max_pitch - 1}",
            "too_short": "shorter than PianorollCodec.min_steps = "
            f"{self.min_steps} steps",
        }

    def extract(self, sequence: NoteSequence) -> Extraction:
        """The roll of each section, all tracks together.

        The piece is cut where its tempo or time signature changes; notes out
        of range are left out. What else is left out is counted under the
        names in `reject_reasons`.

        Args:
          sequence: any NoteSequence; if it is quantised, its steps are used.
        """
        rejects: collections.Counter = collections.Counter()
        rolls = []
        for notes in polyphony_sections.sections(
            sequence, self.steps_per_quarter, rejects
        ):
            if notes.num_steps < self.min_steps:
                rejects["too_short"] += 1
                continue
            events = self._to_events(notes, self.max_steps or MAX_STEPS)
            if (events == ON).any():
                rolls.append(events)
            else:
                rejects["out_of_range"] += 1
        return Extraction.of(rolls, rejects)

    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes a primer from time zero.

        Args:
          sequence: the primer, with one tempo and one time signature; may
            hold no notes.
          num_steps: if given, the primer ends there: silence is added.

        Returns:
          int32 `[1 + num_steps, keys]`, START and frames, and the context.

        Raises:
          UserError: if tempo or time signature change, or the primer is
            longer than `num_steps`.
        """
        notes = polyphony_sections.primer(
            sequence, self.steps_per_quarter, num_steps
        )
        context = DecodeContext(
            qpm=notes.qpm, time_signature=notes.time_signature
        )
        return self._to_events(notes, MAX_STEPS), context

    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns frames into notes; a key that stays on is one note.

        Args:
          events: integers `[time, keys]`; vectors with a 2 are left out.
          context: where the events lie in time and pitch.

        Returns:
          A NoteSequence that lasts all its steps, silent ones included; notes
          by start and pitch.

        Raises:
          ValueError: if a value is not 0, 1 or 2.
        """
        events = np.asarray(events).reshape([-1, *self.event_shape])
        if events.size and not (
            0 <= events.min() and events.max() < _NUM_VALUES
        ):
            raise ValueError("the values of keys must be 0, 1 or 2")
        context = context or DecodeContext()
        frames = events[~(events == START).any(axis=1)] == ON
        starts, ends, keys = key_spans(frames)
        pitches = keys + self.min_pitch - context.transposition
        return polyphony_sections.to_sequence(
            starts,
            ends,
            fold(pitches, 0, NUM_PITCHES),
            len(frames),
            self.steps_per_quarter,
            context,
        )

    def pitch_table(self) -> np.ndarray:
        """A key that is on; see `Codec`."""
        table = np.full([*self.event_shape, _NUM_VALUES], -1, np.int32)
        table[:, ON] = np.arange(self.min_pitch, self.max_pitch)
        return table

    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""
        return self.steps_per_quarter * qpm / 60.0

    def steps_table(self) -> np.ndarray:
        """A frame lasts one step, the START none: `[keys, 3]`."""
        table = np.zeros([*self.event_shape, _NUM_VALUES], np.int32)
        table[0, [OFF, ON]] = 1
        return table

    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[shifts, keys, 3]`: -1 for keys that would leave the range."""
        leaves = self.transposed_fields(tuple(-s for s in shifts)) < 0
        table = np.tile(
            np.arange(_NUM_VALUES, dtype=np.int32), [*leaves.shape, 1]
        )
        table[leaves, ON] = -1
        return table

    def transposed_fields(self, shifts: tuple[int, ...]) -> np.ndarray:
        """int32 `[shifts, keys]`: the key below by as many semitones."""
        (num_keys,) = self.event_shape
        sources = np.arange(num_keys) - np.reshape(shifts, [-1, 1])
        inside = (0 <= sources) & (sources < num_keys)
        return np.where(inside, sources, -1).astype(np.int32)

    def _to_events(self, notes: PitchedNotes, max_steps: int) -> np.ndarray:
        """START and frames: int32 `[1 + time, keys]`."""
        num_steps = min(notes.num_steps, max_steps)
        (num_keys,) = self.event_shape
        key = notes.pitch - self.min_pitch
        kept = (0 <= key) & (key < num_keys) & (notes.start_step < num_steps)
        key, start = key[kept], notes.start_step[kept]
        end = np.minimum(notes.end_step[kept], num_steps)
        changes = np.zeros([num_steps + 1, num_keys], np.int32)
        np.add.at(changes, (start, key), 1)
        np.subtract.at(changes, (end, key), 1)
        frames = np.cumsum(changes[:-1], axis=0) > 0
        if self.split_repeats:
            later = start > 0
            frames[start[later] - 1, key[later]] = False
        first = np.full([1, num_keys], START)
        return np.concatenate([first, frames]).astype(np.int32)
