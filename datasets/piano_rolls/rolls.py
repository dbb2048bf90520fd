"""Finds and reads the piano rolls of a .mat file; run in worker processes."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from magenta_lite.data.pieces import TEST, TRAIN, VALIDATION, Piece, Reject
from magenta_lite.errors import UserError
from magenta_lite.notes.key_spans import key_spans
from magenta_lite.notes.proto import NoteSequence

FILES = {
    "jsb_chorales": "JSB_Chorales.mat",
    "nottingham": "Nottingham.mat",
    "piano_midi": "Piano_midi.mat",
    "muse_data": "MuseData.mat",
}
"""The file of each collection."""

_SPLITS = {"traindata": TRAIN, "validdata": VALIDATION, "testdata": TEST}
_NUM_KEYS = 88
_LOWEST_PITCH = 21
# A frame becomes a sixteenth, and at this tempo lasts as long as an eighth at
# 120: the frames of most pieces are eighths.
_QPM = 60.0
_FRAME_SECONDS = 0.25
_VELOCITY = 80
_TICKS_PER_QUARTER = 220


class RollsError(UserError):
    """What should be a file of piano rolls is something else."""


@dataclasses.dataclass(frozen=True)
class Roll:
    """One piece.

    Attributes:
      id: "jsb_chorales/train/000".
      split: train, validation or test, as the file says.
      packed: eleven bytes of bits a frame; the first bit is the lowest key.
    """

    id: str
    split: str
    packed: bytes

    @property
    def frames(self) -> np.ndarray:
        """uint8 `[time, 88]` of 0 and 1."""
        packed = np.frombuffer(self.packed, np.uint8)
        rows = packed.reshape([-1, _NUM_KEYS // 8])
        return np.unpackbits(rows, axis=1)


def find_rolls(folder: pathlib.Path, collection: str) -> list[Roll]:
    """All pieces of a collection, in the order of its file.

    Args:
      folder: where the .mat files lie.
      collection: a key of `FILES`.

    Raises:
      RollsError: if the file holds no piano rolls.
    """
    from scipy import io

    path = folder / FILES[collection]
    try:
        contents = io.loadmat(path, variable_names=list(_SPLITS))
    except Exception as error:  # A broken file gives scipy errors of any kind.
        raise RollsError(f"{path} is no .mat file: {error}.") from error
    return [
        Roll(f"{collection}/{split}/{number:03d}", split, packed)
        for name, split in _SPLITS.items()
        for number, packed in enumerate(_pieces(contents, name, path))
    ]


def read_roll(roll: Roll) -> list[Piece | Reject]:
    """One piece as notes; a key that stays on is one note."""
    frames = roll.frames
    if not frames.any():
        return [Reject(roll.id, "no_notes", f"{roll.id}: is silent.")]
    collection = roll.id.partition("/")[0]
    sequence = NoteSequence(
        id=roll.id,
        collection_name=collection,
        ticks_per_quarter=_TICKS_PER_QUARTER,
        total_time=len(frames) * _FRAME_SECONDS,
    )
    sequence.tempos.add(qpm=_QPM)
    for start, end, key in np.stack(key_spans(frames), axis=1).tolist():
        sequence.notes.add(
            pitch=_LOWEST_PITCH + key,
            velocity=_VELOCITY,
            start_time=start * _FRAME_SECONDS,
            end_time=end * _FRAME_SECONDS,
        )
    return [
        Piece(
            id=roll.id,
            sequence=sequence.SerializeToString(deterministic=True),
            group=roll.id,
            metadata={"collection": collection},
            num_notes=len(sequence.notes),
            seconds=sequence.total_time,
            split=roll.split,
        )
    ]


def _pieces(contents: dict, name: str, path: pathlib.Path) -> list[bytes]:
    """The packed rolls of one split: a cell array `[1, pieces]`, checked."""
    cells = contents.get(name)
    if not isinstance(cells, np.ndarray) or cells.dtype != object:
        raise RollsError(f"{path} holds no piano rolls called {name}.")
    pieces = list(cells.ravel())
    for number, frames in enumerate(pieces):
        is_roll = (
            isinstance(frames, np.ndarray)
            and frames.dtype.kind in "buif"
            and frames.ndim == 2
            and frames.shape[1] == _NUM_KEYS
            and np.isin(frames, (0, 1)).all()
        )
        if not is_roll:
            raise RollsError(
                f"{path}: {name} {number} is no piano roll of {_NUM_KEYS} keys."
            )
    return [
        np.packbits(frames.astype(bool), axis=1).tobytes() for frames in pieces
    ]
