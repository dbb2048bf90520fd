"""What is asked of new music beside its primer, length and tempo."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import Any

from magenta_lite.codecs.limits import Limits
from magenta_lite.generation.errors import GenerationError
from magenta_lite.notes.proto import generator_pb2


@dataclasses.dataclass(frozen=True)
class Conditions:
    """Wishes that only some models can fulfil; others refuse them.

    Attributes:
      controls: what the model is told, by name, e.g. `{"backing_chords":
        ["C", "G"]}`: see `control_names` of its encoding. Lists are spread
        evenly over the music.
      limits: which notes may be drawn; the primer's own stay.
      inject_primer: whether the primer is worked into the music as it is
        made, for models that can (Polyphony RNN). None works in a melody that
        was given as a list, if the model can.
      condition_on_primer: whether the music starts with the primer; None
        unless it is worked in.
    """

    controls: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    limits: Limits = Limits()
    inject_primer: bool | None = None
    condition_on_primer: bool | None = None


def read_conditions(
    options: generator_pb2.GeneratorOptions, control_names: tuple[str, ...]
) -> Conditions:
    """The conditions in options, under the names that Magenta gave them.

    Args:
      options: strings in args are numbers or lists as in Python, else text.
      control_names: what the model understands; other args are ignored.

    Raises:
      GenerationError: if one has the wrong type.
    """
    values = {name: _value(argument) for name, argument in options.args.items()}
    for name in ("condition_on_primer", "no_inject_primer_during_generation"):
        if not isinstance(values.get(name, False), bool):
            raise GenerationError(f"args[{name!r}] must be a bool.")
    no_injection = values.get("no_inject_primer_during_generation")
    return Conditions(
        controls={n: v for n, v in values.items() if n in control_names},
        inject_primer=None if no_injection is None else not no_injection,
        condition_on_primer=values.get("condition_on_primer"),
    )


def _value(argument: generator_pb2.GeneratorOptions.ArgValue) -> Any:
    kind = argument.WhichOneof("kind")
    value = getattr(argument, kind) if kind else None
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return value
