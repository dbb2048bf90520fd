"""The flags of bin/generate.py for models with a latent space."""

from __future__ import annotations

import dataclasses

from absl import flags


@dataclasses.dataclass(frozen=True)
class Mode:
    """What can be made with a latent space.

    Attributes:
      inputs: the flags that name its input.
      num_outputs: how many pieces are made if nobody says.
      options: other flags that are for it.
    """

    inputs: tuple[str, ...] = ()
    num_outputs: int = 5
    options: tuple[str, ...] = ()


MODES = {
    "sample": Mode(),
    "interpolate": Mode(
        ("input_midi_1", "input_midi_2"),
        options=("clip_1", "clip_2", "path"),
    ),
    "reconstruct": Mode(("input_midi_1",), 1, ("clip_1",)),
    "similar": Mode(("input_midi_1",), options=("clip_1", "strength")),
    "attribute": Mode(
        ("input_midi_1", "having", "lacking"), 1, ("clip_1", "strength")
    ),
    "humanize": Mode(("input_midi_1",), 1),
    "tap": Mode(("input_midi_1",), 1),
}
"""By the value of --mode."""

TEMPERATURE = 0.5
"""Magenta's music_vae_generate draws so."""

NAMES = sorted(
    {name for mode in MODES.values() for name in mode.inputs + mode.options}
)
"""All flags that are for some modes only."""


def define(flag_values: flags.FlagValues) -> None:
    """Defines them all."""
    flags.DEFINE_enum(
        "mode",
        None,
        list(MODES),
        "For models with a latent space. sample: from the prior (also if not "
        "set). interpolate: from --input_midi_1 to --input_midi_2 in "
        "--num_outputs steps, with a picture of them all. reconstruct: "
        "--input_midi_1 and back. similar: relatives of it. attribute: it with "
        "more of what --having has and --lacking has not. humanize: a beat of "
        "any length as a drummer plays it. tap: drums to a tapped rhythm.",
        flag_values=flag_values,
    )
    for number in ("1", "2"):
        flags.DEFINE_string(
            f"input_midi_{number}",
            "",
            "A MIDI file (or MusicXML, ABC); cut at bars into clips of the "
            "length that the model knows.",
            flag_values=flag_values,
        )
        flags.DEFINE_integer(
            f"clip_{number}",
            None,
            f"Which clip of --input_midi_{number}; 1 if not set.",
            lower_bound=1,
            flag_values=flag_values,
        )
    flags.DEFINE_enum(
        "path",
        None,
        ["slerp", "lerp"],
        "The way of an interpolation: along the sphere (if not set) or "
        "straight.",
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "strength",
        None,
        "How far to go: for similar from 0 to 1, 0.3 if not set; for attribute "
        "how much of it, 1 if not set, below 0 for less of it.",
        flag_values=flag_values,
    )
    for name, has in (("having", "with"), ("lacking", "without")):
        flags.DEFINE_list(
            name,
            [],
            f"Files, or folders of files, of music {has} the attribute.",
            flag_values=flag_values,
        )
