"""A model that makes music: primers in, NoteSequences out."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from magenta_lite.bundles.bundle import read_bundle
from magenta_lite.codecs.base import Codec
from magenta_lite.codecs.clips import ClipCodec
from magenta_lite.generation import options as options_lib
from magenta_lite.generation import primer_events
from magenta_lite.generation.beam_search import (
    DeterministicBeam,
    StochasticBeam,
)
from magenta_lite.generation.conditions import Conditions, read_conditions
from magenta_lite.generation.decode_loop import Decoded, DecodeLoop
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.options import Settings
from magenta_lite.generation.plan import Plan, plan_music, plan_section
from magenta_lite.generation.primer_events import PrimerLike
from magenta_lite.generation.samplers import Greedy, make_sampler
from magenta_lite.models.base import LatentModel, Model
from magenta_lite.notes.postprocess import PostProcessing, post_process
from magenta_lite.notes.proto import NoteSequence, generator_pb2

_EVENTS_PER_SECOND = 200
"""Room for events that take no time, where a codec has such; at 120 qpm."""


@dataclasses.dataclass(frozen=True)
class Generation:
    """One piece of new music.

    Attributes:
      sequence: primer and continuation.
      primer_end_seconds: where the continuation starts.
      events: int32 `[time, *event_shape]`, primer and continuation.
      log_likelihood: of the continuation, under the distribution that it was
        drawn from, in nats.
    """

    sequence: NoteSequence
    primer_end_seconds: float
    events: np.ndarray
    log_likelihood: float


class Generator:
    """Continues music with a trained model.

    Args:
      model: the network; use `initial_state` and `step` to drive it yourself.
      codec: turns NoteSequences into the model's events.
      bundle_id: names the kind of model.
      description: for people.
      jit_compile: whether XLA compiles the decode loop. That costs about half
        a second for each new combination of sizes and makes every later event
        several times cheaper; False is faster for a single short request. The
        two round differently, so that in rare cases the same seed gives other
        music.
    """

    def __init__(
        self,
        model: Model,
        codec: Codec,
        bundle_id: str = "",
        description: str = "",
        jit_compile: bool = True,
    ) -> None:
        self.model = model
        self.codec = codec
        self.bundle_id = bundle_id
        self.description = description
        self._steps_table = codec.steps_table()
        self._loop = DecodeLoop(
            model,
            self._steps_table,
            codec.pad,
            jit_compile,
            codec.note_events(),
        )

    def generate(
        self,
        primer: PrimerLike = None,
        num_steps: int | None = None,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        beam_size: int = 1,
        branch_factor: int = 1,
        steps_per_iteration: int = 1,
        num_outputs: int = 1,
        qpm: float | None = None,
        seed: int = 0,
        conditions: Conditions | None = None,
    ) -> list[NoteSequence]:
        """Continues a primer.

        Args:
          primer: a NoteSequence; the path of a MIDI, MusicXML or ABC file; or
            a list with one value for each step, -2 for nothing new, -1 for
            note-off, else a MIDI pitch; or a `notes.primers.Primer`. None is
            the codec's own, e.g. a single middle C.
          num_steps: length of the music in time steps, primer included; the
            codec's `default_num_steps` if None.
          temperature: 0 takes what is most likely, above 1 is more random.
          top_k: draw from this many labels; 0 for all.
          top_p: draw from the likeliest labels that make up this probability.
          beam_size: if above 1, a beam search: random as in the original
            Magenta, or deterministic at temperature 0. The deterministic beam
            is at least `num_outputs` wide and the outputs are its best ones.
          branch_factor: copies of each entry of a random beam.
          steps_per_iteration: events between two selections of a random beam.
          num_outputs: how many continuations.
          qpm: tempo of the result; by default the primer's, or 120.
          seed: 0 to 2**31 - 1. The same seed gives the same music, and output
            i does not depend on `num_outputs`.
          conditions: what else is asked for: chords, a range, a scale, ...

        Returns:
          `num_outputs` sequences, each with the primer and its continuation.

        Raises:
          GenerationError: if a number is out of range or the primer leaves
            nothing to generate.
          UserError: if the primer cannot be read or encoded.
        """
        settings = Settings(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            beam_size=beam_size,
            branch_factor=branch_factor,
            steps_per_iteration=steps_per_iteration,
            num_outputs=num_outputs,
            seed=seed,
        )
        made = self.compose(primer, num_steps, settings, qpm, conditions)
        return [generation.sequence for generation in made]

    def compose(
        self,
        primer: PrimerLike = None,
        num_steps: int | None = None,
        settings: Settings | None = None,
        qpm: float | None = None,
        conditions: Conditions | None = None,
        post_processing: PostProcessing | None = None,
    ) -> list[Generation]:
        """Like `generate`, with where the primer ends and how likely it is.

        Args:
          primer: as for `generate`, like all that is not explained here.
          num_steps: length of the music.
          settings: how labels are drawn.
          qpm: tempo.
          conditions: what else is asked for.
          post_processing: repairs to the notes, beside those always made.
        """
        if qpm is not None and not 0 < qpm <= 10_000:
            raise GenerationError(f"qpm is {qpm}; use above 0, at most 10000.")
        if num_steps is None:
            num_steps = self.codec.default_num_steps
        plan = plan_music(
            self.codec,
            self.model.encoding,
            primer_events.as_primer(primer, self.codec, qpm),
            num_steps,
            conditions or Conditions(),
            qpm,
        )
        return self._make(plan, settings or Settings(), post_processing)

    def generate_from_options(
        self,
        input_sequence: NoteSequence,
        generator_options: generator_pb2.GeneratorOptions,
    ) -> NoteSequence:
        """Continues a sequence as `generator_options` say.

        The input section (all of the input if there is none) is extended by
        silence to the start of the generate section, that is to the first
        step at or after it, and continued up to the last step at or before
        its end.

        Args:
          input_sequence: what to continue; its first tempo counts. Chord
            symbols count for models that are told chords.
          generator_options: at most one input section, one generate section,
            and args `temperature`, `top_k`, `top_p`, `beam_size`,
            `branch_factor`, `steps_per_iteration`, `seed`,
            `condition_on_primer`, `no_inject_primer_during_generation`, and
            the controls that the model knows. Other args are ignored.

        Returns:
          What the model knows of the input, and its continuation.

        Raises:
          GenerationError: if the sections or args make no sense.
          UserError: if the input cannot be encoded.
        """
        sections = options_lib.read_sections(input_sequence, generator_options)
        settings = options_lib.read_settings(generator_options)
        conditions = read_conditions(
            generator_options, self.model.encoding.control_names
        )
        plan = plan_section(
            self.codec, self.model.encoding, sections, conditions
        )
        return self._make(plan, settings)[0].sequence

    def _make(
        self,
        plan: Plan,
        settings: Settings,
        post_processing: PostProcessing | None = None,
    ) -> list[Generation]:
        """Makes what was planned."""
        decoded = self._decode(plan, settings)
        rate = self.codec.steps_per_second(plan.context.qpm)
        rows = zip(
            decoded.events[: settings.num_outputs],
            decoded.log_likelihood.tolist(),
            strict=False,
        )
        return [
            Generation(
                sequence=post_process(
                    self.codec.decode(row, plan.context),
                    plan.num_steps / rate,
                    post_processing,
                ),
                primer_end_seconds=plan.start_end_step / rate,
                events=row,
                log_likelihood=log_likelihood,
            )
            for row, log_likelihood in rows
        ]

    def _max_events(self, primer_length: int, num_steps: int) -> int:
        """Room for so many time steps."""
        shortest = np.atleast_2d(self._steps_table).min(axis=1).sum()
        if shortest >= 1:
            return max(num_steps, primer_length)
        seconds = num_steps / self.codec.steps_per_second(120.0)
        return primer_length + math.ceil(seconds * _EVENTS_PER_SECOND)

    def _decode(self, plan: Plan, settings: Settings) -> Decoded:
        """Chooses between plain sampling and the two beams."""
        sampler = make_sampler(
            settings.temperature, settings.top_k, settings.top_p
        )
        num_steps = plan.num_steps - plan.context.start_step
        primer = plan.events
        limits: dict[str, Any] = {
            "num_steps": num_steps,
            "max_events": self._max_events(len(primer), num_steps),
            "guidance": plan.guidance,
        }
        if settings.beam_size * settings.branch_factor == 1:
            return self._loop(
                primer,
                sampler=sampler,
                seed=settings.seed,
                batch_size=settings.num_outputs,
                **limits,
            )
        if isinstance(sampler, Greedy):
            width = max(settings.beam_size, settings.num_outputs)
            return DeterministicBeam(width)(self._loop, primer, **limits)
        beam = StochasticBeam(
            settings.beam_size,
            settings.branch_factor,
            settings.steps_per_iteration,
        )
        return beam(
            self._loop,
            primer,
            sampler=sampler,
            seed=settings.seed,
            num_outputs=settings.num_outputs,
            **limits,
        )


def make_generator(
    model: Model,
    codec: Codec,
    bundle_id: str = "",
    description: str = "",
    jit_compile: bool = True,
) -> Generator:
    """The generator for a kind of model; arguments are those of `Generator`.

    Returns:
      A `generation.latent.LatentGenerator`, which can do more, for latent
      models of clips; else a `Generator`.
    """
    # It derives from Generator, so that its module comes after this one.
    from magenta_lite.generation.latent import LatentGenerator

    if isinstance(model, LatentModel) and isinstance(codec, ClipCodec):
        return LatentGenerator(
            model, codec, bundle_id, description, jit_compile
        )
    return Generator(model, codec, bundle_id, description, jit_compile)


def load_bundle(
    path: str | os.PathLike,
    extra_classes: Iterable[type] = (),
    jit_compile: bool = True,
) -> Generator:
    """Loads a bundle as a generator.

    Args:
      path: a `.mag` file.
      extra_classes: codecs, encodings and models outside magenta_lite that
        the bundle may name.
      jit_compile: see `Generator`.

    Returns:
      See `make_generator`.

    Raises:
      BundleError: if the file is missing, damaged or not a bundle.
    """
    bundle = read_bundle(path, extra_classes)
    return make_generator(
        bundle.model,
        bundle.codec,
        bundle.id,
        bundle.description,
        jit_compile,
    )
