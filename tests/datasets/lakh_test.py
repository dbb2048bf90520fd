import csv
import hashlib
import io
import pathlib
import tarfile

import pytest
import tensorflow_datasets as tfds
from corpora import melody, midi_bytes
from file_server import Served, serve

from magenta_lite.data.archives import Archive
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.lakh import songs
from magenta_lite.datasets.lakh.lakh_dataset_builder import Builder, LakhConfig
from magenta_lite.download import RemoteFile
from magenta_lite.paths import datasets_dir


def make_tar(files):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def song(number):
    """A made-up song and its MD5."""
    data = midi_bytes([*melody(number), *melody(3 * number + 1)])
    return data, hashlib.md5(data).hexdigest()


def build(folder, files, name):
    data = make_tar(files)
    with serve() as server:
        server.files["x.tar.gz"] = Served(data)
        remote = RemoteFile(
            server.url + "x.tar.gz",
            len(data),
            hashlib.sha256(data).hexdigest(),
        )
        archive = Archive(f"{name}.tar.gz", remote, marker=name)
        config = LakhConfig(name="local", archive=archive)
        builder = Builder(data_dir=folder, config=config)
        builder.num_workers = 2
        builder.download_and_prepare()
    return builder


def examples(builder):
    return {
        example["id"].decode(): {
            key: value.decode() for key, value in example["metadata"].items()
        }
        for split in builder.info.splits
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    }


def rejects(builder):
    with open(pathlib.Path(builder.data_dir) / "rejects.csv") as file:
        return [tuple(row[:2]) for row in csv.reader(file)][1:]


def test_full_from_a_server_to_a_dataset(tmp_path):
    files = {}
    for number in range(12):
        data, md5 = song(number)
        files[f"lmd_full/{md5[0]}/{md5}.mid"] = data
    files["lmd_full/0/0bad.mid"] = b"MThd, but no more"
    builder = build(tmp_path, files, songs.FULL)
    found = examples(builder)
    assert set(found) == {
        name.removeprefix("lmd_full/") for name in files if "0bad" not in name
    }
    for name, metadata in found.items():
        assert metadata["path"] == name
        assert pathlib.PurePath(name).stem == metadata["md5"]
        assert metadata["artist"] == metadata["msd_tracks"] == ""
    assert [name for name, _ in rejects(builder)] == ["0/0bad.mid"]


def test_clean_leaves_out_copies_and_keeps_versions_together(tmp_path):
    folder = "clean_midi/The Made Ups"
    files = {
        f"{folder}/First Song.mid": song(1)[0],
        f"{folder}/First Song.1.mid": song(2)[0],
        f"{folder}/First Song.2.mid": song(1)[0],
        **{f"clean_midi/Others/{n}.mid": song(n)[0] for n in range(3, 12)},
    }
    builder = build(tmp_path, files, songs.CLEAN)
    found = examples(builder)
    assert len(found) == 11
    assert found["The Made Ups/First Song.1.mid"] == {
        "path": "The Made Ups/First Song.1.mid",
        "md5": song(2)[1],
        "artist": "The Made Ups",
        "title": "First Song",
        "msd_tracks": "",
    }
    assert rejects(builder) == [("The Made Ups/First Song.mid", "duplicate")]
    split_of = {
        example["id"].decode(): split
        for split in builder.info.splits
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    }
    versions = [name for name in split_of if "First Song" in name]
    assert len(versions) == 2
    assert len({split_of[name] for name in versions}) == 1


def test_matched_reads_each_file_once_and_names_its_tracks(tmp_path):
    data, md5 = song(1)
    other, other_md5 = song(2)
    folder = tmp_path / songs.MATCHED
    for track, name, content in [
        ("TRAAB", md5, data),
        ("TRAAA", md5, data),
        ("TRAAB", other_md5, other),
    ]:
        path = folder / "A" / "A" / track / f"{name}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = songs.find_songs(folder)
    assert [(one.id, one.msd_tracks) for one in found] == sorted(
        [
            (f"A/A/TRAAA/{md5}.mid", "TRAAA TRAAB"),
            (f"A/A/TRAAB/{other_md5}.mid", "TRAAB"),
        ]
    )
    (piece,) = songs.read_song(found[0])
    assert piece.group == "TRAAA"
    assert piece.metadata["msd_tracks"] == "TRAAA TRAAB"


@pytest.mark.parametrize(
    ("config", "num_pieces", "num_rejects"),
    [("full", 6, 1), ("matched", 4, 0), ("clean", 4, 0)],
)
def test_a_folder_that_the_user_brings(
    config, num_pieces, num_rejects, tmp_path
):
    builder = Builder(data_dir=tmp_path, config=config)
    builder.manual_dir = datasets_dir() / "lakh" / "dummy_data"
    read = builder.read_item()
    results = [result for song in builder.items() for result in read(song)]
    assert sum(isinstance(one, Piece) for one in results) == num_pieces
    assert sum(isinstance(one, Reject) for one in results) == num_rejects


def test_songs_are_made_when_asked_for(tmp_path):
    found = songs.Songs(
        tmp_path / songs.FULL, ["a/1.mid", "b/2.mid", "c/3.mid"]
    )
    assert len(found) == 3
    assert [one.id for one in found[1:]] == ["b/2.mid", "c/3.mid"]
    assert found[-1].path == str(tmp_path / "lmd_full" / "c" / "3.mid")
    assert isinstance(found[:2], songs.Songs)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Song.mid", "Song"),
        ("Song.12.mid", "Song"),
        ("Song 99.mid", "Song 99"),
        ("Mr. Song.mid", "Mr. Song"),
    ],
)
def test_titles_are_names_without_the_number_of_the_copy(tmp_path, name, title):
    (one,) = songs.Songs(tmp_path / songs.CLEAN, [f"Some Body/{name}"])
    assert (one.artist, one.title) == ("Some Body", title)


def test_a_file_without_notes_is_rejected(tmp_path):
    path = tmp_path / "x.mid"
    path.write_bytes(midi_bytes([]))
    (reject,) = songs.read_song(songs.Song("x.mid", str(path)))
    assert (reject.id, reject.reason) == ("x.mid", "no_notes")
