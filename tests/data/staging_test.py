import csv
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magenta_lite.data.pieces import (
    SPLITS,
    Piece,
    Reject,
    group_number,
    split_of,
)
from magenta_lite.data.preparation_report import PreparationReport
from magenta_lite.data.staging import REJECTS_NAME, Staging


def split_of_name(group):
    return SPLITS[split_of(group_number(group))]


def piece(name, group=None, sequence=b"notes\n\n"):
    return Piece(name, sequence, {"title": "é"}, 3, 1.5, group or name)


def staged(tmp_path, pieces):
    staging = Staging(tmp_path)
    for item in pieces:
        staging.add(item)
    staging.finish()
    return staging


def test_pieces_come_back_as_they_were_in_exactly_one_split(tmp_path):
    pieces = [piece(f"p{n}", sequence=bytes([n, 10])) for n in range(100)]
    staging = staged(tmp_path, pieces)
    split_pieces = {split: list(staging.pieces(split)) for split in SPLITS}
    together = [p for split in SPLITS for p in split_pieces[split]]
    assert sorted(together, key=lambda p: int(p.id[1:])) == pieces
    for split in SPLITS:
        assert all(split_of_name(p.group) == split for p in split_pieces[split])


def test_interleaved_readers_do_not_disturb_each_other(tmp_path):
    staging = staged(tmp_path, [piece(f"p{n}") for n in range(60)])
    expected = list(staging.pieces("train"))
    reader = staging.pieces("train")
    mixed = []
    for item in reader:
        mixed.append(item)
        next(staging.pieces("test"))
    assert mixed == expected


def test_splits_have_the_promised_shares():
    counts = dict.fromkeys(SPLITS, 0)
    for number in range(10_000):
        counts[split_of_name(f"group {number}")] += 1
    assert counts["train"] == pytest.approx(8000, abs=120)
    assert counts["validation"] == pytest.approx(1000, abs=90)
    assert counts["test"] == pytest.approx(1000, abs=90)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_a_group_never_spans_splits_and_none_stays_empty_in_vain(
    tmp_path_factory, groups
):
    pieces = [piece(f"p{n}", f"g{g}") for n, g in enumerate(groups)]
    staging = staged(tmp_path_factory.mktemp("staging"), pieces)
    groups_of = {s: {p.group for p in staging.pieces(s)} for s in SPLITS}
    num_groups = len(set(groups))
    assert sum(map(len, groups_of.values())) == num_groups
    filled = [split for split in SPLITS if groups_of[split]]
    assert filled == list(SPLITS[: min(num_groups, 3)]) or num_groups > 3
    assert len(filled) == min(num_groups, 3)


def test_a_single_piece_is_for_training_wherever_its_hash_lies(tmp_path):
    name = next(
        name for name in map(str, range(1000)) if split_of_name(name) == "test"
    )
    staging = staged(tmp_path, [piece(name)])
    assert [p.id for p in staging.pieces("train")] == [name]
    assert list(staging.report().splits) == ["train"]


def test_an_official_split_outranks_the_group(tmp_path):
    ids_of = {
        split: [f"{split} {n}" for n in range(3)] for split in reversed(SPLITS)
    }
    staging = staged(
        tmp_path,
        [
            dataclasses.replace(piece(name, "one group"), split=split)
            for split, names in ids_of.items()
            for name in names
        ],
    )
    for split, names in ids_of.items():
        assert [p.id for p in staging.pieces(split)] == names
    assert list(staging.report().splits) == list(SPLITS)


def test_official_splits_are_left_empty_if_the_source_leaves_them_so(tmp_path):
    pieces = [
        dataclasses.replace(piece(f"p{n}"), split="train") for n in range(9)
    ]
    assert list(staged(tmp_path, pieces).report().splits) == ["train"]


def test_an_unknown_official_split_is_refused():
    with pytest.raises(ValueError, match="'valid'"):
        dataclasses.replace(piece("x"), split="valid")


def test_rejects_are_listed_and_counted(tmp_path):
    staging = staged(
        tmp_path,
        [
            Reject("a,b.mid", "not_midi", 'has "quotes"\nand lines'),
            piece("x"),
            Reject("c.mid", "empty", "no bytes"),
            Reject("d.mid", "empty", "no bytes"),
        ],
    )
    with open(tmp_path / REJECTS_NAME, newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["id", "reason", "message"],
        ["a,b.mid", "not_midi", 'has "quotes" and lines'],
        ["c.mid", "empty", "no bytes"],
        ["d.mid", "empty", "no bytes"],
    ]
    assert staging.first_reject.id == "a,b.mid"
    assert list(staging.report().rejects.items()) == [
        ("empty", 2),
        ("not_midi", 1),
    ]


def test_only_the_list_of_rejects_stays_on_disk(tmp_path):
    staged(tmp_path, [piece("x")])
    assert [path.name for path in tmp_path.iterdir()] == [REJECTS_NAME]


def test_report_counts_and_round_trips(tmp_path):
    pieces = [piece(f"p{n}", "same melody") for n in range(4)]
    report = staged(tmp_path, pieces).report(num_sources=5, unit="tunes")
    train = report.splits["train"]
    assert (train.num_sequences, train.num_notes) == (4, 12)
    assert train.seconds == 6.0
    report.save(tmp_path)
    assert PreparationReport.load(tmp_path) == report
    (tmp_path / "preparation.json").write_text("{")
    assert PreparationReport.load(tmp_path) is None


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": b"other"},
        {"id": "other"},
        {"metadata": {"title": "other"}},
    ],
)
def test_checksum_follows_everything_that_is_written(tmp_path, change):
    one = piece("x", "g")
    other = dataclasses.replace(one, **change)
    (tmp_path / "other").mkdir()
    before = staged(tmp_path, [one]).report().splits["train"].sha256
    after = staged(tmp_path / "other", [other]).report().splits["train"].sha256
    assert before != after
