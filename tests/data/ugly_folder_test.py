import csv

import pytest
from ugly_folder import write_ugly_folder

from magenta_lite.data import preparation
from magenta_lite.data.sources import PreparedDataset


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """What became of each file, by id, and what should have."""
    folder = tmp_path_factory.mktemp("ugly")
    fates = write_ugly_folder(folder / "music")
    done = preparation.prepare_folder(
        folder / "music", "ugly", folder / "data", num_workers=2
    )
    return done, fates


def test_every_good_file_is_there_and_every_other_has_its_reason(prepared):
    done, fates = prepared
    with (done.directory / "rejects.csv").open(newline="") as file:
        found = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    dataset = PreparedDataset(done.name, done.directory.parents[2])
    for split in dataset.splits:
        found |= {name: "" for name, _ in dataset.sequences(split)}
    assert found == fates


def test_every_reject_says_what_is_wrong_in_one_line(prepared):
    done, _ = prepared
    with (done.directory / "rejects.csv").open(newline="") as file:
        messages = [row["message"] for row in csv.DictReader(file)]
    assert all(len(message) > 8 for message in messages)
    assert not any("\n" in message for message in messages)


def test_the_report_counts_all(prepared):
    done, fates = prepared
    report = done.report
    assert report.num_sources == len(fates)
    num_good = sum(not fate for fate in fates.values())
    assert sum(p.num_sequences for p in report.splits.values()) == num_good
    assert sum(report.rejects.values()) == len(fates) - num_good
