"""Requests for music, checked; and those made by GeneratorOptions protos."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from magenta_lite.generation.errors import GenerationError
from magenta_lite.notes.proto import NoteSequence, generator_pb2

MAX_STEPS = 2**20
"""The longest music, in time steps: 36 hours of sixteenths at 120 qpm."""

MAX_ROWS = 2**14
"""The most sequences that are decoded side by side."""

_DEFAULT_QPM = 120.0
_STEP_TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to continue; the same for flags, keyword arguments and protos.

    Attributes:
      temperature: 0 takes what is most likely; 1 is the model's own
        distribution, above it is more random.
      top_k: draw from this many labels; 0 for all.
      top_p: draw from the likeliest labels that make up this probability.
      beam_size: entries of the beam; 1 for none. At temperature 0 the beam is
        deterministic.
      branch_factor: copies of each entry, as in the original Magenta.
      steps_per_iteration: events between two selections.
      num_outputs: how many continuations.
      seed: the same one gives the same music.

    Raises:
      GenerationError: if a whole number is out of range. (The sampler checks
        the others.)
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    beam_size: int = 1
    branch_factor: int = 1
    steps_per_iteration: int = 1
    num_outputs: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in (
            "beam_size",
            "branch_factor",
            "steps_per_iteration",
            "num_outputs",
        ):
            if getattr(self, name) < 1:
                raise GenerationError(
                    f"{name} is {getattr(self, name)}; use 1 or more."
                )
        rows = self.num_outputs * self.beam_size * self.branch_factor
        if rows > MAX_ROWS:
            raise GenerationError(
                f"num_outputs * beam_size * branch_factor is {rows}; at most "
                f"{MAX_ROWS} sequences are decoded side by side."
            )
        if not 0 <= self.seed < 2**31:
            raise GenerationError(f"seed is {self.seed}; use 0 to {2**31 - 1}.")


@dataclasses.dataclass(frozen=True)
class Sections:
    """What a GeneratorOptions proto asks for, in seconds.

    Attributes:
      primer: the notes of the input section.
      start: where the continuation starts.
      end: where it ends.
    """

    primer: NoteSequence
    start: float
    end: float


def read_sections(
    sequence: NoteSequence, options: generator_pb2.GeneratorOptions
) -> Sections:
    """Takes the sections out of options, as the original Magenta does.

    Args:
      sequence: the input; the input section, if there is one, is cut out.
      options: at most one input section and exactly one generate section,
        which starts at or after the end of the last note.

    Raises:
      GenerationError: if there are other sections or they make no sense.
    """
    if len(options.input_sections) > 1:
        raise GenerationError(
            f"got {len(options.input_sections)} input sections; this "
            "generator takes at most one."
        )
    if len(options.generate_sections) != 1:
        raise GenerationError(
            f"got {len(options.generate_sections)} generate sections; this "
            "generator takes exactly one."
        )
    primer = NoteSequence()
    primer.CopyFrom(sequence)
    for section in options.input_sections:
        _keep_between(primer, section.start_time, section.end_time)
    if not primer.tempos:
        primer.tempos.add(qpm=_DEFAULT_QPM)
    section = options.generate_sections[0]
    if not 0 <= section.start_time < section.end_time < math.inf:
        raise GenerationError(
            f"the generate section from {section.start_time} to "
            f"{section.end_time} seconds is empty."
        )
    last_end = max((note.end_time for note in primer.notes), default=0.0)
    if last_end > section.start_time:
        raise GenerationError(
            f"the generate section starts at {section.start_time} seconds, "
            f"before the last note ends ({last_end}); start it there or later."
        )
    return Sections(primer, section.start_time, section.end_time)


def read_settings(options: generator_pb2.GeneratorOptions) -> Settings:
    """The arguments in options; unknown ones are ignored, as in Magenta.

    Raises:
      GenerationError: if one has the wrong type or is out of range.
    """
    known: dict[str, Any] = {}
    for field in dataclasses.fields(Settings):
        if field.name not in options.args or field.name == "num_outputs":
            continue
        argument = options.args[field.name]
        kind = argument.WhichOneof("kind")
        value = getattr(argument, kind) if kind else None
        whole = isinstance(field.default, int)
        if isinstance(value, bool) or not isinstance(
            value, int if whole else float | int
        ):
            wanted = "a whole number" if whole else "a number"
            raise GenerationError(f"args[{field.name!r}] must be {wanted}.")
        known[field.name] = value
    return Settings(**known)


def first_step(seconds: float, steps_per_second: float) -> int:
    """The first step at or after a time."""
    return math.ceil(seconds * steps_per_second - _STEP_TOLERANCE)


def last_step(seconds: float, steps_per_second: float) -> int:
    """The last step at or before a time."""
    return math.floor(seconds * steps_per_second + _STEP_TOLERANCE)


def _keep_between(sequence: NoteSequence, start: float, end: float) -> None:
    """Keeps the notes that start in a section, cut where it ends."""
    if not start < end:
        raise GenerationError(
            f"the input section from {start} to {end} seconds is empty."
        )
    kept = [n for n in sequence.notes if start <= n.start_time < end]
    for note in kept:
        note.end_time = min(note.end_time, end)
    kept = [NoteSequence.Note.FromString(n.SerializeToString()) for n in kept]
    del sequence.notes[:]
    sequence.notes.extend(kept)
    sequence.total_time = min(sequence.total_time, end)
