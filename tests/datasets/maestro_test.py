import csv
import hashlib
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest
import tensorflow_datasets as tfds
from corpora import melody, midi_bytes
from file_server import Served, serve
from shared_data import shared_dir

from magenta_lite.data.archives import Archive
from magenta_lite.datasets.maestro import maestro_dataset_builder, performances
from magenta_lite.datasets.maestro.maestro_dataset_builder import (
    Builder,
    MaestroConfig,
)
from magenta_lite.download import RemoteFile
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.paths import datasets_dir

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPLITS = ["train"] * 3 + ["validation", "test", "test"]


def index(names_and_splits, prefix="canonical_"):
    lines = [
        f"{prefix}composer,{prefix}title,split,year,midi_filename,duration"
    ]
    lines += [
        f'Somebody,"Étude, No. {number}",{split},2004,{name},1.5'
        for number, (name, split) in enumerate(names_and_splits)
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def archive_bytes(tmp_path_factory):
    """A zip as MAESTRO's, of six made-up performances; one is broken."""
    path = tmp_path_factory.mktemp("made") / "x.zip"
    names = [f"2004/{number}.midi" for number in range(len(SPLITS))]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "maestro-v3.0.0/maestro-v3.0.0.csv",
            index(zip(names, SPLITS, strict=True)),
        )
        for number, name in enumerate(names):
            data = midi_bytes(melody(number)) if number else b"broken"
            archive.writestr(f"maestro-v3.0.0/{name}", data)
    return path.read_bytes()


def build(folder, url, data, sha256=None):
    sha256 = sha256 or hashlib.sha256(data).hexdigest()
    archive = Archive(
        "maestro-v3.0.0-midi.zip",
        RemoteFile(f"{url}x.zip", len(data), sha256),
        marker="maestro-v3.0.0.csv",
    )
    config = MaestroConfig(name="local", archive=archive)
    builder = Builder(data_dir=folder, config=config)
    builder.num_workers = 2
    builder.download_and_prepare()
    return builder


def test_from_a_server_to_a_dataset(tmp_path, archive_bytes):
    with serve() as server:
        server.files["x.zip"] = Served(archive_bytes, cuts=[100])
        builder = build(tmp_path, server.url, archive_bytes)
        assert [wanted for _, wanted in server.requests] == ["", "bytes=100-"]
    counts = {name: s.num_examples for name, s in builder.info.splits.items()}
    assert counts == {"train": 2, "validation": 1, "test": 2}
    (example,) = tfds.as_numpy(builder.as_dataset(split="validation"))
    assert example["id"] == b"2004/3.midi"
    assert example["metadata"] == {
        "composer": b"Somebody",
        "title": "Étude, No. 3".encode(),
        "year": b"2004",
    }
    sequence = NoteSequence.FromString(example["sequence"])
    assert [note.pitch for note in sequence.notes] == melody(3)
    assert sequence.sequence_metadata.title == "Étude, No. 3"
    with open(pathlib.Path(builder.data_dir) / "rejects.csv") as file:
        rows = list(csv.reader(file))
    assert [row[:2] for row in rows[1:]] == [["2004/0.midi", "not_midi"]]


def test_a_folder_that_the_user_brings(tmp_path):
    builder = Builder(data_dir=tmp_path)
    builder.manual_dir = datasets_dir() / "maestro" / "dummy_data"
    found = [(one.id, one.split) for one in builder.items()]
    assert found == [
        ("2004/made_0.midi", "train"),
        ("2004/made_1.midi", "train"),
        ("2004/made_2.midi", "validation"),
        ("2004/made_3.midi", "test"),
    ]
    (piece,) = builder.read_item()(builder.items()[2])
    assert piece.metadata["title"] == "Study, No. 2"
    assert piece.num_notes == 16


def test_a_wrong_checksum_stops_it(tmp_path, archive_bytes):
    with serve() as server, pytest.raises(UserError, match="expected 00"):
        server.files["x.zip"] = Served(archive_bytes)
        build(tmp_path, server.url, archive_bytes, sha256="00" * 32)


def test_without_a_network_one_line_says_what_to_do(tmp_path):
    nowhere = "http://127.0.0.1:9"  # The port of `discard`: nobody listens.
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "bin" / "prepare.py"),
            "--dataset=maestro",
            f"--data_dir={tmp_path}",
        ],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "https_proxy": nowhere,
            "HTTPS_PROXY": nowhere,
            "no_proxy": "",
            "NO_PROXY": "",
        },
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    archive = maestro_dataset_builder.V3
    for part in (archive.remote.url, archive.name, archive.remote.sha256):
        assert part in line
    assert line.endswith("prepare maestro with --manual_dir=FOLDER.")


def test_the_index_may_name_composers_as_asap_does(tmp_path):
    (tmp_path / "metadata.csv").write_text(
        index([("midi/a.mid", "test")], prefix="")
    )
    (found,) = performances.find_performances(tmp_path, "metadata.csv")
    assert (found.id, found.split) == ("midi/a.mid", "test")
    assert found.metadata["composer"] == "Somebody"
    assert found.path == str(tmp_path / "midi" / "a.mid")


@pytest.mark.parametrize(
    "text", ["", "split\ntrain\n", index([("a.mid", "tain")])]
)
def test_a_wrong_index_is_one_line(tmp_path, text):
    path = tmp_path / "metadata.csv"
    path.write_text(text or "\0")
    if not text:
        path.unlink()
    with pytest.raises(performances.MaestroIndexError, match="not an index"):
        performances.find_performances(tmp_path, "metadata.csv")


def test_the_performances_beside_the_checkout_keep_their_split():
    folder = shared_dir("data", "maestro_performances")
    found = performances.find_performances(folder, "metadata.csv")
    counts = [
        sum(one.split == split for one in found)
        for split in ("train", "validation", "test")
    ]
    assert counts == [120, 20, 20]
    (piece,) = performances.read_performance(found[0])
    assert piece.split == "train"
    assert piece.num_notes > 500
