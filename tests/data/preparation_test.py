import os
import pathlib
import signal
import subprocess
import sys

import pytest
from corpora import fake_music21, melody, midi_bytes, write_midi_folder

from magenta_lite.data import preparation, sources
from magenta_lite.data.sources import PreparedDataset
from magenta_lite.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def ids(prepared, data_dir):
    dataset = PreparedDataset(prepared.name, data_dir)
    return {
        split: sorted(key for key, _ in dataset.sequences(split))
        for split in dataset.splits
    }


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    return write_midi_folder(tmp_path_factory.mktemp("music"), 10)


@pytest.fixture
def with_tunes(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(fake_music21(tmp_path / "site"))


def test_prepares_a_folder_once(music, tmp_path):
    starts = []
    first = preparation.prepare_folder(
        music, "mine", tmp_path, on_start=lambda: starts.append("first")
    )
    assert first.is_new
    assert sum(p.num_sequences for p in first.report.splits.values()) == 10
    before = first.directory.stat().st_mtime_ns
    again = preparation.prepare_folder(
        music, "mine", tmp_path, on_start=lambda: starts.append("again")
    )
    assert not again.is_new
    assert starts == ["first"]  # Looking is enough: nothing slow is loaded.
    assert again.report == first.report
    assert again.directory.stat().st_mtime_ns == before
    assert sum(map(len, ids(again, tmp_path).values())) == 10


def test_a_changed_folder_is_not_mistaken_for_the_old_one(tmp_path):
    folder = write_midi_folder(tmp_path / "music", 4)
    data_dir = tmp_path / "data"
    old = preparation.prepare_folder(folder, "mine", data_dir)
    fingerprint = PreparedDataset("mine", data_dir).fingerprint("train")
    (folder / "more.mid").write_bytes(midi_bytes(melody(50)))
    with pytest.raises(UserError, match="--overwrite.* another --name"):
        preparation.prepare_folder(folder, "mine", data_dir)
    new = preparation.prepare_folder(folder, "mine", data_dir, overwrite=True)
    assert new.directory == old.directory
    assert sum(map(len, ids(new, data_dir).values())) == 5
    assert PreparedDataset("mine", data_dir).fingerprint("train") != fingerprint
    assert [path.name for path in data_dir.iterdir()] == [
        "note_sequence_folder"
    ]


def test_a_failed_overwrite_keeps_the_old_dataset(tmp_path):
    folder = write_midi_folder(tmp_path / "music", 3)
    data_dir = tmp_path / "data"
    old = preparation.prepare_folder(folder, "mine", data_dir)
    before = everything_in(data_dir)
    for path in folder.iterdir():
        path.write_bytes(b"no longer MIDI, none of these")
    with pytest.raises(UserError, match="not_midi"):
        preparation.prepare_folder(folder, "mine", data_dir, overwrite=True)
    assert everything_in(data_dir) == before
    assert sum(map(len, ids(old, data_dir).values())) == 3


def test_a_folder_of_bad_files_leaves_nothing_behind(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    for name in ("a.mid", "b.mid"):
        (folder / name).write_bytes(b"")
    with pytest.raises(UserError) as caught:
        preparation.prepare_folder(folder, "mine", tmp_path / "new" / "data")
    assert "a.mid" in str(caught.value) and "(2)" in str(caught.value)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("folk_tunes", "built-in"),
        ("../x", "letters"),
        ("a b", "letters"),
        ("", "letters"),
    ],
)
def test_bad_names_are_refused(music, tmp_path, name, says):
    with pytest.raises(UserError, match=says):
        preparation.prepare_folder(music, name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("with_tunes")
def test_prepares_folk_tunes_and_finds_them_by_their_short_name(tmp_path):
    data_dir = tmp_path / "data"
    prepared = preparation.prepare_dataset("folk_tunes", data_dir)
    assert prepared.report.rejects in ({"no_notes": 1}, {"broken_abc": 1})
    assert prepared.report.num_sources == 7
    found = ids(prepared, data_dir)
    assert sum(map(len, found.values())) == 6
    assert PreparedDataset("folk_tunes/public_domain", data_dir).directory == (
        prepared.directory
    )
    oneills = preparation.prepare_dataset("folk_tunes/oneills_1850", data_dir)
    assert oneills.report.num_sources == 3
    assert not preparation.prepare_dataset("folk_tunes", data_dir).is_new
    for split, names in ids(oneills, data_dir).items():
        # Where all splits hold something by themselves, a tune stays put; the
        # dummy corpus is so small that some are moved into empty splits.
        assert all(name.startswith("oneills_1850/") for name in names), split


@pytest.mark.usefixtures("with_tunes")
def test_essen_carries_its_notice(tmp_path):
    prepared = preparation.prepare_dataset("folk_tunes/essen", tmp_path / "d")
    assert "non-commercial" in prepared.report.notice


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("folk_tune", "did you mean folk_tunes"),
        ("folk_tunes/essin", "did you mean folk_tunes/essen"),
        ("nothing_like_it", "known: .*folk_tunes, "),
        ("note_sequence_folder", "--input_dir"),
    ],
)
def test_an_unknown_dataset_is_one_line(tmp_path, name, says):
    with pytest.raises(UserError, match=says) as caught:
        preparation.prepare_dataset(name, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_without_the_corpus_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"pip install 'magenta_lite\[corpus\]'"
    ):
        preparation.prepare_dataset("folk_tunes", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_place_that_is_not_a_folder_is_an_os_error(music, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError):
        preparation.prepare_folder(music, "mine", tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]


def test_builders_are_listed_without_importing_them():
    assert {"folk_tunes", "note_sequence_folder"} <= set(
        preparation.builder_names()
    )


def stop_at(call, kind=KeyboardInterrupt):
    """A progress function that raises when it is called that often."""
    calls = []

    def progress(*what):
        calls.append(what)
        if len(calls) == call:
            raise kind

    progress.calls = calls
    return progress


def all_bytes(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_a_full_disk_is_one_line_and_loses_nothing_that_was_read(
    music, tmp_path, monkeypatch
):
    import tensorflow as tf
    from tensorflow_datasets.core import writer

    def fail(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(
            None, None, "x.tfrecord; No space left on device"
        )

    data_dir = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr(writer.Writer, "finalize", fail)
        with pytest.raises(UserError, match="No space left") as caught:
            preparation.prepare_folder(music, "mine", data_dir)
    assert "\n" not in str(caught.value)
    assert os.listdir(data_dir) == [".preparing_mine"]
    assert sources.prepared_names(data_dir) == []
    progress = stop_at(None)
    preparation.prepare_folder(music, "mine", data_dir, progress=progress)
    assert not [call for call in progress.calls if "reading" in call[0]]
    assert os.listdir(data_dir) == ["note_sequence_folder"]


@pytest.mark.parametrize("first", [1, 7])
def test_stopped_again_and_again_it_yields_the_same_bytes(
    music, tmp_path, first
):
    whole = preparation.prepare_folder(music, "mine", tmp_path / "whole")
    data_dir = tmp_path / "stopped"
    firsts_read = []
    for call in (first, 2, 9):  # While reading, twice; while writing.
        progress = stop_at(call)
        with pytest.raises(KeyboardInterrupt, match="goes on where it stopped"):
            preparation.prepare_folder(
                music, "mine", data_dir, num_workers=1, progress=progress
            )
        firsts_read += [c[1] for c in progress.calls if "reading" in c[0]][:1]
        assert sources.prepared_names(data_dir) == []
    assert firsts_read == [1, first + 1, first + 3][: len(firsts_read)]
    done = preparation.prepare_folder(music, "mine", data_dir, num_workers=3)
    assert all_bytes(done.directory) == all_bytes(whole.directory)
    assert os.listdir(data_dir) == ["note_sequence_folder"]


_KILLED = """
import os, signal, sys
from magenta_lite.data import preparation

def progress(description, done, total):
    if description.startswith(sys.argv[3]) and done == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    preparation.prepare_folder(
        sys.argv[1], "mine", sys.argv[2], num_workers=2, progress=progress
    )
"""


@pytest.mark.slow
def test_killed_for_good_it_yields_the_same_bytes(music, tmp_path):
    """By SIGKILL, which lets nobody tidy up: while it reads and writes."""
    whole = preparation.prepare_folder(music, "mine", tmp_path / "whole")
    script = tmp_path / "script.py"
    script.write_text(_KILLED)
    data_dir = tmp_path / "killed"
    for stage, count in [("reading", 4), ("writing train", 3)]:
        done = subprocess.run(
            [sys.executable, script, music, data_dir, stage, str(count)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
            capture_output=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert sources.prepared_names(data_dir) == []
    # To the end, in another process than the one that was not disturbed.
    subprocess.run(
        [sys.executable, script, music, data_dir, "nothing", "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    again = preparation.prepare_folder(music, "mine", data_dir)
    assert not again.is_new
    assert all_bytes(again.directory) == all_bytes(whole.directory)
    assert os.listdir(data_dir) == ["note_sequence_folder"]


def test_what_was_read_of_other_files_is_not_used(music, tmp_path):
    folder = write_midi_folder(tmp_path / "music", 6)
    data_dir = tmp_path / "data"
    with pytest.raises(KeyboardInterrupt):
        preparation.prepare_folder(
            folder, "mine", data_dir, progress=stop_at(6)
        )
    (folder / "tune_000.mid").write_bytes(midi_bytes(melody(99)))
    done = preparation.prepare_folder(folder, "mine", data_dir)
    whole = preparation.prepare_folder(folder, "mine", tmp_path / "whole")
    assert all_bytes(done.directory) == all_bytes(whole.directory)


def test_two_at_once_do_not_disturb_each_other(music, tmp_path):
    refused = []

    def second(*what):
        if not refused:
            with pytest.raises(UserError, match="another process") as caught:
                preparation.prepare_folder(music, "mine", tmp_path)
            refused.append(str(caught.value))

    done = preparation.prepare_folder(music, "mine", tmp_path, progress=second)
    assert len(refused) == 1 and "\n" not in refused[0]
    assert sum(map(len, ids(done, tmp_path).values())) == 10


def test_large_splits_are_shuffled_on_disk_with_the_same_result(
    music, tmp_path, monkeypatch
):
    usual = preparation.prepare_folder(music, "mine", tmp_path / "usual")
    monkeypatch.setattr(preparation, "_MAX_SHUFFLE_BYTES", 100)
    on_disk = preparation.prepare_folder(music, "mine", tmp_path / "on_disk")
    assert all_bytes(usual.directory) == all_bytes(on_disk.directory)
