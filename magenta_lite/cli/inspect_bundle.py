r"""Shows what a bundle holds, of ours or of the original Magenta.

  bin/inspect_bundle.py attention_rnn.mag

Checkpoints work as well: a folder of a training of the original, the prefix of
a checkpoint, a MusicVAE .tar, a folder of Magenta.js. --json prints everything
for programs. Nothing in the file is run, and TensorFlow is not loaded.
"""

from __future__ import annotations

import dataclasses
import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from magenta_lite.cli import app, original_flags
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.bundles.summary import Summary

_WIDTH = 80
_NAME_WIDTH = 15


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines this command's flags; commands share names, so not at import."""
    original_flags.define(flag_values)
    flags.DEFINE_boolean(
        "json", False, "Print one JSON object.", flag_values=flag_values
    )


def main(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> int:
    """Prints a summary of the bundle that the one argument names."""
    if len(argv) != 2:
        raise UserError("name one bundle, as in `inspect_bundle.py a.mag`.")
    from magenta_lite.bundles.summary import summarize

    path = Path(argv[1]).expanduser()
    summary = summarize(
        path, flag_values.config or "", flag_values.attention_length
    )
    if flag_values.json:
        print(json.dumps(dataclasses.asdict(summary), indent=1))
    else:
        print("\n".join(_lines(summary)))
    return 0


def console() -> None:
    """The entry point of `magenta_lite_inspect_bundle`."""
    define_flags()
    app.run(main, max_arguments=1)


def _lines(summary: Summary) -> list[str]:
    """A line or more for each thing to know."""
    found = [
        ("id", summary.id),
        ("description", summary.description or "-"),
        ("made by", summary.made_by),
        ("model", _component(summary.model)),
        ("encoding", _component(summary.encoding)),
        ("codec", _component(summary.codec)),
        ("parameters", f"{summary.num_parameters:,}"),
    ]
    found += [
        (name.replace("_", " "), _value(value))
        for name, value in summary.provenance.items()
        if name not in ("made_by", "id", "config")
    ]
    if "config" in summary.provenance:
        found.append(("gin", "see --json"))
    found += [("note", note) for note in summary.notes]
    return [line for name, text in found for line in _wrapped(name, text)]


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=name.ljust(_NAME_WIDTH),
        subsequent_indent=" " * _NAME_WIDTH,
        break_on_hyphens=False,
    )


def _component(description: dict[str, Any]) -> str:
    """`EventRnn(units=[512, 512], residual=False)`."""
    name = str(description.get("class")).rpartition(":")[2]
    config = description.get("config") or {}
    inner = ", ".join(f"{k}={_value(v)}" for k, v in config.items())
    return f"{name}({inner})"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        if "class" in value:
            return _component(value)
        return ", ".join(f"{k} {_value(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        # One value many times over says no more than once.
        if len(value) > 8 and all(item == value[0] for item in value):
            return f"[{_value(value[0])}] * {len(value)}"
        return f"[{', '.join(map(_value, value))}]"
    return str(value)
