import csv
import json
import pathlib

import pytest
import tensorflow_datasets as tfds
from pool_tasks import Word, read_word, word_sequence

from magenta_lite.data.note_sequence_builder import (
    EmptyCorpusError,
    NoteSequenceBuilder,
)
from magenta_lite.data.preparation_report import PreparationReport


class Words(NoteSequenceBuilder, skip_registration=True):
    METADATA_KEYS = ("upper",)
    UNIT = "words"
    CHUNK_SIZE = 3

    words: tuple[str, ...] = ()

    def items(self):
        return [Word(word) for word in self.words]

    def read_item(self):
        return read_word

    def notice(self):
        return "words are free"

    def source(self):
        return "a dictionary", "f1"


WORDS = (*(f"Word{n}" for n in range(30)), "mute1", "WORD7", "crash", "mute2")


def build(folder, words=WORDS, num_workers=2, progress=None):
    builder = Words(data_dir=folder)
    builder.words = words
    builder.num_workers = num_workers
    builder.progress = progress
    builder.download_and_prepare()
    return builder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The builder, and the calls of its progress function."""
    calls = []
    builder = build(
        tmp_path_factory.mktemp("data"),
        progress=lambda *call: calls.append(call),
    )
    return builder, calls


def test_examples_of_all_splits_are_the_pieces(built):
    builder, _ = built
    examples = [
        example
        for split in ("train", "validation", "test")
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    ]
    assert sorted(example["id"].decode() for example in examples) == sorted(
        word for word in WORDS if word.lower().startswith("word")
    )
    for example in examples:
        word = example["id"]
        sequence = word_sequence(word.decode())
        assert example["sequence"] == sequence.SerializeToString()
        assert example["metadata"] == {"upper": word.upper()}


def test_pieces_of_one_group_lie_in_one_split(built):
    builder, _ = built
    split_of = {
        example["id"]: split
        for split in builder.info.splits
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    }
    assert split_of[b"Word7"] == split_of[b"WORD7"]


def test_report_and_rejects_lie_beside_the_data(built):
    builder, _ = built
    folder = pathlib.Path(builder.data_dir)
    report = PreparationReport.load(folder)
    assert report.rejects == {"mute": 2, "crashed": 1}
    assert (report.num_sources, report.unit) == (34, "words")
    assert (report.source, report.source_fingerprint) == ("a dictionary", "f1")
    assert report.notice == "words are free"
    counts = {name: part.num_sequences for name, part in report.splits.items()}
    assert counts == {
        name: info.num_examples for name, info in builder.info.splits.items()
    }
    assert sum(counts.values()) == 31
    assert sum(p.num_notes for p in report.splits.values()) == (
        5 * 10 + 6 * 20 + 5
    )
    with open(folder / "rejects.csv", newline="") as file:
        assert [row[0] for row in csv.reader(file)] == [
            "id",
            "mute1",
            "crash",
            "mute2",
        ]


def test_nothing_else_is_left_in_the_folder(built):
    builder, _ = built
    names = {path.name for path in pathlib.Path(builder.data_dir).iterdir()}
    assert names == {
        "LICENSE",
        "corpus.png",
        "dataset_info.json",
        "features.json",
        "preparation.json",
        "rejects.csv",
        *(
            f"words-{split}.tfrecord-00000-of-00001"
            for split in ("train", "validation", "test")
        ),
    }


def test_progress_counts_what_is_read_and_written(built):
    _, calls = built
    assert [call for call in calls if call[0] == "reading words"] == [
        ("reading words", done, 34) for done in range(1, 35)
    ]
    written = [call for call in calls if call[0].startswith("writing")]
    assert len(written) == 31
    assert all(done <= total for _, done, total in written)


def test_metadata_files_are_looked_for_beside_the_builder(built):
    builder, _ = built
    assert str(builder.code_path) == __file__
    assert str(builder.pkg_dir_path) == str(pathlib.Path(__file__).parent)


@pytest.mark.parametrize("num_workers", [1, 4])
def test_every_number_of_workers_writes_the_same(built, tmp_path, num_workers):
    builder, _ = built
    other = build(tmp_path, num_workers=num_workers)
    for name in ("dataset_info.json", "preparation.json", "rejects.csv"):
        paths = [pathlib.Path(b.data_dir) / name for b in (builder, other)]
        assert paths[0].read_bytes() == paths[1].read_bytes(), name
    for split in builder.info.splits:
        examples, others = (
            list(tfds.as_numpy(b.as_dataset(split=split, shuffle_files=False)))
            for b in (builder, other)
        )
        assert examples == others, split


def test_a_corpus_of_rejects_only_is_one_line_and_leaves_nothing(tmp_path):
    with pytest.raises(EmptyCorpusError) as caught:
        build(tmp_path, words=("mute1", "mute2", "crash"))
    assert str(caught.value) == (
        "nothing in a dictionary can be used: mute (2), crashed (1); the first "
        "is mute1: makes no sound"
    )
    assert not list(tmp_path.rglob("*.*"))


def test_tfds_reads_it_without_our_builder(built):
    builder, _ = built
    read_only = tfds.builder_from_directory(builder.data_dir)
    train = tfds.as_numpy(read_only.as_dataset(split="train"))
    info = json.loads(
        (pathlib.Path(builder.data_dir) / "dataset_info.json").read_text()
    )
    sizes = {split["name"]: split["shardLengths"] for split in info["splits"]}
    assert len(list(train)) == int(sizes["train"][0])
