"""A model that makes music: primers in, NoteSequences out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from magenta_lite.bundles.bundle import read_bundle
from magenta_lite.codecs.base import Codec, DecodeContext
from magenta_lite.codecs.melody import primer_melody_sequence
from magenta_lite.generation import options as options_lib
from magenta_lite.generation.beam_search import (
    DeterministicBeam,
    StochasticBeam,
)
from magenta_lite.generation.decode_loop import Decoded, DecodeLoop
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.guidance import Guidance
from magenta_lite.generation.options import Settings
from magenta_lite.generation.samplers import Greedy, make_sampler
from magenta_lite.models.base import Model
from magenta_lite.notes.proto import NoteSequence, generator_pb2

Primer: TypeAlias = NoteSequence | str | os.PathLike | Sequence[int] | None

DEFAULT_PRIMER = (60,)
"""Middle C, as in the original Magenta."""

_DEFAULT_QPM = 120.0
_EVENTS_PER_STEP = 16
"""Room for events that take no time, where a codec has such."""


@dataclasses.dataclass(frozen=True)
class Generation:
    """One piece of new music.

    Attributes:
      sequence: primer and continuation.
      primer_end_seconds: where the continuation starts.
      events: int32 `[time]`, primer and continuation.
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
            model, self._steps_table, codec.pad, jit_compile
        )

    def generate(
        self,
        primer: Primer = None,
        num_steps: int = 128,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        beam_size: int = 1,
        branch_factor: int = 1,
        steps_per_iteration: int = 1,
        num_outputs: int = 1,
        qpm: float | None = None,
        seed: int = 0,
    ) -> list[NoteSequence]:
        """Continues a primer.

        Args:
          primer: a NoteSequence; the path of a MIDI, MusicXML or ABC file; or
            a list with one value for each step, -2 for nothing new, -1 for
            note-off, else a MIDI pitch. None is a single middle C.
          num_steps: length of the music in time steps, primer included.
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
        made = self.compose(primer, num_steps, settings, qpm)
        return [generation.sequence for generation in made]

    def compose(
        self,
        primer: Primer = None,
        num_steps: int = 128,
        settings: Settings | None = None,
        qpm: float | None = None,
    ) -> list[Generation]:
        """Like `generate`, with where the primer ends and how likely it is."""
        if qpm is not None and not 0 < qpm <= 10_000:
            raise GenerationError(f"qpm is {qpm}; use above 0, at most 10000.")
        events, context = self._encode_primer(primer, qpm)
        if qpm is not None:
            context = dataclasses.replace(context, qpm=float(qpm))
        return self._continue(
            events, context, num_steps, settings or Settings()
        )

    def generate_from_options(
        self,
        input_sequence: NoteSequence,
        generator_options: generator_pb2.GeneratorOptions,
    ) -> NoteSequence:
        """Continues a sequence as `generator_options` say.

        The melody of the input section (all of the input if there is none) is
        extended by silence to the start of the generate section, that is to
        the first step at or after it, and continued up to the last step at or
        before its end.

        Args:
          input_sequence: what to continue; its first tempo counts.
          generator_options: at most one input section, one generate section,
            and args `temperature`, `top_k`, `top_p`, `beam_size`,
            `branch_factor`, `steps_per_iteration`, `seed`. Other args are
            ignored.

        Returns:
          The melody of the input section and its continuation.

        Raises:
          GenerationError: if the sections or args make no sense.
          UserError: if the input cannot be encoded.
        """
        sections = options_lib.read_sections(input_sequence, generator_options)
        settings = options_lib.read_settings(generator_options)
        rate = self.codec.steps_per_second(sections.primer.tempos[0].qpm)
        start = options_lib.first_step(sections.start, rate)
        end = options_lib.last_step(sections.end, rate)
        if start >= end:
            raise GenerationError(
                f"the generate section from {sections.start} to {sections.end} "
                "seconds is shorter than one step."
            )
        events, context = self.codec.encode_primer(
            sections.primer, num_steps=max(1, start)
        )
        return self._continue(events, context, end, settings)[0].sequence

    def _encode_primer(
        self, primer: Primer, qpm: float | None
    ) -> tuple[np.ndarray, DecodeContext]:
        if primer is None:
            primer = DEFAULT_PRIMER
        if isinstance(primer, str | os.PathLike):
            primer = _read_primer(Path(primer))
        if isinstance(primer, NoteSequence):
            return self._encode_sequence(primer)
        values = list(cast(Sequence[int], primer))
        sequence = primer_melody_sequence(
            values,
            qpm or _DEFAULT_QPM,
            getattr(self.codec, "steps_per_quarter", 4),
        )
        # Rests at the end are no notes; the number of values keeps them.
        return self.codec.encode_primer(sequence, max(1, len(values)))

    def _encode_sequence(
        self, primer: NoteSequence
    ) -> tuple[np.ndarray, DecodeContext]:
        events, context = self.codec.encode_primer(primer)
        if len(events):
            return events, context
        if primer.notes:
            raise GenerationError(
                "the primer holds no melody that this model can continue."
            )
        # A model starts from an event: one step of silence.
        return self.codec.encode_primer(primer, num_steps=1)

    def _continue(
        self,
        events: np.ndarray,
        context: DecodeContext,
        num_steps: int,
        settings: Settings,
    ) -> list[Generation]:
        """Continues events up to `num_steps` after time zero."""
        primer_end = context.start_step + int(self._lasts(events).sum())
        if num_steps <= primer_end:
            raise GenerationError(
                f"the primer lasts {primer_end} steps and num_steps, which "
                f"includes it, is {num_steps}; ask for more steps or shorten "
                "the primer."
            )
        if num_steps > options_lib.MAX_STEPS:
            raise GenerationError(
                f"num_steps is {num_steps}; use at most "
                f"{options_lib.MAX_STEPS}."
            )
        controls = self.model.encoding.request_controls(
            {}, num_steps, self.codec.steps_per_second(context.qpm)
        )[context.start_step :]
        if controls.shape[1]:
            starts = np.cumsum(self._lasts(events)) - self._lasts(events)
            events = self.model.encoding.with_controls(events, controls[starts])
        guidance = Guidance(controls=controls if controls.shape[1] else None)
        decoded = self._decode(
            events, num_steps - context.start_step, settings, guidance
        )
        primer_end_seconds = primer_end / self.codec.steps_per_second(
            context.qpm
        )
        rows = zip(
            decoded.events[: settings.num_outputs],
            decoded.log_likelihood.tolist(),
            strict=False,
        )
        return [
            Generation(
                sequence=self.codec.decode(row, context),
                primer_end_seconds=primer_end_seconds,
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
        return primer_length + num_steps * _EVENTS_PER_STEP

    def _lasts(self, events: np.ndarray) -> np.ndarray:
        """Time steps of each event: int `[time]`."""
        if not self.codec.event_shape:
            return self._steps_table[events]
        fields = np.arange(len(self.codec.field_sizes))
        return self._steps_table[fields, events].sum(axis=1)

    def _decode(
        self,
        primer: np.ndarray,
        num_steps: int,
        settings: Settings,
        guidance: Guidance,
    ) -> Decoded:
        """Chooses between plain sampling and the two beams."""
        sampler = make_sampler(
            settings.temperature, settings.top_k, settings.top_p
        )
        limits: dict[str, Any] = {
            "num_steps": num_steps,
            "max_events": self._max_events(len(primer), num_steps),
            "guidance": guidance,
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

    Raises:
      BundleError: if the file is missing, damaged or not a bundle.
    """
    bundle = read_bundle(path, extra_classes)
    return Generator(
        bundle.model,
        bundle.codec,
        bundle.id,
        bundle.description,
        jit_compile,
    )


def _read_primer(path: Path) -> NoteSequence:
    """The first piece in a file; it must hold notes."""
    from magenta_lite.notes import files

    sequences = files.read_file(path)
    if not sequences or not sequences[0].notes:
        raise GenerationError(f"primer {path} holds no notes.")
    return sequences[0]
