"""A latent model that makes music: from its prior, and out of other music."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from magenta_lite.generation import beats, clip_input, latent_points
from magenta_lite.generation.clip_input import Clip, ClipLike
from magenta_lite.generation.conditions import Conditions
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.generator import Generation
from magenta_lite.generation.latent_engine import LatentEngine, Latents
from magenta_lite.generation.latent_points import LatentPoints
from magenta_lite.generation.options import Settings
from magenta_lite.notes.proto import NoteSequence


class LatentGenerator(LatentEngine):
    """Makes music from latent vectors, and latent vectors from music.

    Wherever music is handed in, the first clip of it is meant; `clips` gives
    them all to choose from. `generate` draws from the prior: a model of whole
    clips continues no primer. Music longer than a clip is a row of clips of
    one vector, each told its own part of the controls.

    Controls that are not asked for are those of the music handed in, else the
    model's default ones.
    """

    def clips(self, source: NoteSequence | str | os.PathLike) -> list[Clip]:
        """Every different clip of a piece, cut at bars.

        Args:
          source: notes, or the path of a MIDI, MusicXML or ABC file.

        Raises:
          GenerationError: if there is none; it says why and what to do.
          UserError: if the file cannot be read.
        """
        return clip_input.find_clips(self.codec, source)

    def sample(
        self,
        num_outputs: int = 1,
        num_steps: int | None = None,
        temperature: float = 1.0,
        same_z: bool = False,
        seed: int = 0,
        qpm: float | None = None,
        conditions: Conditions | None = None,
    ) -> list[NoteSequence]:
        """Music from the prior.

        Args:
          num_outputs: how many pieces.
          num_steps: length in the codec's time steps; a clip if None.
          temperature: see `generate`.
          same_z: whether all come from one vector.
          seed: 0 to 2**31 - 1.
          qpm: tempo; 120 if None.
          conditions: what else is asked for: chords, a range, a scale, ...
        """
        settings = Settings(
            temperature=temperature, num_outputs=num_outputs, seed=seed
        )
        points = self.prior_points(num_outputs, seed, same_z)
        return _sequences(
            self.compose_points(points, settings, num_steps, qpm, conditions)
        )

    def encode(self, clips: Sequence[ClipLike], seed: int = 0) -> Latents:
        """The latent vectors of clips.

        Args:
          clips: see the class.
          seed: for the draws `z`.

        Raises:
          UserError: if something holds no clip.
        """
        return self.latents([self._clip(clip) for clip in clips], seed)

    def decode(
        self,
        z: np.ndarray,
        num_steps: int | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        qpm: float | None = None,
        conditions: Conditions | None = None,
    ) -> list[NoteSequence]:
        """Music of latent vectors, one piece for each.

        Args:
          z: float32 `[pieces, z_size]`.
          num_steps: see `sample`, as for all that follow.
          temperature: of the draws.
          seed: makes the randomness.
          qpm: tempo.
          conditions: what else is asked for.
        """
        z = np.asarray(z, np.float32)
        if z.ndim != 2 or z.shape[1] != self.model.z_size:
            raise GenerationError(
                f"z has the shape {z.shape}; this model decodes [pieces, "
                f"{self.model.z_size}]."
            )
        points = LatentPoints(z[:, np.newaxis])
        settings = Settings(temperature=temperature, seed=seed)
        return _sequences(
            self.compose_points(points, settings, num_steps, qpm, conditions)
        )

    def reconstruct(
        self,
        clips: Sequence[ClipLike],
        temperature: float = 1.0,
        seed: int = 0,
        conditions: Conditions | None = None,
    ) -> list[NoteSequence]:
        """What is left of clips on their way through the latent space.

        Args:
          clips: each is decoded from its mean, at its own tempo.
          temperature: of the draws.
          seed: makes the randomness.
          conditions: what else is asked for.
        """
        points = self.clip_points([self._clip(clip) for clip in clips])
        return self._play(points, temperature, seed, conditions)

    def interpolate(
        self,
        start: ClipLike,
        end: ClipLike,
        num_outputs: int = 5,
        path: str = "slerp",
        temperature: float = 1.0,
        seed: int = 0,
        conditions: Conditions | None = None,
    ) -> list[NoteSequence]:
        """The way from one clip to another, in even steps.

        Args:
          start: the first output is its reconstruction,
          end: and the last output that of this one.
          num_outputs: how many outputs, both ends included.
          path: "slerp", along the sphere, as in MusicVAE; or "lerp", straight.
          temperature: of the draws.
          seed: makes the randomness.
          conditions: what else is asked for.
        """
        points = self.path_points(start, end, num_outputs, path)
        return self._play(points, temperature, seed, conditions)

    def similar(
        self,
        clip: ClipLike,
        num_outputs: int = 5,
        strength: float = 0.3,
        temperature: float = 1.0,
        seed: int = 0,
        conditions: Conditions | None = None,
    ) -> list[NoteSequence]:
        """Relatives of a clip.

        Args:
          clip: see the class.
          num_outputs: how many.
          strength: how far from it, from 0, itself, to 1, anything.
          temperature: of the draws.
          seed: makes the randomness.
          conditions: what else is asked for.
        """
        points = self.near_points(clip, num_outputs, strength, seed)
        return self._play(points, temperature, seed, conditions)

    def attribute_vector(
        self, having: Sequence[ClipLike], lacking: Sequence[ClipLike]
    ) -> np.ndarray:
        """What clips with an attribute have and those without have not.

        Args:
          having: clips with it, e.g. many notes.
          lacking: clips without.

        Returns:
          float32 `[z_size]`, the difference of the mean vectors.
        """
        if not (having and lacking):
            raise GenerationError("an attribute needs clips with and without.")
        with_it, without = (
            self.encode(clips).mu.mean(axis=0) for clips in (having, lacking)
        )
        return with_it - without

    def apply_attribute(
        self,
        clips: Sequence[ClipLike],
        vector: np.ndarray,
        strength: float = 1.0,
        temperature: float = 1.0,
        seed: int = 0,
        conditions: Conditions | None = None,
    ) -> list[NoteSequence]:
        """Clips with more of an attribute, or less.

        Args:
          clips: see the class.
          vector: float32 `[z_size]`, of `attribute_vector`.
          strength: how much of it is added; below 0 it is taken away.
          temperature: of the draws.
          seed: makes the randomness.
          conditions: what else is asked for.
        """
        points = self.attribute_points(
            [self._clip(clip) for clip in clips], vector, strength
        )
        return self._play(points, temperature, seed, conditions)

    def humanize(
        self,
        beat: NoteSequence | str | os.PathLike,
        num_outputs: int = 1,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> list[NoteSequence]:
        """A beat as a drummer would play it; for models of performed drums.

        The model reads of it what it was trained to read and adds the rest,
        e.g. loudness and timing, clip after clip.

        Args:
          beat: notes of any length and one tempo, all of which count as
            drums; or the path of a file.
          num_outputs: how many versions.
          temperature: of the draws.
          seed: makes the randomness.
        """
        points = self.beat_points(beat, num_outputs)
        return self._play(points, temperature, seed, None)

    def drums_from_tap(
        self,
        rhythm: NoteSequence | str | os.PathLike,
        num_outputs: int = 1,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> list[NoteSequence]:
        """A whole kit that plays to a tapped rhythm; for models of taps.

        Args:
          rhythm: notes whose pitches do not matter; or the path of a file.
          num_outputs: how many versions.
          temperature: of the draws.
          seed: makes the randomness.
        """
        points = self.tap_points(rhythm, num_outputs)
        return self._play(points, temperature, seed, None)

    def clip_points(self, clips: Sequence[Clip]) -> LatentPoints:
        """The means of clips, each an output, for `compose_points`."""
        return LatentPoints(
            z=self.latents(clips).mu[:, np.newaxis],
            qpms=np.array([clip.qpm for clip in clips]),
            controls=self.controls_of(clips)[:, np.newaxis],
        )

    def path_points(
        self, start: ClipLike, end: ClipLike, num_outputs: int, path: str
    ) -> LatentPoints:
        """The way between two clips, for `compose_points`.

        Tempo changes evenly; controls are those of the nearer clip.
        """
        ends = [self._clip(start), self._clip(end)]
        mu = self.latents(ends).mu
        z = latent_points.path(mu[0], mu[1], num_outputs, path)
        shares = np.linspace(0, 1, num_outputs)
        nearer = (shares > 0.5).astype(int)
        return LatentPoints(
            z=z[:, np.newaxis],
            qpms=ends[0].qpm + shares * (ends[1].qpm - ends[0].qpm),
            controls=self.controls_of(ends)[nearer][:, np.newaxis],
        )

    def near_points(
        self, clip: ClipLike, num_outputs: int, strength: float, seed: int
    ) -> LatentPoints:
        """Points around a clip, for `compose_points`."""
        clip = self._clip(clip)
        points = self.clip_points([clip] * num_outputs)
        z = latent_points.near(points.z[0, 0], num_outputs, strength, seed)
        return dataclasses.replace(points, z=z[:, np.newaxis])

    def attribute_points(
        self, clips: Sequence[Clip], vector: np.ndarray, strength: float
    ) -> LatentPoints:
        """Clips moved along an attribute, for `compose_points`."""
        points = self.clip_points(clips)
        return dataclasses.replace(points, z=points.z + strength * vector)

    def beat_points(
        self, beat: NoteSequence | str | os.PathLike, num_outputs: int
    ) -> LatentPoints:
        """A whole beat, clip after clip, for `compose_points`."""
        found = beats.read_beat(self.codec, beat)
        points = self.clip_points(found.clips)
        assert points.qpms is not None and points.controls is not None

        def as_outputs(rows: np.ndarray) -> np.ndarray:
            return np.repeat(rows[np.newaxis, :, 0], num_outputs, axis=0)

        return LatentPoints(
            z=as_outputs(points.z),
            qpms=np.repeat(points.qpms[:1], num_outputs),
            controls=as_outputs(points.controls),
            start_step=found.start_step,
            num_steps=found.num_steps,
        )

    def tap_points(
        self, rhythm: NoteSequence | str | os.PathLike, num_outputs: int
    ) -> LatentPoints:
        """A whole tapped rhythm, for `compose_points`."""
        tapped = beats.as_tap(self.codec, self.model.encoding, rhythm)
        return self.beat_points(tapped, num_outputs)

    def _play(
        self,
        points: LatentPoints,
        temperature: float,
        seed: int,
        conditions: Conditions | None,
    ) -> list[NoteSequence]:
        settings = Settings(temperature=temperature, seed=seed)
        return _sequences(
            self.compose_points(points, settings, conditions=conditions)
        )

    def _clip(self, source: ClipLike) -> Clip:
        return clip_input.as_clip(self.codec, source)


def _sequences(made: Sequence[Generation]) -> list[NoteSequence]:
    return [generation.sequence for generation in made]
