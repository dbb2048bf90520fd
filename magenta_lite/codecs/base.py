"""The contract of a codec: NoteSequence to integer events and back."""

from __future__ import annotations

import abc
import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from magenta_lite.codecs.limits import Limits
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

TICKS_PER_QUARTER = 220
"""Of decoded sequences, as of note_seq's."""


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

    @classmethod
    def of(
        cls,
        events: list[np.ndarray],
        rejects: collections.Counter,
        nothing: str = "no_notes",
    ) -> Extraction:
        """What was found; a piece always has events or a reason for none.

        Args:
          events: of each usable part.
          rejects: what was left out.
          nothing: the reason where there was not even something to leave out.
        """
        if not events and not rejects:
            rejects[nothing] += 1
        return cls(events, rejects)


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

    def new_sequence(self, has_meter: bool = True) -> NoteSequence:
        """A sequence of this tempo, still without notes.

        Args:
          has_meter: whether it gets the time signature, too.
        """
        sequence = NoteSequence(ticks_per_quarter=TICKS_PER_QUARTER)
        sequence.tempos.add(qpm=self.qpm)
        if has_meter:
            numerator, denominator = self.time_signature
            sequence.time_signatures.add(
                numerator=numerator, denominator=denominator
            )
        return sequence


@dataclasses.dataclass(frozen=True)
class NoteEvents:
    """How notes and time stand in plain events.

    Augmentation moves and drops notes by it, and generation follows them.

    Time passes either in every event, one step each, `rest` being the one that
    does nothing else; or in `shifts` alone, other events taking no time.

    Attributes:
      starts: int32 `[num_events]`: a number for the note that an event starts,
        e.g. its pitch; -1 where it starts none.
      ends: int32 `[num_events]`: the number of the note that an event ends;
        -1 where it ends none, or whatever sounds.
      rest: the event that lets one step pass and does nothing else; None
        where there are `shifts`.
      shifts: int32 `[longest]`: the events that let 1, 2, ... steps pass;
        empty where there is `rest`.
    """

    starts: np.ndarray
    ends: np.ndarray
    rest: int | None = None
    shifts: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros([0], np.int32)
    )


class Codec(abc.ABC):
    """NoteSequence to events and back; subclasses are frozen dataclasses.

    An event is an int32 in `[0, num_events)`, or a vector of `event_shape` =
    (fields,) where the music has parts: a melody and its chord, the 88 keys.
    Codecs are pure NumPy, hold no state and are picklable, so that worker
    processes can run them.
    """

    @property
    @abc.abstractmethod
    def num_events(self) -> int:
        """How many different events there are.

        Where events are vectors, the largest of `field_sizes`.
        """

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The shape of one event: () where it is a plain integer."""
        return ()

    @property
    def field_sizes(self) -> tuple[int, ...]:
        """How many values each field of an event has."""
        return (self.num_events,) * (self.event_shape or (1,))[0]

    def encoding_sizes(self) -> dict[str, Any]:
        """The sizes that an encoding of these events is made with."""
        if self.event_shape:
            return {"field_sizes": self.field_sizes}
        return {"num_events": self.num_events}

    @property
    def pad(self) -> int:
        """What fills a batch behind the end of a sequence, in every field."""
        return 0

    @property
    def default_num_steps(self) -> int:
        """Length of a piece, in time steps, if nobody says how long."""
        return 128

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

    def checked(self, events: np.ndarray) -> np.ndarray:
        """Events `[time, *event_shape]` that `decode` can read.

        Raises:
          ValueError: if one is not in `[0, num_events)`, or where events are
            vectors, if a field is not within `field_sizes`.
        """
        events = np.asarray(events).reshape([-1, *self.event_shape])
        sizes = self.field_sizes if self.event_shape else self.num_events
        if ((events < 0) | (events >= np.array(sizes))).any():
            what = (
                f"fields must be below {sizes}"
                if self.event_shape
                else f"events must be in 0 to {self.num_events - 1}"
            )
            raise ValueError(what)
        return events

    def default_primer(self, qpm: float = 120.0) -> NoteSequence:
        """What music starts with if nobody says: nothing.

        Args:
          qpm: tempo in quarter notes a minute.
        """
        sequence = NoteSequence()
        sequence.tempos.add(qpm=qpm)
        return sequence

    def controls_of(
        self, sequence: NoteSequence, num_steps: int
    ) -> Mapping[str, Any]:
        """What a primer says about the controls of the whole piece.

        E.g. the chord symbols that stand over a primer and what follows it.
        It counts as if it was asked for, see `Encoding.request_controls`, but
        gives way to what really is.

        Args:
          sequence: the primer.
          num_steps: length of the whole piece.
        """
        del sequence, num_steps
        return {}

    def forced_events(
        self, sequence: NoteSequence, num_steps: int
    ) -> np.ndarray | None:
        """What a piece imposes on music that is made around it.

        For codecs that can work a given melody into new music ("inject the
        primer during generation"): whenever the music reaches time step t,
        row t comes first, before the model is asked for more events.

        Args:
          sequence: the melody.
          num_steps: length of the music.

        Returns:
          int32 `[num_steps, *event_shape]`, -1 (in every field) where nothing
          is imposed; None if this codec cannot do that.
        """
        del sequence, num_steps
        return None

    @abc.abstractmethod
    def steps_per_second(self, qpm: float) -> float:
        """How many time steps pass in a second at this tempo."""

    def allowed_events(
        self, limits: Limits, context: DecodeContext
    ) -> np.ndarray | None:
        """Which events may be drawn for music with limits.

        Codecs whose notes have pitches give a `pitch_table` and need not
        override this. Those with events that no music should end with, e.g.
        marks of its end, leave them out here, whatever the limits are.

        Args:
          limits: which notes there may be.
          context: of the primer; pitches are those that `decode` makes.

        Returns:
          bool `[num_events]`, or `[fields, num_events]` where events are
          vectors; None if all are allowed.

        Raises:
          UserError: if no note is left or this codec knows no such limit.
        """
        if limits.drum_classes is not None:
            raise UserError("drum_classes are for models of drums.")
        if not limits.limits_pitches:
            return None
        pitches = self.pitch_table()
        if pitches is None:
            raise UserError(
                "min_pitch, max_pitch and scale are for models of pitches."
            )
        is_note = pitches >= 0
        allowed = limits.allows(pitches - context.transposition)
        if not (allowed & is_note).any():
            raise UserError(
                "min_pitch, max_pitch and scale leave no pitch that this model "
                f"plays: {pitches[is_note].min() - context.transposition} to "
                f"{pitches[is_note].max() - context.transposition}."
            )
        return allowed | ~is_note

    def pitch_table(self) -> np.ndarray | None:
        """The MIDI pitch of the note that each event starts.

        Returns:
          int32 `[num_events]`, or `[fields, num_events]` where events are
          vectors; -1 for what starts no note. None if there are no pitches.
        """
        return None

    def steps_table(self) -> np.ndarray:
        """How many time steps each event lasts.

        Returns:
          int32 `[num_events]`; or `[fields, num_events]`, where an event lasts
          the sum of what its fields say. By default every event lasts a step.
        """
        if not self.event_shape:
            return np.ones([self.num_events], np.int32)
        table = np.zeros([*self.event_shape, self.num_events], np.int32)
        table[0] = 1
        return table

    @abc.abstractmethod
    def transposition_table(self, shifts: tuple[int, ...]) -> np.ndarray:
        """A look-up that transposes events.

        Args:
          shifts: semitones, e.g. `(-1, 0, 1)`.

        Returns:
          int32 `[len(shifts), num_events]`: what each event becomes under
          each shift, -1 where it leaves the range. Where events are vectors,
          `[len(shifts), fields, num_events]`: what each value becomes.
        """

    def velocity_table(self, shifts: tuple[int, ...]) -> np.ndarray | None:
        """A look-up that makes events louder or softer.

        Args:
          shifts: bins of velocity, e.g. `(-1, 0, 1)`.

        Returns:
          int32 of the shape of `transposition_table`: what each event becomes
          under each shift; the loudest stays the loudest. None if events carry
          no velocities.
        """
        del shifts
        return None

    def num_drums(self) -> int:
        """How many drums an event is a set of; 0 if it is no set of drums.

        Events are then integers whose bit i says whether drum i is hit, or
        have a field of 0 or 1 for each drum.
        """
        return 0

    def note_events(self) -> NoteEvents | None:
        """How notes and time stand in events; None if it is not that simple."""
        return None

    def transposed_fields(self, shifts: tuple[int, ...]) -> np.ndarray | None:
        """Which field each field's value comes from in transposition.

        For piano rolls, where a shift moves values from field to field: after
        the look-up in `transposition_table` (which holds -1 for a note that
        would leave the range) field f takes the value of another one.

        Args:
          shifts: semitones.

        Returns:
          int32 `[len(shifts), fields]`, -1 where a field becomes 0; None if
          values stay in their fields.
        """
        del shifts
        return None

    def get_config(self) -> dict:
        """The arguments that rebuild this codec, as JSON values."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
        }
