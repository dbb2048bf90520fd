"""jsb_chorales: the voices of the file come back exactly, in their splits."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from shared_data import shared_dir

from magenta_lite.datasets.jsb_chorales import voices
from magenta_lite.datasets.jsb_chorales.jsb_chorales_dataset_builder import (
    Builder,
)
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.paths import datasets_dir

DUMMY = datasets_dir() / "jsb_chorales" / "dummy_data"


def steps_of(serialized):
    """The pitch of each voice in each sixteenth, -1 where it is silent."""
    sequence = NoteSequence.FromString(serialized)
    steps = np.full([round(sequence.total_time * 8), 4], -1)
    for note in sequence.notes:
        start, end = round(note.start_time * 8), round(note.end_time * 8)
        assert (steps[start:end, note.instrument] == -1).all()
        steps[start:end, note.instrument] = note.pitch
    return steps.tolist()


def test_the_dataset_holds_the_voices_of_the_file(tmp_path):
    builder = Builder(data_dir=tmp_path)
    builder.manual_dir = DUMMY
    builder.num_workers = 1
    builder.download_and_prepare()
    found = {
        example["id"].decode(): example["sequence"]
        for split in builder.info.splits
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    }
    contents = json.loads((DUMMY / voices.FILE).read_text())
    assert sorted(found) == [
        "test/000",
        *(f"train/{n:03d}" for n in range(3)),
        "validation/000",
    ]
    for number, expected in enumerate(contents["train"]):
        assert steps_of(found[f"train/{number:03d}"]) == expected
    # A silent piece is left out, and said to be.
    rejects = (builder.data_path / "rejects.csv").read_text()
    assert "test/001" in rejects and "no_notes" in rejects


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no JSON", "no JSON file"),
        ("[]", "holds no splits"),
        ('{"train": 3}', "no chorales called train"),
        ('{"train": [[[60, 55, 50]]]}', "train 0 is no list of four"),
        ('{"train": [[[60, 55, 50, 128]]]}', "train 0 is no list of four"),
        ('{"train": [[]]}', "train 0 is no list of four"),
    ],
)
def test_another_file_is_one_line(tmp_path, text, says):
    (tmp_path / voices.FILE).write_text(text)
    with pytest.raises(voices.ChoralesError, match=says) as caught:
        voices.find_chorales(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_published_split_comes_back_exactly():
    folder = shared_dir("data/jsb_chorales")
    contents = json.loads((folder / voices.FILE).read_text())
    chorales = voices.find_chorales(folder)
    counts = [len(contents[name]) for name in ("train", "valid", "test")]
    assert counts == [229, 76, 77]
    expected = [*contents["train"], *contents["valid"], *contents["test"]]
    for chorale, steps in zip(chorales, expected, strict=True):
        (piece,) = voices.read_chorale(chorale)
        assert steps_of(piece.sequence) == steps
