"""What chord symbols mean: "C", "F#m7b5", "Bb7(#9)/D", "N.C.".

Plain music theory that both wings of the house need: codecs read chords from
lead sheets, encodings from what a person asks for. The grammar is that of
note_seq's chord symbols: root, kind, any number of changes to scale degrees,
and a bass after a slash.
"""

from __future__ import annotations

import dataclasses
import functools
import re

from magenta_lite.errors import UserError

NO_CHORD = "N.C."
MAJOR, MINOR, AUGMENTED, DIMINISHED = range(4)
NUM_TRIADS = 1 + 4 * 12
"""No chord, then the twelve triads of each of the four qualities."""

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)

# Scale degrees of each kind, and how it is written; the first name is ours.
_KINDS = {
    "1 3 5": (" maj M", ""),
    "1 b3 5": ("m min -", "m"),
    "1 3 #5": ("+ aug", "aug"),
    "1 b3 b5": ("o dim", "dim"),
    "1 3 5 b7": ("7", "7"),
    "1 3 5 7": ("maj7 M7", "maj7"),
    "1 b3 5 b7": ("m7 min7 -7", "m7"),
    "1 b3 b5 bb7": ("o7 dim7", "dim7"),
    "1 3 #5 b7": ("+7 aug7", "aug7"),
    "1 b3 b5 b7": ("m7b5 -7b5 /o /o7", "m7b5"),
    "1 b3 5 7": (
        "mmaj7 mM7 minmaj7 minM7 -maj7 -M7 m(maj7) m(M7) min(maj7) min(M7) "
        "-(maj7) -(M7)",
        "m(maj7)",
    ),
    "1 3 5 6": ("6", "6"),
    "1 b3 5 6": ("m6 min6 -6", "m6"),
    "1 3 5 b7 9": ("9", "9"),
    "1 3 5 7 9": ("maj9 M9", "maj9"),
    "1 b3 5 b7 9": ("m9 min9 -9", "m9"),
    "1 3 #5 b7 9": ("+9 aug9", "aug9"),
    "1 3 5 6 9": ("6/9", "6/9"),
    "1 3 5 b7 9 11": ("11", "11"),
    "1 3 5 7 9 11": ("maj11 M11", "maj11"),
    "1 b3 5 b7 9 11": ("m11 min11 -11", "m11"),
    "1 3 5 b7 9 11 13": ("13", "13"),
    "1 3 5 7 9 11 13": ("maj13 M13", "maj13"),
    "1 b3 5 b7 9 11 13": ("m13 min13 -13", "m13"),
    "1 2 5": ("sus2", "sus2"),
    "1 4 5": ("sus sus4", "sus4"),
    "1 4 5 b7": ("sus7 7sus", "7sus"),
    "1": ("ped", "ped"),
    "1 5": ("5", "5"),
}
_DEGREES_OF_KIND = {
    name: degrees
    for degrees, (names, _) in _KINDS.items()
    for name in names.split(" ")
}
_QUALITIES = {
    (0, 0, 0): MAJOR,
    (0, -1, 0): MINOR,
    (0, 0, 1): AUGMENTED,
    (0, -1, -1): DIMINISHED,
}
_PITCH_CLASS = r"[A-G](?:#*|b*)(?![#b])"
_CHANGE = r"\(?(add#|addb|add|no|#|b)([0-9]+)\)?"
_SYMBOL = re.compile(
    rf"({_PITCH_CLASS})"
    rf"({'|'.join(map(re.escape, _DEGREES_OF_KIND))})"
    rf"((?:{_CHANGE})*)"
    rf"(|/{_PITCH_CLASS})"
)
_MAX_FIGURE_CHARS = 100


class ChordSymbolError(UserError):
    """A chord symbol that nobody understands."""


@dataclasses.dataclass(frozen=True)
class Chord:
    """What a chord symbol stands for.

    Attributes:
      root: pitch class, 0 for C.
      bass: pitch class of the lowest tone.
      pitch_classes: of all tones but the bass.
      quality: `MAJOR`, `MINOR`, `AUGMENTED` or `DIMINISHED`, None for chords
        without one of these triads.
    """

    root: int
    bass: int
    pitch_classes: frozenset[int]
    quality: int | None

    @property
    def triad(self) -> int | None:
        """The number of its triad in `NUM_TRIADS`; None if it has none."""
        if self.quality is None:
            return None
        return 1 + 12 * self.quality + self.root


@functools.lru_cache(maxsize=4096)
def parse(figure: str) -> Chord | None:
    """Reads a chord symbol.

    Args:
      figure: e.g. "Am7/G"; `NO_CHORD` for none.

    Returns:
      The chord, or None for `NO_CHORD`.

    Raises:
      ChordSymbolError: if it is no chord symbol.
    """
    if figure == NO_CHORD:
        return None
    match = _SYMBOL.fullmatch(figure[:_MAX_FIGURE_CHARS])
    if match is None or len(figure) > _MAX_FIGURE_CHARS:
        shown = figure[:_MAX_FIGURE_CHARS]
        raise ChordSymbolError(
            f"{shown!r} is no chord symbol; write them like C, Am, F#m7, "
            f"Bb7/D or {NO_CHORD}"
        )
    root_name, kind, changes, bass_name = match.group(1, 2, 3, 6)
    root = _pitch_class(root_name)
    degrees = dict(map(_degree, _DEGREES_OF_KIND[kind].split(" ")))
    for change, number in re.findall(_CHANGE, changes):
        _apply(degrees, change, int(number), figure)
    triad = tuple(degrees.get(number) for number in (1, 3, 5))
    return Chord(
        root=root,
        bass=_pitch_class(bass_name[1:]) if bass_name else root,
        pitch_classes=frozenset(
            (root + _MAJOR_SCALE[(number - 1) % 7] + alter) % 12
            for number, alter in degrees.items()
        ),
        quality=_QUALITIES.get(triad),  # type: ignore[arg-type]
    )


def triad_name(triad: int) -> str:
    """The chord symbol of a triad's number, see `Chord.triad`."""
    if not triad:
        return NO_CHORD
    quality, root = divmod(triad - 1, 12)
    return _NAMES[root] + ("", "m", "aug", "dim")[quality]


@functools.lru_cache(maxsize=4096)
def chord_name(root: int, pitch_classes: frozenset[int], bass: int) -> str:
    """A chord symbol for a root, tones and bass.

    The largest kind of chord that the tones hold, and what else there is as
    additions. What cannot be written so is named by the kind alone.
    """
    over = "" if bass == root else f"/{_NAMES[bass]}"
    best = max(
        (
            name
            for _, name in _KINDS.values()
            if _tones(_NAMES[root] + name) <= pitch_classes
        ),
        key=lambda name: len(_tones(_NAMES[root] + name)),
        default="ped",
    )
    figure = _NAMES[root] + best
    for tone in sorted(pitch_classes - _tones(figure)):
        for addition in _ADDITIONS[(tone - root) % 12]:
            longer = f"{figure}(add{addition})"
            try:
                if _tones(longer) == _tones(figure) | {tone}:
                    figure = longer
                    break
            except ChordSymbolError:
                continue
    return figure + over


_ADDITIONS = (
    (),
    ("b9", "b2"),
    ("9", "2"),
    ("#9", "b3"),
    ("3",),
    ("11", "4"),
    ("#11", "b5"),
    ("5",),
    ("b13", "#5"),
    ("13", "6"),
    # "add7" is a minor seventh, as in C7.
    ("7",),
    ("#7",),
)


def _tones(figure: str) -> frozenset[int]:
    chord = parse(figure)
    assert chord is not None
    return chord.pitch_classes


def _pitch_class(name: str) -> int:
    sharps, flats = name.count("#"), name.count("b")
    return (_LETTERS[name[0]] + sharps - flats) % 12


def _degree(name: str) -> tuple[int, int]:
    """A scale degree such as "b7" as its number and change in semitones."""
    number = name.lstrip("#b")
    return int(number), name.count("#") - name.count("b")


def _apply(
    degrees: dict[int, int], change: str, number: int, figure: str
) -> None:
    """Applies one change, e.g. "add" 9 or "b" 5, to degrees in place."""
    alter = change.count("#") - (change in ("b", "addb"))
    if not number:
        raise ChordSymbolError(f"{figure!r} names a scale degree of 0")
    if change == "no":
        if number not in degrees:
            raise ChordSymbolError(f"{figure!r} lacks no {number} anyway")
        del degrees[number]
    elif change.startswith("add"):
        if number in degrees:
            raise ChordSymbolError(f"{figure!r} adds {number} twice")
        # A seventh is minor unless it is raised.
        degrees[number] = alter - (number == 7)
    else:
        degrees[number] = degrees.get(number, 0) + alter
