"""Beam search: keep the most likely of many continuations."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from magenta_lite.encodings.heads import Categorical
from magenta_lite.generation.decode_loop import (
    Decoded,
    DecodeLoop,
    Rows,
    Start,
)
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.guidance import Guidance
from magenta_lite.generation.samplers import Greedy, Sampler

_IMPOSSIBLE = -1e30
"""Log-likelihood of a row that holds nothing yet; -inf would become NaN."""


@dataclasses.dataclass(frozen=True)
class StochasticBeam:
    """The original Magenta's beam search.

    In each iteration every entry of the beam is copied `branch_factor` times,
    each copy goes on for `steps_per_iteration` random events, and the
    `beam_size` most likely survive. The first iteration is the shorter one if
    the steps do not divide. Every output has a beam of its own.

    Attributes:
      beam_size: entries that survive.
      branch_factor: copies of each.
      steps_per_iteration: events between two selections.
    """

    beam_size: int = 1
    branch_factor: int = 1
    steps_per_iteration: int = 1

    def __call__(
        self,
        loop: DecodeLoop,
        primer: np.ndarray,
        *,
        num_steps: int,
        sampler: Sampler,
        seed: int = 0,
        num_outputs: int = 1,
        max_events: int | None = None,
        guidance: Guidance | None = None,
    ) -> Decoded:
        """Continues a primer; returns the best of each beam.

        Args:
          loop: steps through the model.
          primer: int32 `[time]`, at least one event.
          num_steps: time steps in total, the primer included.
          sampler: draws labels, and says how likely they were.
          seed: makes the randomness.
          num_outputs: how many beams.
          max_events: the most events in a row.
          guidance: what else the music is told.
        """

        def build(rows: Rows, start: Start, sampler: Sampler) -> Rows:
            return self._search(
                loop, rows, start, sampler, num_outputs, iteration_steps
            )

        iteration_steps = self.steps_per_iteration
        return loop.run(
            (self, num_outputs),
            build,
            primer,
            num_steps=num_steps,
            sampler=sampler,
            seed=seed,
            batch_size=1,
            max_events=max_events,
            guidance=guidance,
        )

    def _search(
        self,
        loop: DecodeLoop,
        rows: Rows,
        start: Start,
        sampler: Sampler,
        num_outputs: int,
        iteration_steps: int,
    ) -> Rows:
        entries = num_outputs * self.beam_size
        copies = np.repeat(np.arange(entries), self.branch_factor)
        rows = _prime(loop, rows, start).take(tf.zeros([entries], tf.int32))
        left = start.goal.max_events - rows.time
        first_steps = (left - 1) % iteration_steps + 1

        def iterate(rows: Rows, end: tf.Tensor) -> tuple[Rows, tf.Tensor]:
            branches = rows.take(tf.constant(copies, tf.int32))
            branches = loop.sample_until(branches, start, sampler, end)
            best = self._best(branches, num_outputs)
            return branches.take(best), end + iteration_steps

        def go_on(rows: Rows, end: tf.Tensor) -> tf.Tensor:
            del end
            more = tf.reduce_any(start.goal.unfinished(rows))
            return tf.logical_and(rows.time < start.goal.max_events, more)

        rows, _ = tf.while_loop(go_on, iterate, (rows, rows.time + first_steps))
        return rows.take(tf.range(num_outputs) * self.beam_size)

    def _best(self, rows: Rows, num_outputs: int) -> tf.Tensor:
        """Indices of the survivors, each beam's best one first."""
        per_output = self.beam_size * self.branch_factor
        scores = tf.reshape(rows.log_likelihood, [num_outputs, per_output])
        _, best = tf.math.top_k(scores, self.beam_size)
        offsets = tf.range(num_outputs)[:, tf.newaxis] * per_output
        return tf.reshape(best + offsets, [-1])


@dataclasses.dataclass(frozen=True)
class DeterministicBeam:
    """Beam search without chance: every step looks at every next label.

    Of all continuations by one event the `beam_size` most likely are kept.
    The likelihood is the model's own, at temperature 1.

    Attributes:
      beam_size: entries that survive.
    """

    beam_size: int = 1

    def __call__(
        self,
        loop: DecodeLoop,
        primer: np.ndarray,
        *,
        num_steps: int,
        max_events: int | None = None,
        guidance: Guidance | None = None,
    ) -> Decoded:
        """Continues a primer; returns the whole beam, the best one first.

        Args:
          loop: steps through the model.
          primer: int32 `[time]`, at least one event.
          num_steps: time steps in total, the primer included.
          max_events: the most events in a row.
          guidance: what else the music is told.

        Raises:
          GenerationError: if a label of the model is not a single class.
        """
        if not isinstance(loop.model.encoding.head, Categorical):
            raise GenerationError(
                "beam search at temperature 0 looks at every next event; this "
                "model has too many. Use a temperature above 0."
            )

        def build(rows: Rows, start: Start, sampler: Sampler) -> Rows:
            return self._search(loop, rows, start, sampler)

        return loop.run(
            self,
            build,
            primer,
            num_steps=num_steps,
            sampler=Greedy(),
            seed=0,
            batch_size=1,
            max_events=max_events,
            guidance=guidance,
        )

    def _search(
        self, loop: DecodeLoop, rows: Rows, start: Start, sampler: Sampler
    ) -> Rows:
        rows = _prime(loop, rows, start)
        rows = rows.take(tf.zeros([self.beam_size], tf.int32))
        only_first = [0.0] + [_IMPOSSIBLE] * (self.beam_size - 1)
        rows = rows._replace(log_likelihood=tf.constant(only_first))

        def go_on(rows: Rows) -> tf.Tensor:
            more = tf.reduce_any(start.goal.unfinished(rows))
            return tf.logical_and(rows.time < start.goal.max_events, more)

        def expand(rows: Rows) -> tuple[Rows]:
            logits, rows = loop.look(rows, start)
            allowed = loop.allowed_labels(rows, start)
            if allowed is not None:
                logits = tf.where(allowed, logits, _IMPOSSIBLE)
            log_probs = sampler.log_probs(logits)  # [k, classes]
            return (self._keep_best(loop, rows, start, log_probs),)

        return tf.while_loop(go_on, expand, (rows,))[0]

    def _keep_best(
        self, loop: DecodeLoop, rows: Rows, start: Start, log_probs: tf.Tensor
    ) -> Rows:
        """The best of all rows extended by every label."""
        num_classes = log_probs.shape[-1]
        # A row that is done has one continuation, itself: label 0, for sure.
        itself = tf.constant([[0.0] + [_IMPOSSIBLE] * (num_classes - 1)])
        unfinished = start.goal.unfinished(rows)[:, tf.newaxis]
        log_probs = tf.where(unfinished, log_probs, itself)
        totals = rows.log_likelihood[:, tf.newaxis] + log_probs
        scores, best = tf.math.top_k(tf.reshape(totals, [-1]), self.beam_size)
        parents, labels = best // num_classes, best % num_classes
        rows = rows.take(parents)
        events = loop.model.encoding.event(labels, rows.encoding_state)
        rows = loop.append(rows, start.goal, events, tf.zeros_like(scores))
        return rows._replace(log_likelihood=scores)


def _prime(loop: DecodeLoop, rows: Rows, start: Start) -> Rows:
    """Reads the primer; nothing is drawn."""

    def step(rows: Rows) -> tuple[Rows]:
        _, rows = loop.look(rows, start)
        given = tf.broadcast_to(start.primer[rows.time], tf.shape(rows.last))
        certain = tf.zeros_like(rows.log_likelihood)
        return (loop.append(rows, start.goal, given, certain),)

    def go_on(rows: Rows) -> tf.Tensor:
        return rows.time < start.primer_length

    return tf.while_loop(go_on, step, (rows,))[0]
