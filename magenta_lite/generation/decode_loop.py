"""Events one after the other, for many sequences, in one graph call."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from magenta_lite.codecs.base import NoteEvents
from magenta_lite.generation.guidance import (
    Guidance,
    GuidanceTensors,
    rounded_up,
)
from magenta_lite.generation.samplers import Sampler
from magenta_lite.generation.sounding import SoundingNotes
from magenta_lite.models.base import Model

_MAX_CACHED = 32


@dataclasses.dataclass(frozen=True)
class Decoded:
    """What a loop made.

    Attributes:
      events: one int32 array `[time]` for each row, the primer included.
      log_likelihood: float32 `[batch]`, of the events after the primer under
        the distribution that they were drawn from.
    """

    events: list[np.ndarray]
    log_likelihood: np.ndarray


class Rows(NamedTuple):
    """The state of a loop; rows come first except in `events`.

    Attributes:
      time: int32 scalar, how many events each row has.
      events: int32 `[buffer, batch, *event_shape]`; is only written, so that
        XLA need not copy it.
      last: int32 `[batch, *event_shape]`, the last events.
      encoding_state: of the encoding, before the last event.
      model_state: of the model, before the last event.
      sounding: bool `[batch, notes]`; () where notes are not ended singly.
      steps: int32 `[batch]`, time steps so far.
      counts: int32 `[batch]`, events so far; does not grow after the end.
      log_likelihood: float32 `[batch]`.
    """

    time: tf.Tensor
    events: tf.Tensor
    last: tf.Tensor
    encoding_state: Any
    model_state: Any
    sounding: Any
    steps: tf.Tensor
    counts: tf.Tensor
    log_likelihood: tf.Tensor

    def take(self, indices: tf.Tensor) -> Rows:
        """The rows at these indices; a row may be taken many times."""
        by_row = self._replace(time=(), events=())
        taken = tf.nest.map_structure(
            lambda tensor: tf.gather(tensor, indices), by_row
        )
        events = tf.gather(self.events, indices, axis=1)
        return taken._replace(time=self.time, events=events)


@dataclasses.dataclass(frozen=True)
class Goal:
    """When to stop; the fields are tensors, so that none compiles anew.

    Attributes:
      num_steps: a row is done when it has lasted this many time steps,
      max_events: or when it has this many events.
    """

    num_steps: tf.Tensor
    max_events: tf.Tensor

    def unfinished(self, rows: Rows) -> tf.Tensor:
        """Bool `[batch]`: which rows go on."""
        return rows.steps < self.num_steps


class DecodeLoop:
    """Continues primers with a model, compiled once for each size.

    The buffer's length is rounded up and the number of steps, the seed and the
    sampler's numbers are arguments of the compiled function, so that other
    lengths rarely compile again.

    Args:
      model: gives what labels are drawn from; its encoding translates events.
      steps_table: how long each event lasts, see `Codec.steps_table`: int32
        `[num_events]`, or `[fields, num_events]` where events are vectors.
      pad: what stands behind the end of a row, in every field.
      note_events: which events start and end notes; where they end them one by
        one, only what sounds is ended, and only what does not is started.
      jit_compile: whether XLA compiles the loop: about half a second at the
        first call of a size, then several times faster.
    """

    def __init__(
        self,
        model: Model,
        steps_table: np.ndarray,
        pad: int = 0,
        jit_compile: bool = True,
        note_events: NoteEvents | None = None,
    ) -> None:
        self.model = model
        self.steps_table = np.asarray(steps_table, np.int32)
        self.pad = pad
        self.jit_compile = jit_compile
        self._notes = SoundingNotes.of(note_events)
        self._compiled: collections.OrderedDict[Hashable, Callable] = (
            collections.OrderedDict()
        )

    def __call__(
        self,
        primer: np.ndarray,
        *,
        num_steps: int,
        sampler: Sampler,
        seed: int = 0,
        batch_size: int = 1,
        max_events: int | None = None,
        guidance: Guidance | None = None,
        conditioning: np.ndarray | tf.Tensor | None = None,
    ) -> Decoded:
        """Continues one primer `batch_size` times.

        Args:
          primer: int32 `[time, *event_shape]`; where it holds no event, the
            encoding's `start` stands before the first one.
          num_steps: time steps in total, the primer included.
          sampler: draws labels.
          seed: the same one gives the same events; row i does not depend on
            `batch_size`.
          batch_size: number of rows.
          max_events: the most events in a row; by default `num_steps`, which
            is enough where every event lasts a step or more.
          guidance: what else the music is told; needed where the encoding has
            controls.
          conditioning: float32 `[batch, ...]`, what the model's initial state
            is made from, e.g. latent vectors.

        Returns:
          Rows that end with the first event that reaches `num_steps`.
        """

        def build(rows: Rows, start: Start, sampler: Sampler) -> Rows:
            return self.sample_until(
                rows, start, sampler, start.goal.max_events
            )

        return self.run(
            ("sample", batch_size),
            build,
            primer,
            num_steps=num_steps,
            sampler=sampler,
            seed=seed,
            batch_size=batch_size,
            max_events=max_events,
            guidance=guidance,
            conditioning=conditioning,
        )

    def run(
        self,
        key: Hashable,
        build: Callable[[Rows, Start, Sampler], Rows],
        primer: np.ndarray,
        *,
        num_steps: int,
        sampler: Sampler,
        seed: int,
        batch_size: int,
        max_events: int | None = None,
        guidance: Guidance | None = None,
        conditioning: np.ndarray | tf.Tensor | None = None,
    ) -> Decoded:
        """Compiles and runs a way to go on from a primer.

        Args:
          key: tells `build` from others with the same sampler and length.
          build: makes the graph: from the first event to the last rows.
          primer: see `__call__`, as all that follow.
          num_steps: time steps in total.
          sampler: draws labels.
          seed: makes the randomness.
          batch_size: number of rows that `build` starts with.
          max_events: the most events in a row.
          guidance: what else the music is told.
          conditioning: what the model's initial state is made from.
        """
        max_events = max_events or max(num_steps, len(primer))
        size = rounded_up(max_events)
        primer = np.asarray(primer)
        buffer = np.full([size, *primer.shape[1:]], self.pad, np.int32)
        buffer[: len(primer)] = primer
        told = (guidance or Guidance()).padded()
        if conditioning is not None:
            conditioning = tf.convert_to_tensor(conditioning, tf.float32)
        has_primer = len(primer) > 0
        function = self._function(
            (
                key,
                buffer.shape,
                has_primer,
                sampler.kind,
                told.shapes,
                None if conditioning is None else tuple(conditioning.shape),
            ),
            build,
            batch_size,
            has_primer,
            sampler,
        )
        events, counts, log_likelihood = function(
            tf.constant(buffer),
            tf.constant(len(primer)),
            tf.constant([num_steps, max_events]),
            tf.constant(sampler.numbers, tf.float32),
            tf.constant(seed),
            told.tensors(),
            conditioning,
        )
        pairs = zip(
            np.moveaxis(events.numpy(), 1, 0), counts.numpy(), strict=True
        )
        return Decoded(
            [row[:count] for row, count in pairs], log_likelihood.numpy()
        )

    def sample_until(
        self, rows: Rows, start: Start, sampler: Sampler, end: tf.Tensor
    ) -> Rows:
        """Draws events until there are `end` or every row is done."""

        def go_on(rows: Rows) -> tf.Tensor:
            more = tf.reduce_any(start.goal.unfinished(rows))
            return tf.logical_and(rows.time < end, more)

        def step(rows: Rows) -> tuple[Rows]:
            return (self._sample(rows, start, sampler),)

        return tf.while_loop(go_on, step, (rows,))[0]

    def look(self, rows: Rows, start: Start) -> tuple[Any, Rows]:
        """Reads the last event of every row, or the start where none is.

        Returns:
          What the model's head draws the next label from, and the rows with
          the states after that event.
        """
        encoding = self.model.encoding
        control = start.guidance.control_at(rows.steps)
        inputs, encoding_state = encoding.step(
            rows.last, rows.encoding_state, control
        )
        if not start.has_primer:
            batch_size = rows.last.shape[0]
            first = encoding.start(batch_size, rows.encoding_state, control)
            inputs, encoding_state = tf.nest.map_structure(
                lambda a, b: tf.where(rows.time == 0, a, b),
                first,
                (inputs, encoding_state),
            )
        outputs, model_state = self.model.step(inputs, rows.model_state)
        return outputs, rows._replace(
            encoding_state=encoding_state, model_state=model_state
        )

    def allowed_labels(self, rows: Rows, start: Start) -> tf.Tensor | None:
        """Which labels a row may draw next; None for all.

        Args:
          rows: after `look`.
          start: what the loop was given.
        """
        allowed = start.guidance.allowed_events
        if allowed is not None:
            allowed = allowed[tf.newaxis]
        if self._notes is not None:
            audible = self._notes.allowed_events(rows.sounding)
            allowed = audible if allowed is None else allowed & audible
        if allowed is None:
            return None
        return self.model.encoding.allowed_labels(allowed, rows.encoding_state)

    def append(
        self,
        rows: Rows,
        goal: Goal,
        events: tf.Tensor,
        log_probs: tf.Tensor,
    ) -> Rows:
        """Adds an event to every row that is not done.

        Args:
          rows: whose encoding state is after the last event.
          goal: when rows are done.
          events: int32 `[batch, *event_shape]`.
          log_probs: float32 `[batch]`, how likely the events were.
        """
        unfinished = goal.unfinished(rows)
        events = tf.where(_as_wide(unfinished, events), events, self.pad)
        lasts = self._lasts(events)
        return rows._replace(
            time=rows.time + 1,
            events=tf.tensor_scatter_nd_update(
                rows.events, [[rows.time]], events[tf.newaxis]
            ),
            last=events,
            sounding=self._sounding(rows.sounding, events),
            steps=rows.steps + tf.where(unfinished, lasts, 0),
            counts=rows.counts + tf.cast(unfinished, tf.int32),
            log_likelihood=rows.log_likelihood
            + tf.where(unfinished, log_probs, 0.0),
        )

    def _sample(self, rows: Rows, start: Start, sampler: Sampler) -> Rows:
        """One event more: from the primer, imposed, or drawn."""
        begins_step = self._begins_step(rows, start)
        outputs, rows = self.look(rows, start)
        labels, chosen = self.model.head.draw(
            outputs,
            sampler,
            tf.stack([start.seed, rows.time]),
            self.allowed_labels(rows, start),
        )
        events = self.model.encoding.event(labels, rows.encoding_state)
        if begins_step is not None:
            forced, is_forced = start.guidance.forced_at(rows.steps)
            is_forced = tf.logical_and(is_forced, begins_step)
            events = tf.where(_as_wide(is_forced, events), forced, events)
            chosen = tf.where(is_forced, 0.0, chosen)
        given = rows.time < start.primer_length
        events = tf.where(given, start.primer[rows.time], events)
        chosen = tf.where(given, 0.0, chosen)
        return self.append(rows, start.goal, events, chosen)

    def _begins_step(self, rows: Rows, start: Start) -> tf.Tensor | None:
        """Bool `[batch]`: where the next event is the first of its time step.

        None if nothing is imposed on time steps.
        """
        if start.guidance.forced_events is None:
            return None
        first = tf.logical_and(rows.time == start.primer_length, rows.steps < 1)
        return tf.logical_or(first, self._lasts(rows.last) > 0)

    def _sounding(self, before: Any, events: tf.Tensor) -> Any:
        """What sounds after one event more of each row."""
        return self._notes.after(before, events) if self._notes else before

    def _lasts(self, events: tf.Tensor) -> tf.Tensor:
        """Time steps of events `[..., *event_shape]`: int32 `[...]`."""
        table = self.steps_table
        if table.ndim == 1:
            return tf.gather(tf.constant(table), events)
        num_fields, num_values = table.shape
        codes = events + tf.range(num_fields) * num_values
        lasts = tf.gather(tf.constant(table.reshape([-1])), codes)
        return tf.reduce_sum(lasts, axis=-1)

    def _function(
        self,
        key: Hashable,
        build: Callable,
        batch_size: int,
        has_primer: bool,
        sampler: Sampler,
    ) -> Callable:
        """The compiled function of a size; the oldest is forgotten."""
        if key in self._compiled:
            self._compiled.move_to_end(key)
            return self._compiled[key]

        def function(
            buffer: tf.Tensor,
            primer_length: tf.Tensor,
            limits: tf.Tensor,
            numbers: tf.Tensor,
            seed: tf.Tensor,
            guidance: GuidanceTensors,
            conditioning: tf.Tensor | None,
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            goal = Goal(limits[0], limits[1])
            start = Start(
                buffer, primer_length, goal, seed, guidance, has_primer
            )
            rows = self._first_rows(
                batch_size, has_primer, buffer, conditioning
            )
            rows = build(rows, start, sampler.with_numbers(numbers))
            return rows.events, rows.counts, rows.log_likelihood

        # AutoGraph would rewrite every function on the way for a second; no
        # component needs it.
        compiled = tf.function(
            function, autograph=False, jit_compile=self.jit_compile
        )
        self._compiled[key] = compiled
        if len(self._compiled) > _MAX_CACHED:
            self._compiled.popitem(last=False)
        return compiled

    def _first_rows(
        self,
        batch_size: int,
        has_primer: bool,
        buffer: tf.Tensor,
        conditioning: tf.Tensor | None,
    ) -> Rows:
        """Every row with the first event of the primer, if there is one."""
        steps = self._lasts(buffer[0]) if has_primer else tf.constant(0)
        events = tf.repeat(buffer[:, tf.newaxis], batch_size, axis=1)
        sounding = self._notes.none(batch_size) if self._notes else ()
        if has_primer:
            sounding = self._sounding(sounding, events[0])
        return Rows(
            time=tf.constant(int(has_primer)),
            events=events,
            last=events[0],
            encoding_state=self.model.encoding.initial_state(batch_size),
            model_state=self.model.initial_state(batch_size, conditioning),
            sounding=sounding,
            steps=tf.fill([batch_size], steps),
            counts=tf.fill([batch_size], int(has_primer)),
            log_likelihood=tf.zeros([batch_size]),
        )


@dataclasses.dataclass(frozen=True)
class Start:
    """What a loop is given; the fields are tensors but for the last.

    Attributes:
      primer: int32 `[buffer, *event_shape]`, padded.
      primer_length: int32 scalar, how many events of it are given.
      goal: when to stop.
      seed: int32 scalar.
      guidance: what else the music is told.
      has_primer: a Python bool, whether there is a first event to begin with.
    """

    primer: tf.Tensor
    primer_length: tf.Tensor
    goal: Goal
    seed: tf.Tensor
    guidance: GuidanceTensors
    has_primer: bool


def _as_wide(mask: tf.Tensor, events: tf.Tensor) -> tf.Tensor:
    """A mask `[batch]` that broadcasts over events `[batch, ...]`."""
    for _ in range(events.shape.rank - 1):
        mask = mask[:, tf.newaxis]
    return mask
