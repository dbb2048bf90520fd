import collections
import itertools
import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from shared_data import shared_dir

from magenta_lite.codecs.polyphony import PolyphonyCodec
from magenta_lite.data import music21_corpus
from magenta_lite.data.pieces import SPLITS, Piece, Reject
from magenta_lite.datasets.bach_chorales import chorales
from magenta_lite.datasets.bach_chorales.bach_chorales_dataset_builder import (
    Builder,
)
from magenta_lite.datasets.bach_chorales.splits import SPLIT_OF
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.paths import datasets_dir

DUMMY = datasets_dir() / "bach_chorales" / "dummy_data"


def read_all(corpus, of_jsb):
    return {
        result.id: result
        for chorale in chorales.find_chorales(corpus, of_jsb)
        for result in chorales.read_chorale(chorale)
    }


def prepared(config, tmp_path):
    """The split of each chorale in a dataset of the dummy data."""
    builder = Builder(config=config, data_dir=tmp_path)
    builder.manual_dir = DUMMY
    builder.num_workers = 1
    builder.download_and_prepare()
    return {
        example["id"].decode(): split
        for split in builder.info.splits
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    }


def test_chorales_of_the_jsb_sets_lie_in_their_splits(tmp_path):
    assert prepared("jsb", tmp_path) == {
        "bwv1.6": "train",
        "bwv2.6": "validation",
        "bwv7.7": "test",
    }


def test_all_chorales_are_split_by_their_music(tmp_path):
    splits = prepared("all", tmp_path)
    assert sorted(splits) == ["bwv1.6", "bwv171.6", "bwv2.6", "bwv7.7"]
    assert splits["bwv1.6"] == splits["bwv171.6"]  # The same a fourth higher.


def test_four_voices_are_left_of_more():
    piece = read_all(DUMMY, of_jsb=True)["bwv1.6"]
    assert piece.metadata == {"key": "C major", "meter": "4/4"}
    sequence = NoteSequence.FromString(piece.sequence)
    assert [part.name for part in sequence.part_infos] == [
        "Soprano",
        "Alto",
        "Tenor",
        "Bass",
    ]
    assert {note.program for note in sequence.notes} == {0}
    first = [note for note in sequence.notes if note.start_time == 0]
    assert [(note.part, note.instrument, note.pitch) for note in first] == [
        (0, 0, 72),
        (1, 1, 67),
        (2, 2, 64),
        (3, 3, 48),
    ]


def test_what_has_no_four_voices_is_rejected():
    result = read_all(DUMMY, of_jsb=False)["bwv846"]
    assert isinstance(result, Reject)
    assert result.reason == "not_four_voices"
    assert "Soprano" in result.message


def test_a_first_soprano_is_the_soprano():
    piece = read_all(DUMMY, of_jsb=True)["bwv7.7"]
    sequence = NoteSequence.FromString(piece.sequence)
    assert len(sequence.notes) == 4 * 24


def test_broken_files_are_rejected(tmp_path):
    (tmp_path / "bach").mkdir()
    (tmp_path / "bach" / "bwv1.6.mxl").write_bytes(b"no MusicXML")
    result = read_all(tmp_path, of_jsb=True)["bwv1.6"]
    assert result.reason == "broken_musicxml"


def test_a_folder_of_something_else_is_one_line(tmp_path):
    (tmp_path / "bach").mkdir()
    (tmp_path / "bach" / "bwv1.6.mid").write_bytes(b"")
    with pytest.raises(UserError, match="holds no chorale") as error:
        chorales.find_chorales(tmp_path, of_jsb=False)
    assert "\n" not in str(error.value)


def test_the_table_of_splits_holds_each_chorale_once():
    counts = collections.Counter(SPLIT_OF.values())
    assert [counts[split] for split in SPLITS] == [225, 75, 77]


def test_real_chorales_train_polyphony_rnn():
    """Every one of them has a place in Polyphony RNN's grid."""
    found = chorales.find_chorales(_real_corpus(), of_jsb=True)
    assert len(found) == 377
    codec = PolyphonyCodec(min_steps=80, max_steps=512)
    for chorale in found[::20]:
        (piece,) = chorales.read_chorale(chorale)
        assert isinstance(piece, Piece)
        extraction = codec.extract(NoteSequence.FromString(piece.sequence))
        assert extraction.events, (chorale.id, extraction.rejects)


@pytest.mark.slow
def test_the_table_of_splits_is_that_of_the_jsb_sets():
    """By the melodic turns of all four voices, whatever the key."""
    path = shared_dir("data", "jsb_chorales") / "Jsb16thSeparated.json"
    sets = json.loads(path.read_text())
    corpus = _real_corpus()
    turns_of = {
        piece_id: _turns(_voices(NoteSequence.FromString(piece.sequence)))
        for piece_id, piece in read_all(corpus, of_jsb=True).items()
    }
    missing = collections.Counter()
    for split, short in zip(SPLITS, ("train", "valid", "test"), strict=True):
        own = {key for key in turns_of if SPLIT_OF[key] == split}
        for columns in sets[short]:
            turns = _turns(np.array(columns).T)
            found = {
                key
                for key in own
                if len(turns & turns_of[key])
                >= 0.7 * min(len(turns), len(turns_of[key]))
            }
            missing[split] += not found
            own -= found if len(found) == 1 else set()
        # What is left has a twin in this split, which it was not told from.
        assert len(own) <= 12, (split, own)
    assert missing == {"train": 4, "validation": 1, "test": 0}


def _real_corpus():
    try:
        return music21_corpus.corpus_dir("bach_chorales", chorales.FOLDER)
    except music21_corpus.MissingCorpusError as error:
        pytest.skip(str(error))


def _voices(sequence):
    notes = sorted(sequence.notes, key=lambda note: note.start_time)
    return [[n.pitch for n in notes if n.part == part] for part in range(4)]


def _turns(voices, length=5):
    """Runs of intervals of each voice; repeated pitches count once."""
    turns = set()
    for voice, pitches in enumerate(voices):
        line = [pitch for pitch, _ in itertools.groupby(pitches) if pitch >= 0]
        line = [pitch for pitch, _ in itertools.groupby(line)]
        steps = np.diff(line).tolist()
        turns |= {
            (voice, *steps[start : start + length])
            for start in range(len(steps) - length + 1)
        }
    return turns
