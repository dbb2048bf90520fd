"""piano_rolls: the frames of the files come back exactly, in their splits."""

import collections

import numpy as np
import pytest
import tensorflow_datasets as tfds
from scipy import io
from shared_data import shared_dir

from magenta_lite.codecs.pianoroll import PianorollCodec
from magenta_lite.data.pieces import Piece
from magenta_lite.datasets.piano_rolls import rolls
from magenta_lite.datasets.piano_rolls.piano_rolls_dataset_builder import (
    Builder,
)
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.paths import datasets_dir

_DUMMY = datasets_dir() / "piano_rolls" / "dummy_data"
_CODEC = PianorollCodec(min_steps=1, max_steps=None)


def _frames(serialized):
    (events,) = _CODEC.encode(NoteSequence.FromString(serialized))
    assert (events[0] == 2).all()
    return events[1:]


def test_the_dataset_holds_the_frames_of_the_file(tmp_path):
    builder = Builder(data_dir=tmp_path)
    builder.manual_dir = _DUMMY
    builder.num_workers = 1
    builder.download_and_prepare()
    found = {
        example["id"].decode(): example
        for split in builder.info.splits
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    }
    assert sorted(found) == [
        "jsb_chorales/test/000",
        "jsb_chorales/train/000",
        "jsb_chorales/train/001",
        "jsb_chorales/train/002",
        "jsb_chorales/validation/000",
    ]
    counts = {name: s.num_examples for name, s in builder.info.splits.items()}
    assert counts == {"train": 3, "validation": 1, "test": 1}
    contents = io.loadmat(_DUMMY / "JSB_Chorales.mat")
    # The second piece ends with a silent frame.
    for number, expected in enumerate(contents["traindata"][0]):
        example = found[f"jsb_chorales/train/{number:03d}"]
        np.testing.assert_array_equal(_frames(example["sequence"]), expected)
        assert example["metadata"] == {"collection": b"jsb_chorales"}
    # A silent piece is left out, and said to be.
    rejects = (builder.data_path / "rejects.csv").read_text()
    assert "jsb_chorales/test/001" in rejects and "no_notes" in rejects


def test_notes_by_hand():
    frames = np.zeros([5, 88], np.uint8)
    frames[1:3, 39] = 1
    frames[2, 0] = 1
    packed = np.packbits(frames, axis=1).tobytes()
    roll = rolls.Roll("nottingham/test/007", "test", packed)
    np.testing.assert_array_equal(roll.frames, frames)
    (piece,) = rolls.read_roll(roll)
    sequence = NoteSequence.FromString(piece.sequence)
    assert [(n.pitch, n.start_time, n.end_time) for n in sequence.notes] == [
        (60, 0.25, 0.75),
        (21, 0.5, 0.75),
    ]
    assert sequence.total_time == piece.seconds == 1.25
    assert (piece.split, piece.num_notes) == ("test", 2)


def test_missing_file_is_one_line(tmp_path):
    builder = Builder(data_dir=tmp_path, config="muse_data")
    builder.manual_dir = _DUMMY
    with pytest.raises(UserError, match=r"no MuseData.mat") as error:
        builder.items()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"MATLAB 5.0 MAT-file, but no more", "is no .mat file"),
        ({"traindata": np.zeros([3, 88])}, "no piano rolls called traindata"),
        ({"traindata": np.zeros([3, 87])}, "traindata 0 is no piano roll"),
        ({"traindata": np.full([3, 88], 2)}, "traindata 0 is no piano roll"),
    ],
)
def test_what_is_no_file_of_rolls_is_one_line(tmp_path, contents, message):
    path = tmp_path / "Nottingham.mat"
    if isinstance(contents, bytes):
        path.write_bytes(contents)
    else:
        cells = np.empty([1, 1], object)
        cells[0, 0] = contents["traindata"]
        plain = "no piano rolls" in message
        io.savemat(
            path,
            contents if plain else {"traindata": cells},
            do_compression=True,
        )
    with pytest.raises(rolls.RollsError, match=message) as error:
        rolls.find_rolls(tmp_path, "nottingham")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("collection", "counts"),
    [
        ("jsb_chorales", (229, 76, 77)),
        ("nottingham", (694, 173, 170)),
        ("piano_midi", (87, 12, 25)),
        ("muse_data", (524, 135, 124)),
    ],
)
def test_real_frames_come_back(collection, counts):
    folder = shared_dir("data", "poly_music")
    found = rolls.find_rolls(folder, collection)
    by_split = collections.Counter(roll.split for roll in found)
    names = ("train", "validation", "test")
    assert tuple(by_split[name] for name in names) == counts
    silent_ends = [roll for roll in found if not roll.frames[-1].any()]
    for roll in found[:: len(found) // 40] + silent_ends:
        (piece,) = rolls.read_roll(roll)
        assert isinstance(piece, Piece)
        np.testing.assert_array_equal(_frames(piece.sequence), roll.frames)
