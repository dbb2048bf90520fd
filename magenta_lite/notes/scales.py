"""Scales by name, as pitch classes."""

from __future__ import annotations

import re

from magenta_lite.errors import UserError

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "chromatic": tuple(range(12)),
}
_TONIC = re.compile(r"([A-Ga-g])([#b♯♭]*)\s+(.+)")


def pitch_classes(name: str) -> frozenset[int]:
    """The pitch classes of a scale such as "C major" or "F# dorian".

    Args:
      name: a tonic with sharps (#) or flats (b), and a mode. Upper and lower
        case are the same.

    Returns:
      Numbers from 0 (C) to 11.

    Raises:
      UserError: if there is no such scale.
    """
    found = _TONIC.fullmatch(name.strip())
    mode = _MODES.get(" ".join(found[3].lower().split())) if found else None
    if not found or mode is None:
        raise UserError(
            f"there is no scale {name[:40]!r}; write a tonic and one of "
            f"{', '.join(_MODES)}, e.g. 'C major' or 'F# dorian'."
        )
    tonic = _LETTERS[found[1].upper()]
    sharps = sum(sign in "#♯" for sign in found[2])
    tonic += 2 * sharps - len(found[2])
    return frozenset((tonic + step) % 12 for step in mode)
