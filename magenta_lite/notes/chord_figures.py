"""Chord symbols of MusicXML to text such as "Am7", "G7(b9)", "C/E", "N.C.".

The text is what note_seq writes, and what its chord functions understand.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

NO_CHORD = "N.C."

_KINDS = {
    "major": "",
    "minor": "m",
    "augmented": "aug",
    "diminished": "dim",
    "dominant": "7",
    "major-seventh": "maj7",
    "minor-seventh": "m7",
    "diminished-seventh": "dim7",
    "augmented-seventh": "aug7",
    "half-diminished": "m7b5",
    "major-minor": "m(maj7)",
    "major-sixth": "6",
    "minor-sixth": "m6",
    "dominant-ninth": "9",
    "major-ninth": "maj9",
    "minor-ninth": "m9",
    "dominant-11th": "11",
    "major-11th": "maj11",
    "minor-11th": "m11",
    "dominant-13th": "13",
    "major-13th": "maj13",
    "minor-13th": "m13",
    "suspended-second": "sus2",
    "suspended-fourth": "sus",
    "pedal": "ped",
    "power": "5",
    "none": NO_CHORD,
    # Not in the standard, but in files: of Wikifonia and others.
    "": "",
    "dominant-seventh": "7",
    "augmented-ninth": "aug9",
    "minor-major": "m(maj7)",
    "min": "m",
    "aug": "aug",
    "dim": "dim",
    "7": "7",
    "maj7": "maj7",
    "min7": "m7",
    "dim7": "dim7",
    "m7b5": "m7b5",
    "minMaj7": "m(maj7)",
    "6": "6",
    "min6": "m6",
    "maj69": "6(add9)",
    "9": "9",
    "maj9": "maj9",
    "min9": "m9",
    "sus47": "sus7",
}

_ACCIDENTALS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}
_PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def chord_figure(harmony: Element, transposition: int = 0) -> str:
    """The text of a `<harmony>` element.

    Args:
      harmony: the element.
      transposition: semitones from what is written to what sounds.

    Raises:
      ValueError: if it has no root, or what it says is not defined.
    """
    kind_text = (harmony.findtext("kind") or "").strip()
    if kind_text not in _KINDS:
        raise ValueError(f"unknown kind of chord {kind_text!r}")
    kind = _KINDS[kind_text]
    if kind == NO_CHORD:
        return NO_CHORD
    root = harmony.find("root")
    if root is None:
        raise ValueError("a chord symbol without a root")
    figure = _pitch_name(root, "root", transposition) + kind
    for degree in harmony.findall("degree"):
        figure += f"({_degree(degree)})"
    bass = harmony.find("bass")
    if bass is not None:
        figure += "/" + _pitch_name(bass, "bass", transposition)
    return figure


def _pitch_name(element: Element, prefix: str, transposition: int) -> str:
    step = element.findtext(f"{prefix}-step", "").strip()
    alter = _integer(element.findtext(f"{prefix}-alter"))
    if step not in _PITCH_CLASSES:
        raise ValueError(f"a chord symbol on {step!r}")
    if transposition % 12:
        return _NAMES[(_PITCH_CLASSES[step] + alter + transposition) % 12]
    return step + _ACCIDENTALS[alter]


def _degree(degree: Element) -> str:
    """An added, altered or missing degree: "add9", "#5", "no3"."""
    value = _integer(degree.findtext("degree-value"), default=None)
    kind = degree.findtext("degree-type", "").strip()
    accidental = _ACCIDENTALS[_integer(degree.findtext("degree-alter"))]
    if kind == "subtract":
        return f"no{value}"
    if kind == "add":
        return f"{accidental or 'add'}{value}"
    if kind == "alter" and accidental:
        return f"{accidental}{value}"
    raise ValueError(f"a chord symbol whose degree {value} is {kind!r}")


def _integer(text: str | None, default: int | None = 0) -> int:
    """A number; accidentals need be whole, from -2 to 2."""
    if text is None or not text.strip():
        if default is None:
            raise ValueError("a chord symbol lacks a degree")
        return default
    number = int(text)
    if default is not None and number not in _ACCIDENTALS:
        raise ValueError(f"an accidental of {number} semitones")
    return number
