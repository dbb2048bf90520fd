"""Finds drum tracks in quantised notes, as arrays of sets of classes.

The rules are those of note_seq's `DrumTrack.from_quantized_sequence` and of
the loop that Magenta ran around it. A set is an integer whose bit i says that
class i is hit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from magenta_lite.codecs import metric_grid
from magenta_lite.codecs.base import DecodeContext
from magenta_lite.codecs.limits import Limits
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import QuantizedNotes

NUM_PITCHES = 128
DRUM_INSTRUMENT = 9
"""Where note_seq puts drums, as General MIDI does on channel 10."""
MAX_CLASSES = 62
"""As many bits as an int64 holds, one to spare for the sign."""
NO_CLASS = -1


@dataclasses.dataclass(frozen=True)
class Rules:
    """What counts as one drum track.

    Attributes:
      gap_bars: bars of silence that end a track.
      max_steps: where to cut a track; None for nowhere.
      pad_end: fill the last bar.
      ignore_is_drum: take notes of other instruments for drums, too.
    """

    gap_bars: float
    max_steps: int | None
    pad_end: bool
    ignore_is_drum: bool = False


@dataclasses.dataclass(frozen=True)
class DrumTrack:
    """One drum track.

    Attributes:
      start_step: first step of the bar of the first hit.
      num_steps: how long it is before being cut at `max_steps`.
      hits: int64 `[time]`, sets of classes.
    """

    start_step: int
    num_steps: int
    hits: np.ndarray


def class_of_pitch(
    drum_classes: Sequence[Sequence[int]], other_class: int | None = None
) -> np.ndarray:
    """`[128]` int32: the class of each MIDI pitch, -1 for none."""
    other = NO_CLASS if other_class is None else other_class
    table = np.full([NUM_PITCHES], other, np.int32)
    for number, pitches in enumerate(drum_classes):
        table[list(pitches)] = number
    return table


def classes_of(notes: QuantizedNotes, table: np.ndarray) -> np.ndarray:
    """The class of each note by `class_of_pitch`, -1 for none."""
    pitches = notes.notes.pitch
    in_range = (pitches >= 0) & (pitches < NUM_PITCHES)
    return np.where(in_range, table[pitches % NUM_PITCHES], NO_CLASS)


def drum_tracks(
    notes: QuantizedNotes, table: np.ndarray, rules: Rules
) -> Iterator[DrumTrack]:
    """The drum tracks of a section, one after the other.

    The search for the next track starts at the first bar line that is not
    before the end of the last one.

    Args:
      notes: in bars of whole steps.
      table: from `class_of_pitch`. Drums of no class are in no set, but a
        track goes on while they play.
      rules: what counts as a track.
    """
    steps, hits = _hits(notes, table, rules.ignore_is_drum)
    bar = int(notes.steps_per_bar)
    is_last = np.append(np.diff(steps) - 1 >= rules.gap_bars * bar, True)
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
        if rules.pad_end:
            num_steps += -num_steps % bar
        length = num_steps
        if rules.max_steps is not None and num_steps > rules.max_steps:
            length = rules.max_steps
            if rules.pad_end:
                length -= length % bar
        places = steps[first : last + 1] - start_step
        kept = places < length
        found = np.zeros([length], np.int64)
        found[places[kept]] = hits[first : last + 1][kept]
        yield DrumTrack(start_step, num_steps, found)


def _hits(
    notes: QuantizedNotes, table: np.ndarray, ignore_is_drum: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Steps at which any drum sounds, and the sets of classes there."""
    is_hit = notes.notes.velocity > 0
    if not ignore_is_drum:
        is_hit &= notes.notes.is_drum
    steps, rows = np.unique(notes.start_step[is_hit], return_inverse=True)
    classes = classes_of(notes, table)[is_hit].astype(np.int64)
    hits = np.zeros([len(steps)], np.int64)
    known = classes != NO_CLASS
    np.bitwise_or.at(hits, rows[known], np.int64(1) << classes[known])
    return steps, hits


def primer_hits(
    notes: QuantizedNotes, table: np.ndarray, num_steps: int | None
) -> tuple[np.ndarray, DecodeContext]:
    """All of a primer, whatever its gaps; every note counts as a drum.

    Args:
      notes: of the primer.
      table: from `class_of_pitch`.
      num_steps: see `Codec.encode_primer`.

    Returns:
      int64 `[time]` from the bar line before the first hit, and the context.

    Raises:
      UserError: if the primer is longer than `num_steps`.
    """
    rules = Rules(float("inf"), None, pad_end=False, ignore_is_drum=True)
    nothing = DrumTrack(0, 0, np.zeros([0], np.int64))
    track = next(drum_tracks(notes, table, rules), nothing)
    start_step, length = metric_grid.fill_primer(
        track.start_step, len(track.hits), num_steps
    )
    context = DecodeContext(
        qpm=notes.qpm,
        start_step=start_step,
        time_signature=notes.time_signature,
        instrument=DRUM_INSTRUMENT,
    )
    return np.pad(track.hits, (0, length - len(track.hits))), context


def allowed_classes(limits: Limits, table: np.ndarray) -> set[int] | None:
    """The classes of drums that music with limits may use; None for all.

    Args:
      limits: which notes there may be.
      table: from `class_of_pitch`.

    Raises:
      UserError: for limits of pitches, and for drums of no class.
    """
    if limits.limits_pitches:
        raise UserError(
            "min_pitch, max_pitch and scale are for models of pitches; "
            "drum_classes limit drums."
        )
    if limits.drum_classes is None:
        return None
    for pitch in limits.drum_classes:
        if table[pitch] == NO_CLASS:
            raise UserError(
                f"drum_classes: {pitch} belongs to no class of this model."
            )
    return {int(table[pitch]) for pitch in limits.drum_classes}


def check_classes(
    name: str, drum_classes: Sequence[Sequence[int]], most: int
) -> list[str]:
    """What is wrong with classes of drums, of which there may be so many."""
    listed = [pitch for pitches in drum_classes for pitch in pitches]
    problems = {
        f"needs 1 to {most} {name}": not 1 <= len(drum_classes) <= most,
        f"a class of {name} has no pitch": not all(drum_classes),
        f"a pitch in {name} is not in 0 to 127": any(
            not 0 <= pitch < NUM_PITCHES for pitch in listed
        ),
        f"a pitch stands twice in {name}": len(set(listed)) < len(listed),
    }
    return [problem for problem, is_so in problems.items() if is_so]


def bits(hits: np.ndarray, num_classes: int) -> np.ndarray:
    """Sets of classes `[...]` as int32 `[..., num_classes]` of 0 and 1."""
    return (hits[..., None] >> np.arange(num_classes) & 1).astype(np.int32)


def to_sequence(
    roll: np.ndarray,
    drum_classes: Sequence[Sequence[int]],
    context: DecodeContext | None,
    steps_per_quarter: int,
) -> NoteSequence:
    """A roll as notes of one step, each of the first pitch of its class.

    Args:
      roll: `[time, classes]` of 0 and 1.
      drum_classes: the pitches of each class.
      context: where it lies in time; None starts at zero.
      steps_per_quarter: resolution of the grid.

    Returns:
      A NoteSequence with the context's tempo and time signature that ends with
      its last note.
    """
    context = context or DecodeContext(instrument=DRUM_INSTRUMENT)
    step_seconds = 60.0 / context.qpm / steps_per_quarter
    start_seconds = context.start_step * step_seconds
    sequence = context.new_sequence()
    for step, number in np.argwhere(roll).tolist():
        sequence.notes.add(
            pitch=drum_classes[number][0],
            velocity=context.velocity,
            instrument=context.instrument,
            program=context.program,
            is_drum=True,
            start_time=step * step_seconds + start_seconds,
            end_time=(step + 1) * step_seconds + start_seconds,
        )
        sequence.total_time = sequence.notes[-1].end_time
    return sequence
