"""From latent points to music and from clips to latent points, in batches."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import numpy as np
import tensorflow as tf

from magenta_lite.codecs.base import DecodeContext
from magenta_lite.codecs.clips import ClipCodec
from magenta_lite.generation import clip_input, latent_points, options
from magenta_lite.generation.clip_input import Clip
from magenta_lite.generation.conditions import Conditions
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.generator import Generation, Generator
from magenta_lite.generation.guidance import Guidance
from magenta_lite.generation.latent_points import LatentPoints
from magenta_lite.generation.options import Settings
from magenta_lite.generation.primer_events import PrimerLike
from magenta_lite.generation.samplers import make_sampler
from magenta_lite.models.base import LatentModel
from magenta_lite.notes.postprocess import PostProcessing, post_process
from magenta_lite.notes.proto import NoteSequence, generator_pb2

_ROWS_AT_ONCE = 256
"""So many clips are encoded together."""


class Latents(NamedTuple):
    """What a model knows of clips, each float32 `[clips, z_size]`.

    Attributes:
      z: a draw from each clip's Gaussian.
      mu: the means.
      sigma: the standard deviations.
    """

    z: np.ndarray
    mu: np.ndarray
    sigma: np.ndarray


class LatentEngine(Generator):
    """What all operations of a `LatentGenerator` are made of.

    Args:
      model: the network.
      codec: turns NoteSequences into the model's events.
      bundle_id: names the kind of model.
      description: for people.
      jit_compile: see `Generator`.
    """

    model: LatentModel
    codec: ClipCodec

    def __init__(
        self,
        model: LatentModel,
        codec: ClipCodec,
        bundle_id: str = "",
        description: str = "",
        jit_compile: bool = True,
    ) -> None:
        super().__init__(model, codec, bundle_id, description, jit_compile)
        # AutoGraph would rewrite every function on the way; none needs it.
        self._encode = tf.function(
            model.encode, autograph=False, reduce_retracing=True
        )

    def prior_points(
        self, num_outputs: int, seed: int, same_z: bool = False
    ) -> LatentPoints:
        """Draws from the prior, for `compose_points`."""
        z = latent_points.prior(num_outputs, self.model.z_size, seed, same_z)
        return LatentPoints(z[:, np.newaxis])

    def compose(
        self,
        primer: PrimerLike = None,
        num_steps: int | None = None,
        settings: Settings | None = None,
        qpm: float | None = None,
        conditions: Conditions | None = None,
        post_processing: PostProcessing | None = None,
    ) -> list[Generation]:
        """Draws from the prior; see `Generator.compose`.

        Raises:
          GenerationError: if there is a primer.
        """
        if primer is not None:
            _refuse_primer()
        settings = settings or Settings()
        points = self.prior_points(settings.num_outputs, settings.seed)
        return self.compose_points(
            points, settings, num_steps, qpm, conditions, post_processing
        )

    def generate_from_options(
        self,
        input_sequence: NoteSequence,
        generator_options: generator_pb2.GeneratorOptions,
    ) -> NoteSequence:
        """Not for models of whole clips.

        Raises:
          GenerationError: always.
        """
        _refuse_primer()

    def compose_points(
        self,
        points: LatentPoints,
        settings: Settings,
        num_steps: int | None = None,
        qpm: float | None = None,
        conditions: Conditions | None = None,
        post_processing: PostProcessing | None = None,
    ) -> list[Generation]:
        """Music of latent points.

        Args:
          points: what to decode.
          settings: how labels are drawn; the number of outputs is that of the
            points, and there are no beams.
          num_steps: length; that of the points' clips if None. What is longer
            repeats the last clip's vector.
          qpm: tempo; that of the points if None, else 120.
          conditions: what else is asked for.
          post_processing: repairs to the notes.

        Raises:
          GenerationError: if a number is out of range.
          UserError: if a condition cannot be met.
        """
        conditions = conditions or Conditions()
        _check(settings, conditions, qpm)
        clip_steps = self.codec.num_clip_events
        if num_steps is None:
            num_steps = points.num_steps or points.z.shape[1] * clip_steps
        if not 0 < num_steps <= options.MAX_STEPS:
            raise GenerationError(
                f"num_steps is {num_steps}; use 1 to {options.MAX_STEPS}."
            )
        num_clips = math.ceil(num_steps / clip_steps)
        z = _fit(points.z, num_clips)  # [n, k, z]
        if z.shape[0] * num_clips > options.MAX_ROWS:
            raise GenerationError(
                f"{z.shape[0]} outputs of {num_clips} clips each are more than "
                f"the {options.MAX_ROWS} that are decoded side by side."
            )
        qpms = points.qpms
        if qpms is None or qpm is not None:
            given = clip_input.DEFAULT_QPM if qpm is None else qpm
            qpms = np.full([len(z)], given)
        context = self._context(qpms[0])
        events, log_likelihood = self.draw(
            z.reshape([-1, z.shape[2]]),
            settings,
            self._controls(points, conditions, num_clips, qpms[0]),
            self.codec.allowed_events(conditions.limits, context),
            min(num_steps, clip_steps),
        )
        events = events.reshape([*z.shape[:2], *events.shape[1:]])
        likelihoods = log_likelihood.reshape(z.shape[:2]).sum(axis=1)
        return [
            self._generation(
                row,
                dataclasses.replace(
                    context, qpm=float(tempo), start_step=points.start_step
                ),
                num_steps,
                float(likelihood),
                post_processing,
            )
            for row, tempo, likelihood in zip(
                events, qpms, likelihoods, strict=True
            )
        ]

    def draw(
        self,
        z: np.ndarray,
        settings: Settings,
        controls: np.ndarray | None = None,
        allowed_events: np.ndarray | None = None,
        num_steps: int | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Events of latent vectors.

        Args:
          z: float32 `[rows, z_size]`.
          settings: how labels are drawn.
          controls: float32 `[rows, steps, control_depth]`; needed where the
            model is told controls.
          allowed_events: see `Guidance`.
          num_steps: events of a row; a clip if None.

        Returns:
          int32 `[rows, num_steps, *event_shape]`, and the log-likelihood of
          each row, float32 `[rows]`.
        """
        if not self.model.encoding.control_depth:
            controls = None
        decoded = self._loop(
            np.zeros([0, *self.codec.event_shape], np.int32),
            num_steps=num_steps or self.codec.num_clip_events,
            sampler=make_sampler(
                settings.temperature, settings.top_k, settings.top_p
            ),
            seed=settings.seed,
            batch_size=len(z),
            guidance=Guidance(controls, allowed_events=allowed_events),
            conditioning=np.asarray(z, np.float32),
        )
        return np.stack(decoded.events), decoded.log_likelihood

    def play_clip(self, clip: Clip) -> NoteSequence:
        """A clip as it is, without going through the latent space."""
        return self.codec.decode(clip.events, self._context(clip.qpm))

    def latents(self, clips: Sequence[Clip], seed: int = 0) -> Latents:
        """Encodes clips; the seed is for the draws `z`."""
        if not clips:
            raise GenerationError("there is no clip to encode.")
        events = np.stack([clip.events for clip in clips])
        parts = []
        for first in range(0, len(events), _ROWS_AT_ONCE):
            rows = tf.constant(events[first : first + _ROWS_AT_ONCE], tf.int32)
            lengths = tf.fill(tf.shape(rows)[:1], tf.shape(rows)[1])
            parts.append(self._encode(rows, lengths))
        mu, sigma = (
            np.concatenate([part[i].numpy() for part in parts])
            for i in range(2)
        )
        noise = latent_points.prior(len(mu), mu.shape[1], seed)
        return Latents((mu + sigma * noise).astype(np.float32), mu, sigma)

    def controls_of(self, clips: Sequence[Clip]) -> np.ndarray:
        """What clips say: float32 `[clips, clip_events, control_depth]`."""
        events = np.stack([clip.events for clip in clips])
        return self.model.encoding.controls(
            tf.constant(events, tf.int32)
        ).numpy()

    def _controls(
        self,
        points: LatentPoints,
        conditions: Conditions,
        num_clips: int,
        qpm: float,
    ) -> np.ndarray | None:
        """What each clip is told: float32 `[n * k, clip, depth]`."""
        encoding = self.model.encoding
        clip_steps = self.codec.num_clip_events
        if points.controls is not None and not conditions.controls:
            controls = _fit(points.controls, num_clips)
        else:
            asked = encoding.request_controls(
                conditions.controls,
                num_clips * clip_steps,
                self.codec.steps_per_second(qpm),
            )
            by_clip = asked.reshape([1, num_clips, clip_steps, -1])
            controls = np.repeat(by_clip, len(points.z), axis=0)
        if not encoding.control_depth:
            return None
        return controls.reshape([-1, clip_steps, encoding.control_depth])

    def _context(self, qpm: float) -> DecodeContext:
        """How the codec plays what it has no example of."""
        primer = self.codec.default_primer(float(qpm))
        return self.codec.encode_primer(primer)[1]

    def _generation(
        self,
        clips: np.ndarray,
        context: DecodeContext,
        num_steps: int,
        log_likelihood: float,
        post_processing: PostProcessing | None,
    ) -> Generation:
        """Plays clips `[clips, time, ...]` one after the other."""
        clip_steps = self.codec.num_clip_events
        sequence: NoteSequence | None = None
        for number, events in enumerate(clips):
            # By itself, lest its last note be held into the next one.
            start_step = context.start_step + number * clip_steps
            part = self.codec.decode(
                events[: num_steps - number * clip_steps],
                dataclasses.replace(context, start_step=start_step),
            )
            if sequence is None:
                sequence = part
                continue
            sequence.notes.extend(part.notes)
            sequence.text_annotations.extend(part.text_annotations)
            sequence.total_time = max(sequence.total_time, part.total_time)
        assert sequence is not None
        end = context.start_step + num_steps
        return Generation(
            sequence=post_process(
                sequence,
                end / self.codec.steps_per_second(context.qpm),
                post_processing,
            ),
            primer_end_seconds=0.0,
            events=clips.reshape([-1, *clips.shape[2:]])[:num_steps],
            log_likelihood=log_likelihood,
        )


def _fit(rows: np.ndarray, num_clips: int) -> np.ndarray:
    """Rows `[outputs, clips, ...]` of so many clips; the last one goes on."""
    last = rows.shape[1] - 1
    return rows[:, np.minimum(np.arange(num_clips), last)]


def _check(
    settings: Settings, conditions: Conditions, qpm: float | None
) -> None:
    if settings.beam_size * settings.branch_factor > 1:
        raise GenerationError(
            "models with a latent space have no beam search; leave out "
            "beam_size and branch_factor."
        )
    if conditions.inject_primer or conditions.condition_on_primer:
        _refuse_primer()
    if qpm is not None and not 0 < qpm <= 10_000:
        raise GenerationError(f"qpm is {qpm}; use above 0, at most 10000.")


def _refuse_primer() -> NoReturn:
    raise GenerationError(
        "a model of whole clips continues no primer; it can reconstruct a "
        "clip, vary it (similar) or interpolate between two."
    )
