r"""Makes music with a bundle: MIDI, WAV and a picture of each piece.

  bin/generate.py --bundle_file=basic.mag --output_dir=music

Continue a melody of your own, given step by step (-2: nothing new, -1: the
note ends, else a MIDI pitch) or as a file:

  bin/generate.py --bundle_file=basic.mag --output_dir=music \
    --primer_melody="[60, -2, 62, -2, 64, -2]" --temperature=0.9 --seed=7
  bin/generate.py --bundle_file=basic.mag --output_dir=music \
    --primer_midi=tune.mid --num_steps=256 --num_outputs=3

Models of other families take other primers, and some can be told more:

  bin/generate.py --bundle_file=drum_kit.mag --output_dir=music \
    --primer_drums="[(36, 42), (), (42,), ()]"
  bin/generate.py --bundle_file=attention_improv.mag --output_dir=music \
    --backing_chords="C G Am F" --steps_per_chord=16 --render_chords

Models with a latent space (MusicVAE) sample, interpolate and vary clips:

  bin/generate.py --bundle_file=cat-mel_2bar_small.mag --output_dir=music \
    --mode=interpolate --input_midi_1=a.mid --input_midi_2=b.mid --num_outputs=9
  bin/generate.py --bundle_file=groovae_2bar_humanize.mag --output_dir=music \
    --mode=humanize --input_midi_1=stiff_beat.mid

New notes can be limited, and repaired:

  bin/generate.py --bundle_file=basic.mag --output_dir=music \
    --scale="D dorian" --min_pitch=60 --max_pitch=79 --max_note_seconds=4
"""

from __future__ import annotations

import dataclasses
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from magenta_lite.cli import (
    app,
    generate_flags,
    generate_request,
    latent_flags,
    latent_request,
    model_source,
    music_files,
    quiet,
)
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.cli.latent_request import LatentRequest
    from magenta_lite.generation.generator import Generation, Generator
    from magenta_lite.generation.options import Settings

_NUM_OUTPUTS = 10
_COMPILE_FROM_STEPS = 4096
"""Below, compiling the loop takes longer than it saves."""


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines this command's flags; commands share names, so not at import."""
    model_source.define_run_or_bundle(flag_values)
    generate_flags.define(flag_values)
    latent_flags.define(flag_values)


def main(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> int:
    """Checks the request, generates and writes the files."""
    del argv
    model_source.check(flag_values)
    if not flag_values.output_dir:
        raise UserError("give --output_dir: where to write the music.")
    formats = _parse_formats(flag_values.formats)
    # Mistakes in what is asked for should not wait for TensorFlow.
    request = generate_request.read(flag_values)
    latent = latent_request.read(flag_values)
    quiet.load_tensorflow()
    settings = _settings(flag_values, latent)
    generator = _load(flag_values)
    latent = latent_request.for_generator(
        latent, generator, request.primer_flag
    )
    settings = dataclasses.replace(
        _settings(flag_values, latent), seed=settings.seed
    )
    output_dir = Path(flag_values.output_dir).expanduser()
    with music_files.reserved_stems(output_dir, settings.num_outputs) as stems:
        print(f"seed: {settings.seed}", flush=True)
        made, steps = _compose(generator, settings, request, latent)
        for i, (generation, stem) in enumerate(zip(made, stems, strict=True)):
            _show_progress(i, len(made))
            title = f"{generator.bundle_id} · seed {settings.seed} · {i + 1}"
            for path in music_files.write(generation, stem, formats, title):
                print(path, flush=True)
        if steps and "png" in formats:
            title = f"{generator.bundle_id} · {latent.mode if latent else ''}"
            print(music_files.write_steps(steps, stems[0], title), flush=True)
    return 0


def console() -> None:
    """The entry point of `magenta_lite_generate`."""
    define_flags()
    app.run(main)


def _parse_formats(names: Sequence[str]) -> list[str]:
    formats = [name.strip().lower().lstrip(".") for name in names]
    unknown = [name for name in formats if name not in music_files.FORMATS]
    if unknown or not formats:
        what = f"{unknown[0]!r} is unknown" if unknown else "names none"
        raise UserError(
            f"--formats: {what}; use some of {','.join(music_files.FORMATS)}."
        )
    return list(dict.fromkeys(formats))


def _settings(
    flag_values: flags.FlagValues, latent: LatentRequest | None
) -> Settings:
    """How labels are drawn; what is not said depends on what is asked."""
    from magenta_lite.generation.options import Settings

    seed, temperature = flag_values.seed, flag_values.temperature
    num_outputs = flag_values.num_outputs
    if temperature is None:
        temperature = latent_flags.TEMPERATURE if latent else 1.0
    if num_outputs is None:
        num_outputs = _NUM_OUTPUTS
        if latent:
            num_outputs = latent_flags.MODES[latent.mode].num_outputs
    return Settings(
        temperature=temperature,
        top_k=flag_values.top_k,
        top_p=flag_values.top_p,
        beam_size=flag_values.beam_size,
        branch_factor=flag_values.branch_factor,
        steps_per_iteration=flag_values.steps_per_iteration,
        num_outputs=num_outputs,
        seed=secrets.randbelow(2**31) if seed is None else seed,
    )


def _compose(
    generator: Generator,
    settings: Settings,
    request: generate_request.Request,
    latent: LatentRequest | None,
) -> tuple[list[Generation], list[latent_request.Step]]:
    """The music, and what a picture of all of it together shows."""
    from magenta_lite.generation.latent import LatentGenerator

    if latent is None:
        return request.compose(generator, settings), []
    assert isinstance(generator, LatentGenerator)
    made = latent.compose(generator, settings, request)
    return made.generations, made.steps


def _load(flag_values: flags.FlagValues) -> Generator:
    from magenta_lite.generation.generator import make_generator

    source = model_source.load(flag_values)
    num_steps = flag_values.num_steps or source.codec.default_num_steps
    return make_generator(
        source.model,
        source.codec,
        source.id,
        source.description,
        jit_compile=num_steps >= _COMPILE_FROM_STEPS,
    )


def _show_progress(done: int, total: int) -> None:
    """A line on the terminal that the next one overwrites."""
    if sys.stderr.isatty() and total > 1:
        print(f"\rwriting {done + 1}/{total}", end="\r", file=sys.stderr)
