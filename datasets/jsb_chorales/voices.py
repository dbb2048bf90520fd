"""Finds and reads the chorales of a JSON file; run in worker processes."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np

from magenta_lite.data.pieces import TEST, TRAIN, VALIDATION, Piece, Reject
from magenta_lite.errors import UserError
from magenta_lite.notes.key_spans import key_spans
from magenta_lite.notes.proto import NoteSequence

FILE = "Jsb16thSeparated.json"
VOICES = ("Soprano", "Alto", "Tenor", "Bass")

_SPLITS = {"train": TRAIN, "valid": VALIDATION, "test": TEST}
_NUM_PITCHES = 128
_SILENT = -1
_QPM = 120.0
_STEP_SECONDS = 60.0 / _QPM / 4
_VELOCITY = 80
_TICKS_PER_QUARTER = 220
_MAX_STEPS = 10_000


class ChoralesError(UserError):
    """What should be the file of chorales is something else."""


@dataclasses.dataclass(frozen=True)
class Chorale:
    """One chorale.

    Attributes:
      id: "train/000": its split and its number there in the file.
      split: train, validation or test, as the file says.
      steps: the pitches of four voices in each sixteenth, -1 for silence.
    """

    id: str
    split: str
    steps: tuple[tuple[int, ...], ...]


def find_chorales(folder: pathlib.Path) -> list[Chorale]:
    """All chorales, in the order of the file.

    Args:
      folder: where `FILE` lies.

    Raises:
      ChoralesError: if it holds no chorales.
    """
    path = folder / FILE
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ChoralesError(f"{path} is no JSON file: {error}.") from error
    if not isinstance(contents, dict):
        raise ChoralesError(f"{path} holds no splits {', '.join(_SPLITS)}.")
    return [
        Chorale(f"{split}/{number:03d}", split, steps)
        for name, split in _SPLITS.items()
        for number, steps in enumerate(_chorales(contents, name, path))
    ]


def read_chorale(chorale: Chorale) -> list[Piece | Reject]:
    """One chorale as notes; a pitch that a voice keeps is one note."""
    sequence = NoteSequence(
        id=chorale.id,
        collection_name="jsb_chorales",
        ticks_per_quarter=_TICKS_PER_QUARTER,
        total_time=len(chorale.steps) * _STEP_SECONDS,
    )
    sequence.tempos.add(qpm=_QPM)
    for voice, pitches in enumerate(np.array(chorale.steps).T):
        sequence.part_infos.add(part=voice, name=VOICES[voice])
        is_on = pitches[:, np.newaxis] == np.arange(_NUM_PITCHES)
        for start, end, pitch in np.stack(key_spans(is_on), axis=1).tolist():
            sequence.notes.add(
                pitch=pitch,
                velocity=_VELOCITY,
                start_time=start * _STEP_SECONDS,
                end_time=end * _STEP_SECONDS,
                instrument=voice,
                part=voice,
            )
    if not sequence.notes:
        return [Reject(chorale.id, "no_notes", f"{chorale.id}: is silent.")]
    return [
        Piece(
            id=chorale.id,
            sequence=sequence.SerializeToString(deterministic=True),
            group=chorale.id,
            metadata={},
            num_notes=len(sequence.notes),
            seconds=sequence.total_time,
            split=chorale.split,
        )
    ]


def _chorales(
    contents: dict, name: str, path: pathlib.Path
) -> list[tuple[tuple[int, ...], ...]]:
    """The chorales of one split, checked."""
    chorales = contents.get(name)
    if not isinstance(chorales, list):
        raise ChoralesError(f"{path} holds no chorales called {name}.")
    for number, steps in enumerate(chorales):
        if not _is_chorale(steps):
            raise ChoralesError(
                f"{path}: {name} {number} is no list of four pitches a step, "
                f"{_SILENT} to {_NUM_PITCHES - 1}."
            )
    return [tuple(map(tuple, steps)) for steps in chorales]


def _is_chorale(steps: object) -> bool:
    return (
        isinstance(steps, list)
        and 0 < len(steps) <= _MAX_STEPS
        and all(
            isinstance(step, list)
            and len(step) == len(VOICES)
            and all(
                isinstance(pitch, int) and _SILENT <= pitch < _NUM_PITCHES
                for pitch in step
            )
            for step in steps
        )
    )
