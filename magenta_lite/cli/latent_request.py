"""What bin/generate.py is asked to make with a latent space."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from magenta_lite.cli.generate_flags import PRIMERS
from magenta_lite.cli.latent_flags import MODES, NAMES
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from magenta_lite.cli.generate_request import Request
    from magenta_lite.generation.clip_input import Clip
    from magenta_lite.generation.generator import Generation, Generator
    from magenta_lite.generation.latent import LatentGenerator
    from magenta_lite.generation.latent_points import LatentPoints
    from magenta_lite.generation.options import Settings
    from magenta_lite.notes.proto import NoteSequence

_SIMILAR_STRENGTH = 0.3


@dataclasses.dataclass(frozen=True)
class Step:
    """One row of the picture of an interpolation."""

    title: str
    sequence: NoteSequence


@dataclasses.dataclass(frozen=True)
class Made:
    """New music.

    Attributes:
      generations: one for each output.
      steps: what a picture of all together shows; empty for no picture.
    """

    generations: list[Generation]
    steps: list[Step]


@dataclasses.dataclass(frozen=True)
class LatentRequest:
    """What is to be made, but for how labels are drawn.

    Attributes:
      mode: one of `MODES`.
      inputs: names of files and what they hold.
      clip_numbers: which clip of each input, from 1.
      path: the way of an interpolation.
      strength: how far to go; None if nobody said.
      having: files with an attribute.
      lacking: files without.
    """

    mode: str = "sample"
    inputs: tuple[tuple[str, NoteSequence], ...] = ()
    clip_numbers: tuple[int, ...] = ()
    path: str = "slerp"
    strength: float | None = None
    having: tuple[Path, ...] = ()
    lacking: tuple[Path, ...] = ()

    def compose(
        self,
        generator: LatentGenerator,
        settings: Settings,
        request: Request,
    ) -> Made:
        """Makes it.

        Args:
          generator: what to make it with.
          settings: how labels are drawn, and how many outputs.
          request: what all models can be asked for.

        Raises:
          UserError: if the model cannot do that.
        """
        num_steps, conditions = request.conditions(generator)
        whole = self.mode in ("humanize", "tap")
        clips = [] if whole else self._clips(generator)
        made = generator.compose_points(
            self._points(generator, settings, clips),
            settings,
            num_steps,
            request.qpm,
            conditions,
            request.post_processing,
        )
        request.finish(made, generator, len(made[0].events))
        given = [
            Step(name, generator.play_clip(clip))
            for (name, _), clip in zip(self.inputs, clips, strict=False)
        ]
        return Made(made, self._steps(given, made))

    def _points(
        self,
        generator: LatentGenerator,
        settings: Settings,
        clips: Sequence[Clip],
    ) -> LatentPoints:
        count = settings.num_outputs
        if self.mode == "sample":
            return generator.prior_points(count, settings.seed)
        if self.mode == "interpolate":
            return generator.path_points(clips[0], clips[1], count, self.path)
        if self.mode == "reconstruct":
            return generator.clip_points([*clips] * count)
        if self.mode == "similar":
            strength = self.strength
            if strength is None:
                strength = _SIMILAR_STRENGTH
            return generator.near_points(
                clips[0], count, strength, settings.seed
            )
        if self.mode == "attribute":
            strength = 1.0 if self.strength is None else self.strength
            vector = self._attribute(generator)
            return generator.attribute_points(
                [*clips] * count, vector, strength
            )
        notes = self.inputs[0][1]
        if self.mode == "humanize":
            return generator.beat_points(notes, count)
        return generator.tap_points(notes, count)

    def _clips(self, generator: LatentGenerator) -> list[Clip]:
        """The clip that is meant of each input."""
        from magenta_lite.generation import clip_input

        chosen = []
        for i, ((name, notes), number) in enumerate(
            zip(self.inputs, self.clip_numbers, strict=True), start=1
        ):
            found = clip_input.find_clips(generator.codec, notes, name)
            if number > len(found):
                raise UserError(
                    f"--clip_{i} is {number}; {name} holds {len(found)} clips."
                )
            if len(found) > 1:
                print(
                    f"{name}: clip {number} of {len(found)} "
                    f"(--clip_{i} chooses another)",
                    flush=True,
                )
            chosen.append(found[number - 1])
        return chosen

    def _attribute(self, generator: LatentGenerator) -> np.ndarray:
        return generator.attribute_vector(
            _all_clips(generator, self.having),
            _all_clips(generator, self.lacking),
        )

    def _steps(
        self, given: list[Step], made: Sequence[Generation]
    ) -> list[Step]:
        """The picture: what was given above what was made of it."""
        if not given:
            return []
        titles = [str(i + 1) for i in range(len(made))]
        if self.mode == "interpolate" and len(made) > 1:
            shares = [i / (len(made) - 1) for i in range(len(made))]
            titles = [f"{share:.0%}" for share in shares]
        steps = [
            Step(title, generation.sequence)
            for title, generation in zip(titles, made, strict=True)
        ]
        return [*given[:1], *steps, *given[1:]]


def read(flag_values: flags.FlagValues) -> LatentRequest | None:
    """Reads the flags; None if they ask for no latent space.

    Raises:
      UserError: if they do not fit together or a file cannot be read.
    """
    given = [name for name in NAMES if flag_values[name].value]
    if flag_values.mode is None:
        if given:
            raise UserError(f"--{given[0]} goes with --mode; see --help.")
        return None
    mode, option = MODES[flag_values.mode], f"--mode={flag_values.mode}"
    for name in [*PRIMERS, "primer_midi"]:
        if flag_values[name].value:
            instead = mode.inputs[0] if mode.inputs else ""
            raise UserError(
                f"{option} continues nothing; leave out --{name}"
                + (f" and give --{instead}." if instead else ".")
            )
    for name in mode.inputs:
        if name not in given:
            needed = " and ".join(f"--{n}" for n in mode.inputs)
            raise UserError(f"{option} needs {needed}.")
    for name in given:
        if name not in mode.inputs + mode.options:
            raise UserError(f"{option} takes no --{name}; leave it out.")
    names = [n for n in mode.inputs if n.startswith("input_midi")]
    return LatentRequest(
        mode=flag_values.mode,
        inputs=tuple(
            _read_input(str(flag_values[name].value)) for name in names
        ),
        clip_numbers=tuple(
            flag_values[name.replace("input_midi", "clip")].value or 1
            for name in names
        ),
        path=flag_values.path or "slerp",
        strength=flag_values.strength,
        having=_files(flag_values.having),
        lacking=_files(flag_values.lacking),
    )


def for_generator(
    asked: LatentRequest | None, generator: Generator, primer_flag: str
) -> LatentRequest | None:
    """What is asked of this very generator.

    Args:
      asked: what the flags say.
      generator: any.
      primer_flag: which flag gave a primer; "" for none.

    Returns:
      None if it is to continue a primer; if nothing else is said, a latent
      model samples.

    Raises:
      UserError: if it can do no such thing.
    """
    from magenta_lite.generation.latent import LatentGenerator

    name = generator.bundle_id or "this model"
    if not isinstance(generator, LatentGenerator):
        if asked is None:
            return None
        raise UserError(
            f"--mode={asked.mode} is for models with a latent space "
            f"(MusicVAE); {name} continues a primer: leave out --mode."
        )
    if primer_flag:
        raise UserError(
            f"{name} continues nothing: leave out --{primer_flag}. Give a clip "
            "as --input_midi_1, with --mode=reconstruct, similar or "
            "interpolate."
        )
    return asked or LatentRequest()


def _all_clips(generator: LatentGenerator, paths: Sequence[Path]) -> list[Clip]:
    """The clips of files; those that hold none are told and left out.

    Raises:
      UserError: if there is none at all.
    """
    found: list[Clip] = []
    problem: UserError | None = None
    for path in paths:
        try:
            found += generator.clips(path)
        except UserError as error:
            problem = error
            print(f"left out: {error}", flush=True)
    if problem and not found:
        raise problem
    return found


def _read_input(name: str) -> tuple[str, NoteSequence]:
    from magenta_lite.generation import clip_input

    path = Path(name).expanduser()
    return path.name, clip_input.read_notes(path)


def _files(names: Sequence[str]) -> tuple[Path, ...]:
    """Files, and all files in folders."""
    from magenta_lite.notes import files

    found: list[Path] = []
    for name in names:
        path = Path(name).expanduser()
        if path.is_dir():
            found += map(Path, files.find_files(path))
        else:
            found.append(path)
        if not found:
            raise UserError(f"{path} holds no music files.")
    return tuple(found)
