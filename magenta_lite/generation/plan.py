"""From a primer and conditions to what the decode loop is given."""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.codecs.base import Codec, DecodeContext
from magenta_lite.encodings.base import Encoding
from magenta_lite.generation import options, primer_events
from magenta_lite.generation.conditions import Conditions
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.guidance import Guidance
from magenta_lite.notes.primers import Primer
from magenta_lite.notes.proto import NoteSequence


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a decode loop starts from; steps count from time zero.

    Attributes:
      events: int32 `[time, *event_shape]`, one at least: what is continued.
      context: how to decode them and what follows.
      start_end_step: where the given events end.
      num_steps: where the music ends.
      guidance: what else the loop is told, from `context.start_step` on.
    """

    events: np.ndarray
    context: DecodeContext
    start_end_step: int
    num_steps: int
    guidance: Guidance


def plan_music(
    codec: Codec,
    encoding: Encoding,
    primer: Primer,
    num_steps: int,
    conditions: Conditions,
    qpm: float | None = None,
) -> Plan:
    """Plans music that continues a primer, or is made around it.

    Args:
      codec: of the model.
      encoding: of the model.
      primer: what to continue.
      num_steps: where the music ends.
      conditions: what else is asked for.
      qpm: tempo of the music; the primer's if None.

    Raises:
      UserError: if a condition cannot be met or the primer leaves nothing to
        make.
    """
    _check_num_steps(num_steps)
    forced = _forced_events(codec, primer, num_steps, conditions)
    start = primer
    if not _continues(conditions, forced):
        start = primer_events.without_notes(primer)
    events, context = primer_events.encode_primer(codec, start)
    if qpm is not None:
        context = dataclasses.replace(context, qpm=float(qpm))
    return _plan(
        codec,
        encoding,
        events,
        context,
        num_steps,
        primer.sequence,
        forced,
        conditions,
    )


def plan_section(
    codec: Codec,
    encoding: Encoding,
    section: options.Sections,
    conditions: Conditions,
) -> Plan:
    """Plans what a GeneratorOptions proto asks for.

    The input is extended by silence up to the section to generate.

    Raises:
      UserError: if the section is empty or the input cannot be encoded.
    """
    primer = Primer(section.primer)
    rate = codec.steps_per_second(section.primer.tempos[0].qpm)
    start = options.first_step(section.start, rate)
    end = options.last_step(section.end, rate)
    if start >= end:
        raise GenerationError(
            f"the generate section from {section.start} to {section.end} "
            "seconds is shorter than one step."
        )
    _check_num_steps(end)
    forced = _forced_events(codec, primer, end, conditions)
    sequence = section.primer
    if not _continues(conditions, forced):
        sequence = primer_events.without_notes(primer).sequence
    events, context = codec.encode_primer(sequence, max(1, start))
    return _plan(
        codec,
        encoding,
        events,
        context,
        end,
        section.primer,
        forced,
        conditions,
    )


def lasts(codec: Codec, events: np.ndarray) -> np.ndarray:
    """Time steps that each event lasts: int `[time]`."""
    table = codec.steps_table()
    if not codec.event_shape:
        return table[events]
    return table[np.arange(len(table)), events].sum(axis=1)


def _plan(
    codec: Codec,
    encoding: Encoding,
    events: np.ndarray,
    context: DecodeContext,
    num_steps: int,
    sequence: NoteSequence,
    forced: np.ndarray | None,
    conditions: Conditions,
) -> Plan:
    """Puts a plan together; `sequence` is the whole primer."""
    durations = lasts(codec, events)
    first = context.start_step
    end_step = first + int(durations.sum())
    if num_steps <= end_step:
        raise GenerationError(
            f"the primer lasts {end_step} steps and num_steps, which includes "
            f"it, is {num_steps}; ask for more steps or shorten the primer."
        )
    asked = {**codec.controls_of(sequence, num_steps), **conditions.controls}
    rate = codec.steps_per_second(context.qpm)
    controls = encoding.request_controls(asked, num_steps, rate)[first:]
    if encoding.control_depth:
        starts = np.cumsum(durations) - durations
        events = encoding.with_controls(events, controls[starts])
    return Plan(
        events=events,
        context=context,
        start_end_step=end_step,
        num_steps=num_steps,
        guidance=Guidance(
            controls=controls if encoding.control_depth else None,
            forced_events=None if forced is None else forced[first:],
            allowed_events=codec.allowed_events(conditions.limits, context),
        ),
    )


def _check_num_steps(num_steps: int) -> None:
    if num_steps > options.MAX_STEPS:
        raise GenerationError(
            f"num_steps is {num_steps}; use at most {options.MAX_STEPS}."
        )


def _forced_events(
    codec: Codec, primer: Primer, num_steps: int, conditions: Conditions
) -> np.ndarray | None:
    """What the primer imposes on each step, if it is to be worked in."""
    wanted = conditions.inject_primer
    if wanted is False or (wanted is None and not primer.is_melody):
        return None
    forced = codec.forced_events(primer.sequence, num_steps)
    if wanted and forced is None:
        raise GenerationError(
            "this model cannot work a primer into its music; only Polyphony "
            "RNN injects a primer during generation."
        )
    return forced


def _continues(conditions: Conditions, forced: np.ndarray | None) -> bool:
    """Whether the music starts with the primer."""
    if conditions.condition_on_primer is None:
        return forced is None
    return conditions.condition_on_primer
