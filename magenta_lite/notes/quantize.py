"""Notes as arrays, cut at time changes and snapped to a grid of steps.

The meaning is that of note_seq's `split_note_sequence_on_time_changes` and
`quantize_note_sequence`; the work is done on one array for each field of the
notes, since touching protos note by note is what makes those slow.
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import TypeVar

import numpy as np

from magenta_lite.errors import UserError
from magenta_lite.notes import wire
from magenta_lite.notes.proto import NoteSequence

DEFAULT_QPM = 120.0
DEFAULT_TIME_SIGNATURE = (4, 4)
_MAX_STEP = 2**31 - 1
_Value = TypeVar("_Value")


REASONS = {
    "multiple_tempos": "the tempo changes; cut the music there",
    "multiple_time_signatures": "the time signature changes; cut the music "
    "there",
    "bad_time_signature": "a time signature such as 4/0 or 3/7; mend the file",
    "bad_tempo": "a tempo of zero or no number; mend the file",
    "bad_time": "a note's time is no usable number; mend the file",
    "negative_time": "a note lies before time zero; mend the file",
}
"""What each reason of a `QuantizeError` means, and what to do."""


class QuantizeError(UserError):
    """A sequence has no grid of steps.

    Attributes:
      reason: a key of `REASONS`.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclasses.dataclass(frozen=True)
class NoteArrays:
    """The notes of a sequence, one array `[notes]` for each field.

    Attributes:
      start_seconds: float64.
      end_seconds: float64.
      pitch: int64, MIDI pitch.
      velocity: int64, MIDI velocity.
      instrument: int64, the NoteSequence's number of the track.
      program: int64, MIDI program.
      is_drum: bool.
    """

    start_seconds: np.ndarray
    end_seconds: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    instrument: np.ndarray
    program: np.ndarray
    is_drum: np.ndarray

    def __len__(self) -> int:
        return len(self.pitch)

    def take(self, rows: np.ndarray | slice) -> NoteArrays:
        """The notes that an index, mask or slice picks."""
        fields = {name: getattr(self, name)[rows] for name in _FIELD_NAMES}
        return NoteArrays(**fields)


_FIELD_NAMES = tuple(f.name for f in dataclasses.fields(NoteArrays))
_PROTO_NAMES = {name: name for name in _FIELD_NAMES} | {
    "start_seconds": "start_time",
    "end_seconds": "end_time",
}


def note_arrays(sequence: NoteSequence) -> NoteArrays:
    """The notes of a proto as arrays, in their order."""
    columns = wire.read_messages(
        sequence, "notes", tuple(_PROTO_NAMES.values())
    )
    return NoteArrays(
        **{ours: columns[theirs] for ours, theirs in _PROTO_NAMES.items()}
    )


@dataclasses.dataclass(frozen=True)
class Section:
    """A stretch of music with one tempo and one time signature.

    Attributes:
      notes: with times counted from the start of the section.
      time_signature: (numerator, denominator).
      qpm: tempo in quarter notes a minute.
      offset_seconds: where the section starts in its piece.
      total_seconds: how long it lasts, silence at its end included; where
        its last note lasts longer, that counts.
    """

    notes: NoteArrays
    time_signature: tuple[int, int] = DEFAULT_TIME_SIGNATURE
    qpm: float = DEFAULT_QPM
    offset_seconds: float = 0.0
    total_seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class QuantizedNotes:
    """Notes on a grid of steps.

    Attributes:
      notes: the notes' other fields; their times stay as they were.
      start_step: int64 `[notes]`.
      end_step: int64 `[notes]`, exclusive.
      time_signature: (numerator, denominator).
      qpm: tempo in quarter notes a minute.
      steps_per_quarter: resolution of the grid.
      total_steps: how long the music lasts, silence at its end included.
      offset_seconds: where step 0 lies in the piece.
    """

    notes: NoteArrays
    start_step: np.ndarray
    end_step: np.ndarray
    time_signature: tuple[int, int]
    qpm: float
    steps_per_quarter: int
    total_steps: int
    offset_seconds: float = 0.0

    @property
    def steps_per_bar(self) -> float:
        """Steps in a bar; no whole number in e.g. 5/32 at 4 a quarter."""
        numerator, denominator = self.time_signature
        return self.steps_per_quarter * (4.0 / denominator * numerator)

    def take(self, rows: np.ndarray | slice) -> QuantizedNotes:
        """The same stretch of music with the notes that an index picks."""
        return dataclasses.replace(
            self,
            notes=self.notes.take(rows),
            start_step=self.start_step[rows],
            end_step=self.end_step[rows],
        )


def quantize_to_step(
    seconds: float | np.ndarray, steps_per_second: float, cutoff: float = 0.5
) -> np.ndarray:
    """The step that a time falls on.

    Args:
      seconds: one time or many.
      steps_per_second: resolution of the grid.
      cutoff: a time this far into a step, or further, goes to the next one:
        0.5 rounds, 1 rounds down, 0 rounds up (and a whole step up by one, as
        in note_seq).

    Returns:
      int64 steps of the same shape.

    Raises:
      QuantizeError: if a time is not a number or is too large.
    """
    steps = np.trunc(np.asarray(seconds) * steps_per_second + (1 - cutoff))
    if not (np.abs(steps) < _MAX_STEP).all():
        raise QuantizeError("bad_time", "a note's time is not a usable number")
    return steps.astype(np.int64)


def quantize(section: Section, steps_per_quarter: int) -> QuantizedNotes:
    """Puts the notes of a section on a grid relative to its tempo.

    Starts and ends go to the nearest step; a note that would last no step
    lasts one.

    Args:
      section: from `whole_section` or `split_on_time_changes`.
      steps_per_quarter: resolution, e.g. 4 for sixteenths.

    Returns:
      The notes in the same order.

    Raises:
      QuantizeError: if the time signature, tempo or a time makes no sense.
    """
    _check_meter(section)
    steps_per_second = steps_per_quarter * section.qpm / 60.0
    start = quantize_to_step(section.notes.start_seconds, steps_per_second)
    end = quantize_to_step(section.notes.end_seconds, steps_per_second)
    end = end + (end == start)
    if (start < 0).any() or (end < 0).any():
        raise QuantizeError("negative_time", "a note lies before time zero")
    total = quantize_to_step(section.total_seconds, steps_per_second)
    return QuantizedNotes(
        notes=section.notes,
        start_step=start,
        end_step=end,
        time_signature=section.time_signature,
        qpm=section.qpm,
        steps_per_quarter=steps_per_quarter,
        total_steps=int(end.max(initial=total)),
        offset_seconds=section.offset_seconds,
    )


def read_quantized(sequence: NoteSequence) -> QuantizedNotes:
    """The steps of a sequence that was quantised before, e.g. by note_seq.

    Raises:
      QuantizeError: if its time signature or tempo makes no sense.
    """
    section = whole_section(sequence)
    _check_meter(section)
    steps = [
        (note.quantized_start_step, note.quantized_end_step)
        for note in sequence.notes
    ]
    start, end = np.array(steps, np.int64).reshape([-1, 2]).T
    return QuantizedNotes(
        notes=section.notes,
        start_step=start,
        end_step=end,
        time_signature=section.time_signature,
        qpm=section.qpm,
        steps_per_quarter=sequence.quantization_info.steps_per_quarter,
        total_steps=int(end.max(initial=sequence.total_quantized_steps)),
    )


def _check_meter(section: Section) -> None:
    numerator, denominator = section.time_signature
    power_of_two = denominator > 0 and not denominator & (denominator - 1)
    if numerator <= 0 or not power_of_two:
        raise QuantizeError(
            "bad_time_signature",
            f"{numerator}/{denominator} is no time signature",
        )
    if not 0 < section.qpm < float("inf"):
        raise QuantizeError("bad_tempo", f"{section.qpm} qpm is no tempo")


def whole_section(sequence: NoteSequence) -> Section:
    """A sequence as one section, as it must be for a primer.

    Raises:
      QuantizeError: if its tempo or time signature changes.
    """
    signatures = _signature_changes(sequence)
    tempos = _tempo_changes(sequence)
    _check_single(
        signatures,
        DEFAULT_TIME_SIGNATURE,
        "multiple_time_signatures",
        "time signature",
    )
    _check_single(tempos, DEFAULT_QPM, "multiple_tempos", "tempo")
    return Section(
        notes=note_arrays(sequence),
        time_signature=signatures[0][1]
        if signatures
        else DEFAULT_TIME_SIGNATURE,
        qpm=tempos[0][1] if tempos else DEFAULT_QPM,
        total_seconds=sequence.total_time,
    )


def split_on_time_changes(
    sequence: NoteSequence, notes: NoteArrays | None = None
) -> list[Section]:
    """Cuts a piece wherever its tempo or time signature changes.

    A note belongs to the section that it starts in and is cut off at the end
    of it. Every section starts at time zero.

    Args:
      sequence: not quantised. Where it gives no total time, the end of its
        last note counts (note_seq would find nothing).
      notes: what to cut instead of the sequence's notes, e.g. these as they
        sound under the pedal.

    Returns:
      The sections in order, those without notes included; their notes are
      sorted by start time.
    """
    notes = note_arrays(sequence) if notes is None else notes
    notes = notes.take(np.argsort(notes.start_seconds, kind="stable"))
    total_seconds = sequence.total_time
    if not total_seconds and len(notes):
        total_seconds = float(notes.end_seconds.max())
    signatures = _signature_changes(sequence)
    tempos = _tempo_changes(sequence)
    changes = {
        *_real_changes(signatures, DEFAULT_TIME_SIGNATURE),
        *_real_changes(tempos, DEFAULT_QPM),
    }
    inside = sorted(t for t in changes if 0 < t < total_seconds)
    bounds = [0.0, *inside, total_seconds]
    if total_seconds <= 0:
        return []
    cuts = np.searchsorted(notes.start_seconds, bounds).tolist()
    return [
        Section(
            _cut(notes.take(slice(first, last)), start, end),
            _value_at(signatures, start, DEFAULT_TIME_SIGNATURE),
            _value_at(tempos, start, DEFAULT_QPM),
            start,
            end - start,
        )
        for (start, end), (first, last) in zip(
            pairwise(bounds), pairwise(cuts), strict=True
        )
    ]


def _cut(notes: NoteArrays, start: float, end: float) -> NoteArrays:
    return dataclasses.replace(
        notes,
        start_seconds=notes.start_seconds - start,
        end_seconds=np.minimum(notes.end_seconds, end) - start,
    )


def _signature_changes(
    sequence: NoteSequence,
) -> list[tuple[float, tuple[int, int]]]:
    changes = [
        (s.time, (s.numerator, s.denominator)) for s in sequence.time_signatures
    ]
    return sorted(changes, key=lambda change: change[0])


def _tempo_changes(sequence: NoteSequence) -> list[tuple[float, float]]:
    changes = [(tempo.time, tempo.qpm) for tempo in sequence.tempos]
    return sorted(changes, key=lambda change: change[0])


def _real_changes(changes: list[tuple], default: object) -> list[float]:
    """The times at which the value becomes another one."""
    values = [default, *(value for _, value in changes)]
    return [
        seconds
        for (seconds, value), before in zip(changes, values, strict=False)
        if value != before
    ]


def _value_at(
    changes: list[tuple[float, _Value]], seconds: float, default: _Value
) -> _Value:
    value = default
    for time, new_value in changes:
        if time > seconds:
            break
        value = new_value
    return value


def _check_single(
    changes: list[tuple], default: object, reason: str, noun: str
) -> None:
    """Raises if a value, which holds from time zero, changes."""
    if not changes:
        return
    implicit = [(0.0, default)] if changes[0][0] != 0 else []
    for seconds, value in [*implicit, *changes]:
        first = implicit[0][1] if implicit else changes[0][1]
        if value != first:
            raise QuantizeError(
                reason,
                f"the {noun} changes at {seconds:.2f} s; cut the music there "
                f"so that it has one {noun}",
            )
