"""Names of pitches, drums, keys and meters."""

from __future__ import annotations

from magenta_lite.notes.proto import NoteSequence

PITCH_CLASSES = (
    *("C", "C#", "D", "D#", "E", "F"),
    *("F#", "G", "G#", "A", "A#", "B"),
)

_MAJOR_TONICS = (
    *("C", "Db", "D", "Eb", "E", "F"),
    *("F#", "G", "Ab", "A", "Bb", "B"),
)
_MINOR_TONICS = (
    *("C", "C#", "D", "D#", "E", "F"),
    *("F#", "G", "G#", "A", "Bb", "B"),
)

DRUMS = {
    35: "Bass drum 2",
    36: "Bass drum",
    37: "Side stick",
    38: "Snare",
    39: "Hand clap",
    40: "Snare (electric)",
    41: "Low floor tom",
    42: "Hi-hat closed",
    43: "High floor tom",
    44: "Hi-hat pedal",
    45: "Low tom",
    46: "Hi-hat open",
    47: "Low-mid tom",
    48: "High-mid tom",
    49: "Crash 1",
    50: "High tom",
    51: "Ride 1",
    52: "China",
    53: "Ride bell",
    54: "Tambourine",
    55: "Splash",
    56: "Cowbell",
    57: "Crash 2",
    58: "Vibraslap",
    59: "Ride 2",
    60: "High bongo",
    61: "Low bongo",
    62: "Conga muted",
    63: "High conga",
    64: "Low conga",
    65: "High timbale",
    66: "Low timbale",
    67: "High agogo",
    68: "Low agogo",
    69: "Cabasa",
    70: "Maracas",
    71: "Short whistle",
    72: "Long whistle",
    73: "Short guiro",
    74: "Long guiro",
    75: "Claves",
    76: "High wood block",
    77: "Low wood block",
    78: "Cuica muted",
    79: "Cuica open",
    80: "Triangle muted",
    81: "Triangle open",
}
"""The percussion keys of General MIDI."""


def pitch_name(pitch: int) -> str:
    """A MIDI pitch as a name with its octave, e.g. 60 as "C4"."""
    return f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def drum_name(pitch: int) -> str:
    """What a drum kit plays at a MIDI pitch; "drum <pitch>" if unnamed."""
    return DRUMS.get(pitch, f"drum {pitch}")


def first_key(sequence: NoteSequence) -> str:
    """The key at the start, such as "Eb major"; "" if none is given."""
    for signature in sequence.key_signatures[:1]:
        minor = signature.mode == signature.MINOR
        tonic = (_MINOR_TONICS if minor else _MAJOR_TONICS)[signature.key]
        return f"{tonic} {'minor' if minor else 'major'}"
    return ""


def first_meter(sequence: NoteSequence) -> str:
    """The meter at the start, such as "3/4"; "" if none is given."""
    for meter in sequence.time_signatures[:1]:
        return f"{meter.numerator}/{meter.denominator}"
    return ""
