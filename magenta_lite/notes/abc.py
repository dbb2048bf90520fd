"""Tunebooks in ABC notation to NoteSequences, tune by tune.

The program `abc2midi` that symusic brings reads each tune in a process of its
own: its many warnings stay off the screen, its crashes and endless loops cost
one tune, and threads do not matter. Repeats are played out.

Only the melody is kept: guitar chords ("Am" above the staff) would come as a
second track of accompaniment, so they are not played; voices (V:) are music
and stay, each as an instrument. Grace notes and the signs of rolls, trills and
other ornaments are left out as well: they would be played as bursts of notes
off the grid and hide the tune. Fermatas do not double their notes, which would
shift all later bars.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import pathlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.midi import (
    MAX_FILE_BYTES,
    MidiMusic,
    parse_midi,
    read_bytes,
    to_sequence,
)
from magenta_lite.notes.proto import NoteSequence

MAX_TUNE_CHARS = 200_000
"""Longer tunes are refused."""

TUNE_SECONDS = 10.0
"""What reading one tune may take; ordinary tunes take milliseconds."""

_TUNE_START = re.compile(r"^X:[ \t]*(\d*)", re.MULTILINE)
_FIELD = re.compile(r"^[A-Za-z+]:")
_MODES = {
    "": "MAJOR",
    "maj": "MAJOR",
    "ion": "MAJOR",
    "m": "MINOR",
    "min": "MINOR",
    "aeo": "MINOR",
    "mix": "MIXOLYDIAN",
    "dor": "DORIAN",
    "phr": "PHRYGIAN",
    "lyd": "LYDIAN",
    "loc": "LOCRIAN",
}
_KEY = re.compile(r"^([A-G])([#b]?)[ \t]*([A-Za-z]*)")
_TONICS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
# Text, other decorations by name, fields and comments stay whole; group 1 is an
# ornament: by its name, or as a sign in front of a note.
_ORNAMENT = re.compile(
    r"([!+](?:trill[()]?|roll|slide|arpeggio|\w*mordent|pralltriller"
    r"|(?:inverted)?turnx?|trem\d|/+)[!+])"
    r"|\"[^\"]*\"|![^!\s]*!|\+[^+\s]*\+|\[[A-Za-z]:[^\]]*\]|%.*"
    r"|([~TMPRO]+)(?=[\"!~.uvHLS]*[\^_=]*[A-Ga-g])"
)


class Tune(NamedTuple):
    """One tune of a tunebook.

    Attributes:
      number: of its `X:` line; 0 if that holds none.
      title: its first `T:`, or "".
      key: its first `K:` as written, or "".
      meter: its first `M:` as written, or "".
      rhythm: its `R:`, e.g. "reel", or "".
      sequence: its music, or why there is none.
    """

    number: int
    title: str
    key: str
    meter: str
    rhythm: str
    sequence: NoteSequence | NotesError


def read_tunes(text: str) -> Iterator[Tune]:
    """Reads the tunes of a tunebook one after the other.

    Args:
      text: ABC notation. What stands before the first `X:` holds for all.

    Yields:
      Each tune in order. A tune that cannot be read has a `NotesError` with a
      reason as its `sequence`; the others are not affected.
    """
    text = text.removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    starts = list(_TUNE_START.finditer(text))
    if not starts:
        return
    head = text[: starts[0].start()]
    ends = [match.start() for match in starts[1:]] + [len(text)]
    for match, end in zip(starts, ends, strict=True):
        number = int(match.group(1)[:9] or 0)
        yield _read_tune(number, head, text[match.start() : end])


def read_abc_file(path: str | os.PathLike) -> list[NoteSequence]:
    """The readable tunes of a file, which is UTF-8 or else Latin-1.

    Raises:
      NotesError: if there is no such file or no tune in it can be read.
    """
    data = read_bytes(path, MAX_FILE_BYTES)
    tunes = [tune.sequence for tune in read_tunes(decode(data))]
    sequences = [tune for tune in tunes if not isinstance(tune, NotesError)]
    if sequences:
        return sequences
    if not tunes:
        raise NotesError(
            "broken_abc", f"{path}: is no ABC file (it has no X: line)."
        )
    raise NotesError(tunes[0].reason, f"{path}: {tunes[0]}")


def decode(data: bytes) -> str:
    """Bytes of an ABC file as text."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_key(key: str) -> tuple[int, int] | None:
    """The tonic and mode that a `K:` field names.

    Args:
      key: e.g. "G", "Em", "A mix", "F#dorian".

    Returns:
      (pitch class of the tonic, `NoteSequence.KeySignature.Mode`), or None if
      it is none of those.
    """
    if key.startswith(("HP", "Hp")):  # Highland pipes: F and C sharp.
        return 2, NoteSequence.KeySignature.MAJOR
    match = _KEY.match(key)
    if match is None:
        return None
    letter, sign, mode = match.groups()
    tonic = (_TONICS[letter] + {"": 0, "#": 1, "b": -1}[sign]) % 12
    name = mode.lower()
    if name not in ("", "m"):
        name = name[:3]
    # Other words are clefs and the like, as in "K:G treble".
    return tonic, NoteSequence.KeySignature.Mode.Value(
        _MODES.get(name, "MAJOR")
    )


def _read_tune(number: int, head: str, body: str) -> Tune:
    fields = {letter: _field(head, body, letter) for letter in "TKMR"}
    try:
        sequence = _to_sequence(number, head, body)
        _describe(sequence, number, fields)
    except NotesError as error:
        sequence = NotesError(error.reason, f"tune {number}: {error}")
    return Tune(
        number, fields["T"], fields["K"], fields["M"], fields["R"], sequence
    )


def _field(head: str, body: str, letter: str) -> str:
    pattern = re.compile(rf"^{letter}:[ \t]*([^%\n]*)", re.MULTILINE)
    match = pattern.search(body) or pattern.search(head)
    return match.group(1).strip() if match else ""


def _to_sequence(number: int, head: str, body: str) -> NoteSequence:
    if len(head) + len(body) > MAX_TUNE_CHARS:
        raise NotesError(
            "too_large", f"is longer than {MAX_TUNE_CHARS} characters."
        )
    data, problems = _run_abc2midi(_clean(head, body))
    if not data:
        raise NotesError(
            "broken_abc", f"is not ABC notation: {problems or 'no notes'}."
        )
    music = _undo_delay(parse_midi(data, "abc2midi's output"))
    sequence = to_sequence(music)
    if not sequence.notes:
        raise NotesError("no_notes", "holds no notes.")
    return sequence


def _clean(head: str, body: str) -> str:
    """The tune as abc2midi is to read it: fields and notes, no more.

    Drops commands to programs (%%...) and lyrics, and moves the fields that
    hold for the whole file below the `X:` line.
    """
    lines = body.split("\n")
    shared = [line for line in head.split("\n") if re.match(r"[LMQRU]:", line)]
    kept = ["X:1", *shared]
    for line in lines[1:]:
        if line.startswith(("%", "W:", "w:")):
            continue
        if not line.strip():
            # A blank line ends a tune; what follows is free text.
            if any(kept_line.startswith("K:") for kept_line in kept):
                break
            continue
        if not _FIELD.match(line):
            line = _ORNAMENT.sub(
                lambda match: "" if match.lastindex else match.group(), line
            )
        kept.append(line)
    return "\n".join(kept) + "\n"


def _run_abc2midi(text: str) -> tuple[bytes, str]:
    """The MIDI file of a tune, empty if there is none; the first complaint."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "tune.mid"
        # No guitar chords, grace notes or fermatas.
        flags = ["-NGUI", "-NGRA", "-NFER"]
        command = [_abc2midi(), "-", *flags, "-o", str(output)]
        try:
            done = subprocess.run(
                command,
                input=text.encode("latin-1", "replace"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=TUNE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NotesError(
                "timeout", f"took longer than {TUNE_SECONDS:g} s to read."
            ) from error
        except OSError as error:
            raise NotesError(
                "missing",
                f"cannot be read without {command[0]}: {error.strerror}; run "
                "`pip install --force-reinstall symusic`.",
            ) from error
        data = output.read_bytes() if output.exists() else b""
    messages = done.stdout.decode("latin-1").split("\n")
    problems = [line for line in messages if line.startswith("Error")]
    return data, problems[0] if problems else ""


def _undo_delay(music: MidiMusic) -> MidiMusic:
    """Takes back the one tick by which abc2midi delays notes and tempos."""
    instruments = []
    for instrument in music.instruments:
        starts = np.maximum(instrument.notes["start"] - 1, 0)
        notes = instrument.notes | {"start": starts}
        instruments.append(dataclasses.replace(instrument, notes=notes))
    tempos = [(max(tick - 1, 0), tempo) for tick, tempo in music.tempos]
    return dataclasses.replace(music, tempos=tempos, instruments=instruments)


@functools.cache
def _abc2midi() -> str:
    package = importlib.util.find_spec("symusic")
    assert package and package.origin  # Imported above.
    folder = pathlib.Path(package.origin).parent / "bin"
    return str(folder / ("abc2midi.exe" if os.name == "nt" else "abc2midi"))


def _describe(
    sequence: NoteSequence, number: int, fields: dict[str, str]
) -> None:
    sequence.reference_number = number
    sequence.sequence_metadata.title = fields["T"]
    if fields["R"]:
        sequence.sequence_metadata.genre.append(fields["R"])
    source = sequence.source_info
    source.parser = source.UNKNOWN_PARSER
    source.encoding_type = source.ABC
    source.source_type = source.SCORE_BASED
    # The names of tracks are the title again.
    del sequence.instrument_infos[:]
    key = parse_key(fields["K"])
    at_start = [one for one in sequence.key_signatures if one.time == 0]
    if key is not None and at_start:
        # MIDI knows major and minor only; modes come from the text.
        at_start[0].key, at_start[0].mode = key
