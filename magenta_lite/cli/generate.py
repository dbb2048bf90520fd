r"""Makes music with a bundle: MIDI, WAV and a picture of each piece.

  bin/generate.py --bundle_file=basic.mag --output_dir=music

Continue a melody of your own, given step by step (-2: nothing new, -1: the
note ends, else a MIDI pitch) or as a file:

  bin/generate.py --bundle_file=basic.mag --output_dir=music \
    --primer_melody="[60, -2, 62, -2, 64, -2]" --temperature=0.9 --seed=7
  bin/generate.py --bundle_file=basic.mag --output_dir=music \
    --primer_midi=tune.mid --num_steps=256 --num_outputs=3
"""

from __future__ import annotations

import ast
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from magenta_lite.cli import app, music_files, quiet
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.generation.generator import Generator
    from magenta_lite.generation.options import Settings
    from magenta_lite.notes.proto import NoteSequence

_MAX_PRIMER_LENGTH = 100_000
_COMPILE_FROM_STEPS = 4096
"""Below, compiling the loop takes longer than it saves."""


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines this command's flags; commands share names, so not at import."""
    _define_files(flag_values)
    _define_settings(flag_values)


def main(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> int:
    """Checks the request, generates and writes the files."""
    del argv
    if bool(flag_values.run_dir) == bool(flag_values.bundle_file):
        raise UserError("give either --bundle_file or --run_dir.")
    if not flag_values.output_dir:
        raise UserError("give --output_dir: where to write the music.")
    formats = _parse_formats(flag_values.formats)
    quiet.load_tensorflow()
    settings = _settings(flag_values)
    primer = _primer(flag_values)
    output_dir = Path(flag_values.output_dir).expanduser()
    with music_files.reserved_stems(output_dir, settings.num_outputs) as stems:
        generator = _load(flag_values)
        print(f"seed: {settings.seed}", flush=True)
        made = generator.compose(
            primer, flag_values.num_steps, settings, flag_values.qpm
        )
        for i, (generation, stem) in enumerate(zip(made, stems, strict=True)):
            _show_progress(i, len(made))
            title = f"{generator.bundle_id} · seed {settings.seed} · {i + 1}"
            for path in music_files.write(generation, stem, formats, title):
                print(path, flush=True)
    return 0


def console() -> None:
    """The entry point of `magenta_lite_generate`."""
    define_flags()
    app.run(main)


def parse_primer_melody(text: str) -> list[int]:
    """Reads `--primer_melody`.

    Args:
      text: a Python list of numbers, as in "[60, -2, 62]".

    Raises:
      UserError: if it is anything else. (Which numbers are allowed is for
        `codecs.melody.primer_melody_sequence` to say.)
    """
    try:
        values = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        values = None
    if isinstance(values, int):
        values = [values]
    if not isinstance(values, list | tuple):
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise UserError(
            f"--primer_melody={shown!r} is not a list of numbers; write it "
            'like "[60, -2, 62, -2]".'
        )
    if len(values) > _MAX_PRIMER_LENGTH:
        raise UserError(
            f"--primer_melody has {len(values)} values; use at most "
            f"{_MAX_PRIMER_LENGTH}."
        )
    return list(values)


def _parse_formats(names: Sequence[str]) -> list[str]:
    formats = [name.strip().lower().lstrip(".") for name in names]
    unknown = [name for name in formats if name not in music_files.FORMATS]
    if unknown or not formats:
        what = f"{unknown[0]!r} is unknown" if unknown else "names none"
        raise UserError(
            f"--formats: {what}; use some of {','.join(music_files.FORMATS)}."
        )
    return list(dict.fromkeys(formats))


def _settings(flag_values: flags.FlagValues) -> Settings:
    from magenta_lite.generation.options import Settings

    seed = flag_values.seed
    return Settings(
        temperature=flag_values.temperature,
        top_k=flag_values.top_k,
        top_p=flag_values.top_p,
        beam_size=flag_values.beam_size,
        branch_factor=flag_values.branch_factor,
        steps_per_iteration=flag_values.steps_per_iteration,
        num_outputs=flag_values.num_outputs,
        seed=secrets.randbelow(2**31) if seed is None else seed,
    )


def _primer(flag_values: flags.FlagValues) -> NoteSequence | list[int] | None:
    """Reads the primer now: a mistake in it should not wait for TensorFlow."""
    if flag_values.primer_melody and flag_values.primer_midi:
        raise UserError("give either --primer_melody or --primer_midi.")
    if flag_values.primer_melody:
        from magenta_lite.codecs.melody import primer_melody_sequence

        values = parse_primer_melody(flag_values.primer_melody)
        primer_melody_sequence(values)
        return values
    if flag_values.primer_midi:
        from magenta_lite.notes import files

        path = Path(flag_values.primer_midi).expanduser()
        primer = files.read_file(path)[0]
        if not primer.notes:
            raise UserError(f"{path}: holds no notes; choose another primer.")
        return primer
    return None


def _load(flag_values: flags.FlagValues) -> Generator:
    jit_compile = flag_values.num_steps >= _COMPILE_FROM_STEPS
    if flag_values.bundle_file:
        path = Path(flag_values.bundle_file).expanduser()
        if not path.exists():
            raise UserError(f"bundle {path} does not exist.")
        from magenta_lite.generation.generator import load_bundle

        return load_bundle(path, jit_compile=jit_compile)
    from magenta_lite.generation.generator import Generator
    from magenta_lite.training.run_dir import load_run

    run = load_run(
        Path(flag_values.run_dir).expanduser(), flag_values.checkpoint
    )
    return Generator(run.model, run.codec, run.recipe, jit_compile=jit_compile)


def _show_progress(done: int, total: int) -> None:
    """A line on the terminal that the next one overwrites."""
    if sys.stderr.isatty() and total > 1:
        print(f"\rwriting {done + 1}/{total}", end="\r", file=sys.stderr)


def _define_files(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "bundle_file",
        None,
        "The bundle (.mag) to generate with.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "run_dir",
        None,
        "A run of bin/train.py, instead of --bundle_file.",
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "checkpoint",
        "best",
        ("best", "latest"),
        "Which weights of the run: those with the lowest validation loss, or "
        "the last ones.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "Where the music is written; made if missing. Nothing there is "
        "overwritten.",
        flag_values=flag_values,
    )
    flags.DEFINE_list(
        "formats",
        list(music_files.FORMATS),
        "What to write: mid (MIDI), wav (sound), png (piano roll).",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "primer_melody",
        "",
        'What to continue, one number for each step: "[60, -2, 60, -2]". -2: '
        "nothing new, -1: the note ends, else a MIDI pitch.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "primer_midi",
        "",
        "What to continue: a MIDI file (or MusicXML, ABC). Without a primer "
        "the music starts with a middle C.",
        flag_values=flag_values,
    )


def _define_settings(flag_values: flags.FlagValues) -> None:
    for name, default, text in (
        ("num_outputs", 10, "How many pieces to make."),
        (
            "num_steps",
            128,
            "Length of each piece in steps (sixteenths), primer included.",
        ),
        ("top_k", 0, "Draw from this many of the likeliest events; 0: all."),
        (
            "beam_size",
            1,
            "Keep this many candidates of each piece (beam search). At "
            "--temperature=0 the search is deterministic.",
        ),
        ("branch_factor", 1, "How many times each candidate is copied."),
        ("steps_per_iteration", 1, "Steps between selections of candidates."),
        (
            "seed",
            None,
            "The same seed makes the same music; a random one if not set.",
        ),
    ):
        flags.DEFINE_integer(name, default, text, flag_values=flag_values)
    for name, number, text in (
        ("qpm", None, "Tempo in quarters a minute; the primer's, else 120."),
        (
            "temperature",
            1.0,
            "Above 1 more random, below 1 less, 0 always the likeliest event.",
        ),
        (
            "top_p",
            1.0,
            "Draw from the likeliest events that together have this "
            "probability.",
        ),
    ):
        flags.DEFINE_float(name, number, text, flag_values=flag_values)
