"""The contract of a codec: NoteSequence to integer events and back."""

from __future__ import annotations

import abc
import collections
import dataclasses
from collections.abc import Mapping

import numpy as np

from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence


class UnusableSequenceError(UserError):
    """A NoteSequence holds nothing that a codec can encode.

    Attributes:
      rejects: how many parts of the piece were left out for which reason,
        e.g. `{"polyphonic": 2}`.
    """

    def __init__(self, rejects: Mapping[str, int]) -> None:
        self.rejects = dict(rejects)
        listed = ", ".join(f"{r} ({n})" for r, n in self.rejects.items())
        super().__init__(f"nothing to encode: {listed or 'no notes'}")


@dataclasses.dataclass(frozen=True)
class Extraction:
    """What a codec found in one NoteSequence.

    Attributes:
      events: one int32 array `[time, *event_shape]` for each usable part.
      rejects: number of parts left out, by reason (snake_case words).
    """

    events: list[np.ndarray]
    rejects: collections.Counter


@dataclasses.dataclass(frozen=True)
class DecodeContext:
    """How `decode` lays events out in time and pitch.

    Attributes:
      qpm: tempo in quarter notes a minute.
      start_step: where the first event lies, in steps from time zero.
      transposition: semitones that `encode_primer` added; `decode` takes them
        away again.
      time_signature: (numerator, denominator) written to the output.
      velocity: MIDI velocity of notes whose events carry none.
      program: MIDI program of the notes.
      instrument: NoteSequence instrument of the notes.
    """

    qpm: float = 120.0
    start_step: int = 0
    transposition: int = 0
    time_signature: tuple[int, int] = (4, 4)
    velocity: int = 100
    program: int = 0
    instrument: int = 0


class Codec(abc.ABC):
    """NoteSequence to events and back; subclasses are frozen dataclasses.

    An event is an int32 in `[0, num_events)`, or a vector of `event_shape`.
    Codecs are pure NumPy, hold no state and are picklable, so that worker
    processes can run them.
    """

    @property
    @abc.abstractmethod
    def num_events(self) -> int:
        """How many different events there are."""

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one event: () where it is a plain integer."""
        return ()

    @property
    def pad(self) -> int:
        """The event that fills a batch behind the end of a sequence."""
        return 0

    @property
    def reject_reasons(self) -> Mapping[str, str]:
        """What each reason that `extract` counts means, and what to do.

        One short phrase each for the extraction report, e.g. `{"too_short":
        "melody shorter than min_bars = 7; lower MelodyCodec.min_bars"}`.
        """
        return {}

    @abc.abstractmethod
    def extract(self, sequence: NoteSequence) -> Extraction:
        """Finds every usable part of a piece, counting what it leaves out."""

    def encode(self, sequence: NoteSequence) -> list[np.ndarray]:
        """The usable parts of a piece as events.

        Args:
          sequence: any NoteSequence, quantised or not.

        Returns:
          One int32 array `[time, *event_shape]` for each part.

        Raises:
          UnusableSequenceError: if there is none; it names the reasons.
        """
        extraction = self.extract(sequence)
        if not extraction.events:
            raise UnusableSequenceError(extraction.rejects)
        return extraction.events

    @abc.abstractmethod
    def encode_primer(
        self, sequence: NoteSequence, num_steps: int | None = None
    ) -> tuple[np.ndarray, DecodeContext]:
        """Encodes the start of a piece that a model is to continue.

        Unlike `extract` this takes any length and any number of pitches.

        Args:
          sequence: the primer; may hold no notes.
          num_steps: if given, the primer fills steps 0 to `num_steps`: it is
            padded with silence, or it is an error if it is longer.

        Returns:
          int32 events `[time, *event_shape]` and the context with which
          `decode` puts them, and what follows them, back.

        Raises:
          UserError: if the primer cannot be encoded.
        """

    @abc.abstractmethod
    def decode(
        self, events: np.ndarray, context: DecodeContext | None = None
    ) -> NoteSequence:
        """Turns events `[time, *event_shape]` into a NoteSequence.

        Args:
          events: integer events; every sequence of valid events decodes.
          context: tempo, start and transposition; the default ones if None.

        Raises:
          ValueError: if an event is not in `[0, num_events)`.
        """

    @abc.abstractmethod
    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""

    def steps_table(self) -> np.ndarray:
        """How many time steps each event lasts: `[num_events]` int32."""
        return np.ones([self.num_events], np.int32)

    @abc.abstractmethod
    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """A look-up that transposes events.

        Args:
          shifts: semitones, e.g. `(-1, 0, 1)`.

        Returns:
          int32 `[len(shifts), num_events]`: what each event becomes under
          each shift, -1 where it leaves the range.
        """

    def get_config(self) -> dict:
        """The arguments that rebuild this codec, as JSON values."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
        }
