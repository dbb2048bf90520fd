"""What the flags of bin/generate.py ask for, read and checked."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from magenta_lite.cli.generate_flags import CONTROLS, PRIMERS
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.codecs.base import Codec
    from magenta_lite.codecs.limits import Limits
    from magenta_lite.generation.conditions import Conditions
    from magenta_lite.generation.generator import Generation, Generator
    from magenta_lite.generation.options import Settings
    from magenta_lite.generation.primer_events import PrimerLike
    from magenta_lite.notes.postprocess import PostProcessing
    from magenta_lite.notes.proto import NoteSequence

_MAX_LIST_LENGTH = 100_000


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be made, but for how labels are drawn.

    Attributes:
      primer_flag: which flag gave the primer; "" for none.
      primer_values: the list that it held; None for a file.
      primer_notes: what the file held; None for a list.
      controls: what the model is told, by name.
      steps_per_chord: how long each backing chord lasts; None for a bar.
      num_steps: length; None if nobody said.
      qpm: tempo; None for the primer's.
      limits: which notes may be drawn.
      inject_primer: see `generation.conditions.Conditions`.
      condition_on_primer: see there, too.
      post_processing: repairs to the notes.
      render_chords: whether chords sound.
    """

    primer_flag: str
    primer_values: list | None
    primer_notes: NoteSequence | None
    controls: dict[str, Any]
    steps_per_chord: int | None
    num_steps: int | None
    qpm: float | None
    limits: Limits
    inject_primer: bool | None
    condition_on_primer: bool | None
    post_processing: PostProcessing
    render_chords: bool

    def compose(
        self, generator: Generator, settings: Settings
    ) -> list[Generation]:
        """Asks a generator for it.

        Raises:
          UserError: if the model cannot do that; it says which flag to leave
            out and which models can.
        """
        from magenta_lite.generation.errors import PrimerError

        num_steps, conditions = self.conditions(generator)
        try:
            made = generator.compose(
                self._primer(generator),
                num_steps,
                settings,
                self.qpm,
                conditions,
                self.post_processing,
            )
        except PrimerError as error:
            if self.primer_flag not in PRIMERS:
                raise
            raise UserError(
                f"--{self.primer_flag}: {error} It is for "
                f"{PRIMERS[self.primer_flag][1]}."
            ) from error
        num_steps = num_steps or generator.codec.default_num_steps
        self.finish(made, generator, num_steps)
        return made

    def conditions(self, generator: Generator) -> tuple[int | None, Conditions]:
        """The length of the music, None if nobody said, and what it is told.

        Raises:
          UserError: if the model listens to none of it.
        """
        from magenta_lite.generation.conditions import Conditions

        self._check_controls(generator)
        self._check_rendering(generator)
        num_steps, controls = self._timed(generator)
        return num_steps, Conditions(
            controls=controls,
            limits=self.limits,
            inject_primer=self.inject_primer,
            condition_on_primer=self.condition_on_primer,
        )

    def finish(
        self, made: list[Generation], generator: Generator, num_steps: int
    ) -> None:
        """Lets the chords sound up to the end of the music, if asked to."""
        from magenta_lite.notes import chord_rendering

        if not self.render_chords:
            return
        for generation in made:
            (tempo,) = generation.sequence.tempos
            rate = generator.codec.steps_per_second(tempo.qpm)
            chord_rendering.render_chords(generation.sequence, num_steps / rate)

    def _check_controls(self, generator: Generator) -> None:
        """Raises UserError if the model listens to none of it."""
        known = generator.model.encoding.control_names
        for name in self.controls:
            if name not in known:
                flag = f"--{name}"
                raise UserError(
                    f"{flag} is for {CONTROLS[name][1]}; "
                    f"{generator.bundle_id or 'this model'} takes "
                    f"{', '.join(f'--{k}' for k in known) or 'nothing of it'}."
                )

    def _check_rendering(self, generator: Generator) -> None:
        """Raises UserError if there are no chords that could sound."""
        known = generator.model.encoding.control_names
        if self.render_chords and "backing_chords" not in known:
            raise UserError(
                f"--render_chords is for {CONTROLS['backing_chords'][1]}; "
                f"{generator.bundle_id or 'this model'} knows no chords."
            )

    def _timed(self, generator: Generator) -> tuple[int | None, dict[str, Any]]:
        """The length of the music, and the controls laid out over it."""
        from magenta_lite.generation.options import MAX_STEPS

        controls = dict(self.controls)
        num_steps = self.num_steps
        chords = controls.get("backing_chords")
        if chords is None:
            return num_steps, controls
        each = self.steps_per_chord or _steps_per_bar(generator.codec)
        num_steps = num_steps or each * len(chords)
        # One for each step; the chords start again where they end early. Too
        # long a request is refused later on.
        controls["backing_chords"] = [
            chords[step // each % len(chords)]
            for step in range(min(num_steps, MAX_STEPS))
        ]
        return num_steps, controls

    def _primer(self, generator: Generator) -> PrimerLike:
        from magenta_lite.generation import primer_events
        from magenta_lite.notes import primers

        if self.primer_values is None:
            return self.primer_notes
        return primers.KINDS[self.primer_flag](
            self.primer_values,
            self.qpm or primer_events.DEFAULT_QPM,
            primer_events.steps_per_quarter(generator.codec),
        )


def _steps_per_bar(codec: Codec) -> int:
    """In 4/4."""
    return max(1, round(4 * codec.steps_per_second(60.0)))


def read(flag_values: flags.FlagValues) -> Request:
    """Reads the flags.

    Raises:
      UserError: if one makes no sense by itself.
    """
    given = [n for n in [*PRIMERS, "primer_midi"] if flag_values[n].value]
    if len(given) > 1:
        raise UserError(f"give either --{given[0]} or --{given[1]}.")
    if flag_values.num_steps is not None and flag_values.num_steps < 1:
        raise UserError(f"num_steps is {flag_values.num_steps}; use 1 or more.")
    if flag_values.qpm is not None and not 0 < flag_values.qpm <= 10_000:
        raise UserError(f"qpm is {flag_values.qpm}; use above 0, to 10000.")
    flag = given[0] if given else ""
    return Request(
        primer_flag=flag,
        primer_values=_primer_values(flag_values, flag),
        primer_notes=_primer_notes(flag_values.primer_midi),
        controls=_controls(flag_values),
        steps_per_chord=flag_values.steps_per_chord,
        num_steps=flag_values.num_steps,
        qpm=flag_values.qpm,
        limits=_limits(flag_values),
        inject_primer=flag_values.inject_primer_during_generation,
        condition_on_primer=flag_values.condition_on_primer,
        post_processing=_post_processing(flag_values),
        render_chords=flag_values.render_chords,
    )


def parse_list(name: str, text: str, example: str) -> list:
    """Reads a list as Python writes it; a single number counts as one.

    Args:
      name: of the flag.
      text: e.g. "[60, -2, 62]".
      example: of a right value, for the message.

    Raises:
      UserError: if it is anything else.
    """
    values = _literal(text)
    if isinstance(values, int | float) and not isinstance(values, bool):
        values = [values]
    if not isinstance(values, list | tuple):
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        raise UserError(
            f"--{name}={shown!r} is not a list of numbers; write it like "
            f'"{example}".'
        )
    if len(values) > _MAX_LIST_LENGTH:
        raise UserError(
            f"--{name} has {len(values)} values; use at most "
            f"{_MAX_LIST_LENGTH}."
        )
    return list(values)


def _literal(text: str) -> Any:
    """The Python value that a text stands for; None if it is none."""
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def _primer_values(flag_values: flags.FlagValues, flag: str) -> list | None:
    if flag not in PRIMERS:
        return None
    from magenta_lite.notes import primers

    example = {
        "primer_melody": "[60, -2, 62, -2]",
        "primer_pitches": "[60, 64, 67]",
    }.get(flag, "[(36, 42), (), (42,)]")
    values = parse_list(flag, str(flag_values[flag].value), example)
    primers.KINDS[flag](values)
    return values


def _primer_notes(file: str) -> NoteSequence | None:
    if not file:
        return None
    from magenta_lite.notes import chords, files

    path = Path(file).expanduser()
    primer = files.read_file(path)[0]
    if not primer.notes and not chords.has_chords(primer):
        raise UserError(f"{path}: holds no notes; choose another primer.")
    return primer


def _controls(flag_values: flags.FlagValues) -> dict[str, Any]:
    """What was asked for, by name: text in words, all else as in Python."""
    controls: dict[str, Any] = {}
    for name in CONTROLS:
        text = str(flag_values[name].value).strip()
        if not text:
            continue
        value = _literal(text)
        if name == "backing_chords":
            value = _chords(text)
        elif value is None:
            raise UserError(
                f"--{name}={text[:60]!r} is neither a number, nor True or "
                "False, nor a list of those."
            )
        controls[name] = value
    return controls


def _chords(text: str) -> list[str]:
    """Chord symbols between spaces, each one checked."""
    from magenta_lite import chord_symbols

    figures = text.split()
    if len(figures) > _MAX_LIST_LENGTH:
        raise UserError(
            f"--backing_chords has {len(figures)} chords; use at most "
            f"{_MAX_LIST_LENGTH}."
        )
    for figure in figures:
        try:
            chord_symbols.parse(figure)
        except UserError as error:
            raise UserError(f"--backing_chords: {error}.") from None
    return figures


def _limits(flag_values: flags.FlagValues) -> Limits:
    from magenta_lite.codecs.limits import Limits
    from magenta_lite.notes import scales

    classes = None
    if flag_values.scale:
        listed = _literal(flag_values.scale)
        if isinstance(listed, list | tuple):
            classes = frozenset(
                _integer("scale", value) % 12 for value in listed
            )
        else:
            classes = scales.pitch_classes(flag_values.scale)
    drums = [_integer("drum_classes", v) for v in flag_values.drum_classes]
    return Limits(
        min_pitch=flag_values.min_pitch,
        max_pitch=flag_values.max_pitch,
        pitch_classes=classes,
        drum_classes=frozenset(drums) if drums else None,
    )


def _integer(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UserError(
            f"--{name}: {str(value)[:40]!r} is no whole number."
        ) from None


def _post_processing(flag_values: flags.FlagValues) -> PostProcessing:
    from magenta_lite.notes.postprocess import PostProcessing

    return PostProcessing(
        max_note_seconds=flag_values.max_note_seconds,
        min_note_seconds=flag_values.min_note_seconds,
        smooth_seconds=flag_values.smooth_seconds,
        steps_per_quarter=flag_values.requantize,
    )
