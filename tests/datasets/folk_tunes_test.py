import collections

import pytest
import tensorflow_datasets as tfds
from corpora import DUMMY_TUNES

from magenta_lite.data import piece_reading
from magenta_lite.data.piece_records import decode_results
from magenta_lite.data.pieces import Piece
from magenta_lite.datasets.folk_tunes import tunes
from magenta_lite.datasets.folk_tunes.folk_tunes_dataset_builder import Builder
from magenta_lite.notes.proto import NoteSequence


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """(split, example) of the default config over the dummy tunes."""
    builder = Builder(data_dir=tmp_path_factory.mktemp("data"))
    builder.manual_dir = DUMMY_TUNES
    builder.num_workers = 2
    builder.download_and_prepare()
    return [
        (split, example)
        for split in builder.info.splits
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    ]


def test_every_tune_of_the_three_collections_is_there(examples):
    assert sorted(example["id"].decode() for _, example in examples) == [
        "airds_airs/book1/1",
        "airds_airs/book1/2",
        "oneills_1850/0001-0003/1",
        "oneills_1850/0001-0003/2",
        "oneills_1850/0001-0003/2-2",
        "ryans_mammoth/StairReel/1",
    ]


def test_examples_carry_notes_and_metadata(examples):
    by_id = {example["id"].decode(): example for _, example in examples}
    example = by_id["airds_airs/book1/1"]
    assert example["metadata"] == {
        "title": b"Two by Two",
        "key": b"F",
        "meter": b"2/4",
        "collection": b"airds_airs",
    }
    sequence = NoteSequence.FromString(example["sequence"])
    assert [note.pitch for note in sequence.notes][:5] == [65, 69, 72, 69, 70]
    assert sequence.id == "airds_airs/book1/1"
    assert sequence.collection_name == "airds_airs"


def test_the_same_tune_in_two_collections_lies_in_one_split(examples):
    splits = collections.defaultdict(set)
    for split, example in examples:
        splits[example["metadata"]["title"].decode()[:9]].add(split)
    assert len(splits["The Stair"]) == 1
    assert {split for split, _ in examples} == {"train", "validation", "test"}


def test_a_tune_without_notes_is_rejected_with_a_reason():
    found = tunes.find_tunes(DUMMY_TUNES, "ryans_mammoth")
    assert [tune.id for tune in found] == [
        "ryans_mammoth/EmptyJig/1",
        "ryans_mammoth/StairReel/1",
    ]
    (result,) = tunes.read_tune(found[0])
    assert result.id == "ryans_mammoth/EmptyJig/1"
    assert result.reason in ("no_notes", "no_tune", "broken_abc")


def test_numbers_used_twice_in_a_file_still_make_different_ids():
    book = "%head\n\nX:1\nT:a\nK:C\nC\n\nX:02\nK:C\nD\nX:2\nK:C\nE\n"
    found = tunes.name_tunes(book, "essen", "f")
    assert [tune.id for tune in found] == [
        "essen/f/1",
        "essen/f/2",
        "essen/f/2-2",
    ]
    assert found[1].text == "%head\n\nX:02\nK:C\nD\n"


def tune_piece(tune_id, pitches, title):
    sequence = NoteSequence()
    for place, pitch in enumerate(pitches):
        sequence.notes.add(pitch=pitch, start_time=place, end_time=place + 1)
    return Piece(
        id=tune_id,
        sequence=sequence.SerializeToString(),
        group=str(pitches),
        metadata={"title": title, "collection": tune_id.split("/")[0]},
        num_notes=len(pitches),
        seconds=1.0,
    )


def test_versions_of_a_tune_are_linked():
    tune = [60, 64, 67, 65, 62, 60, 59, 60, 72, 71, 69, 67, 65, 64, 62, 60] * 2
    other = [60, 61, 60, 63, 60, 66, 60, 61, 71, 60, 70, 60, 69, 60, 61] * 2
    variant = [pitch + 5 for pitch in tune]
    variant[20] += 1
    linked = tunes.link_versions(
        [
            tune_piece("airds_airs/a/1", tune, "A Tune"),
            tune_piece("airds_airs/a/2", other, "Other"),
            tune_piece("oneills_1850/b/3", variant, "New Name"),
            tune_piece("oneills_1850/b/4", other[::-1], "Other, The -- Jig"),
        ]
    )
    assert [piece.group for piece in linked] == [
        "airds_airs/a/1",
        "airds_airs/a/2",
        "airds_airs/a/1",
        "airds_airs/a/2",
    ]


def test_titles_link_nothing_in_essen():
    linked = tunes.link_versions(
        [
            tune_piece("essen/a/1", range(60, 80), "Ballade"),
            tune_piece("essen/a/2", range(80, 60, -1), "Ballade"),
        ]
    )
    assert [piece.group for piece in linked] == ["essen/a/1", "essen/a/2"]


@pytest.mark.parametrize(
    ("title", "folded"),
    [
        ("Kerry Cobbler, The", "kerrycobbler"),
        ("The Kerry cobbler -- Jig", "kerrycobbler"),
        ("Miss McLeod's (1)", "missmcleods"),
        ("Ár nÉire", "arneire"),
        ("", ""),
    ],
)
def test_fold_title(title, folded):
    assert tunes.fold_title(title) == folded


def test_a_config_links_with_its_kin_but_keeps_its_own(tmp_path):
    builder = Builder(config="oneills_1850", data_dir=tmp_path)
    builder.manual_dir = DUMMY_TUNES
    items = builder.items()
    assert {item.collection for item in items} == {
        "ryans_mammoth",
        "oneills_1850",
        "airds_airs",
    }
    assert builder.num_sources(items) == 3
    results = [
        result
        for item in items
        for result in decode_results(
            piece_reading.read_and_describe(tunes.read_tune, item)
        )
    ]
    kept = list(builder.arrange(iter(results)))
    assert {piece.id: piece.group for piece in kept} == {
        "oneills_1850/0001-0003/1": "ryans_mammoth/StairReel/1",
        "oneills_1850/0001-0003/2": "oneills_1850/0001-0003/2",
        "oneills_1850/0001-0003/2-2": "oneills_1850/0001-0003/2-2",
    }


def test_essen_says_that_it_is_for_non_commercial_use(tmp_path):
    for name in Builder.builder_configs:
        builder = Builder(config=name, data_dir=tmp_path)
        assert ("non-commercial" in builder.notice()) == (name == "essen")
    assert "Ryan" in builder.info.description  # From README.md.
