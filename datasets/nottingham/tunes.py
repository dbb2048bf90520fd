"""Finds and reads the tunes of Nottingham; run in worker processes."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import re

from magenta_lite import chord_symbols
from magenta_lite.data import tunebooks
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.errors import UserError
from magenta_lite.notes import abc as abc_notation
from magenta_lite.notes import midi
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

MARKER = "MIDI/melody"
"""What every copy of the corpus has."""

METADATA_KEYS = ("title", "book")

MELODY, CHORDS = 0, 1
"""Instruments of a tune."""

_MIN_TONES = 3
_TITLE = re.compile(r"^T:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_NUMBER_AT_END = re.compile(r"\d+$")


class NoTunesError(UserError):
    """The folder holds no tunes."""


@dataclasses.dataclass(frozen=True)
class Tune:
    """One MIDI file.

    Attributes:
      id: its name without suffix, such as "jigs107".
      path: where it lies.
      title: as its ABC has it; "" where there is none.
    """

    id: str
    path: str
    title: str


def find_tunes(folder: pathlib.Path, with_chords: bool) -> list[Tune]:
    """All tunes, by name.

    Args:
      folder: where the folder `MIDI` lies and, if it is there, `ABC_cleaned`.
      with_chords: whether melody and chords are wanted, or the melody alone.

    Raises:
      NoTunesError: if there is none.
    """
    midi_dir = folder / "MIDI" if with_chords else folder / "MIDI" / "melody"
    titles = _titles(folder / "ABC_cleaned")
    tunes = [
        Tune(path.stem, str(path), titles.get(path.stem, ""))
        for path in sorted(midi_dir.glob("*.mid"))
    ]
    if not tunes:
        raise NoTunesError(f"{midi_dir} holds no .mid file.")
    return tunes


def read_tune(tune: Tune) -> list[Piece | Reject]:
    """One tune, its chords named as well, or why it cannot be read."""
    try:
        sequence = midi.read_midi(tune.path)
    except NotesError as error:
        return [Reject(tune.id, error.reason, str(error))]
    if not sequence.notes:
        return [Reject(tune.id, "no_notes", f"{tune.path}: holds no notes.")]
    name_chords(sequence)
    del sequence.instrument_infos[:]
    sequence.instrument_infos.add(instrument=MELODY, name="melody")
    if any(note.instrument == CHORDS for note in sequence.notes):
        sequence.instrument_infos.add(instrument=CHORDS, name="chords")
    sequence.id = tune.id
    sequence.collection_name = "nottingham"
    sequence.sequence_metadata.title = tune.title
    return [
        Piece(
            id=tune.id,
            sequence=sequence.SerializeToString(deterministic=True),
            group=tune.id,
            metadata={
                "title": tune.title,
                "book": _NUMBER_AT_END.sub("", tune.id),
            },
            num_notes=len(sequence.notes),
            seconds=sequence.total_time,
        )
    ]


def name_chords(sequence: NoteSequence) -> None:
    """Adds a chord symbol wherever the chord changes.

    The chords of the collection are in root position, and their notes start
    together. Less than a triad is left without a name.

    Args:
      sequence: gets text annotations.
    """
    chords = collections.defaultdict(list)
    for note in sequence.notes:
        if note.instrument == CHORDS:
            chords[note.start_time].append(note.pitch)
    last = ""
    for time, pitches in sorted(chords.items()):
        root = min(pitches) % 12
        tones = frozenset(pitch % 12 for pitch in pitches)
        name = chord_symbols.chord_name(root, tones, bass=root)
        if len(tones) >= _MIN_TONES and name != last:
            sequence.text_annotations.add(
                time=time,
                text=name,
                annotation_type=NoteSequence.TextAnnotation.CHORD_SYMBOL,
            )
            last = name


def _titles(abc_dir: pathlib.Path) -> dict[str, str]:
    """Titles by the name of the MIDI file: book and number of the tune."""
    titles = {}
    for path in sorted(abc_dir.glob("*.abc")):
        book = abc_notation.decode(path.read_bytes())
        for tune in tunebooks.split_tunes(book):
            found = _TITLE.search(tune.text, tune.text.find("X:"))
            if found:
                titles[f"{path.stem}{tune.number}"] = found[1]
    return titles
