import os
import pickle

import pytest

from magenta_lite.errors import UserError
from magenta_lite.notes import files, midi
from magenta_lite.notes.proto import NoteSequence

ABC = "X:1\nK:C\nCDEF|\n\nX:2\nK:D\nDEFG|\n"


def write_note(path, pitch=60):
    sequence = NoteSequence()
    sequence.notes.add(pitch=pitch, velocity=80, end_time=1)
    midi.write_midi(sequence, path)


@pytest.mark.parametrize("name", ["a.mid", "a.midi", "A.MID"])
def test_midi(name, tmp_path):
    write_note(tmp_path / name)
    [sequence] = files.read_file(tmp_path / name)
    assert sequence.notes[0].pitch == 60
    assert sequence.filename == name


def test_abc_gives_many(tmp_path):
    (tmp_path / "book.abc").write_text(ABC)
    sequences = files.read_file(str(tmp_path / "book.abc"))
    assert [one.notes[0].pitch for one in sequences] == [60, 62]


def test_broken_tunes_of_a_file_are_left_out(tmp_path):
    (tmp_path / "book.abc").write_text(ABC + "\nX:3\nT:broken\n")
    assert len(files.read_file(tmp_path / "book.abc")) == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.mid", "not_midi"),
        ("a.abc", "broken_abc"),
        ("a.xml", "broken_musicxml"),
        ("a.mxl", "broken_musicxml"),
        ("a.wav", "unknown_type"),
    ],
)
def test_wrong_content_is_one_line(name, reason, tmp_path):
    path = tmp_path / name
    path.write_text("this is\nno music\n")
    with pytest.raises(files.NotesError) as caught:
        files.read_file(path)
    assert caught.value.reason == reason
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".mid", ".abc", ".mxl"])
def test_missing_files_and_folders_as_files(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(files.NotesError, match="no such file") as caught:
        files.read_file(path)
    assert caught.value.reason == "missing"
    path.mkdir()
    with pytest.raises(files.NotesError, match="cannot be read") as caught:
        files.read_file(path)
    assert caught.value.reason == "unreadable"


def test_errors_are_user_errors_and_travel_between_processes():
    error = files.NotesError("missing", "two\nlines")
    assert isinstance(error, UserError)
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, str(again)) == ("missing", "two lines")


def test_find_files(tmp_path):
    names = ["b/x.mid", "a.ABC", "b/c/y.mxl", "z.musicxml", "b.txt", "mid"]
    hidden = [".hidden/x.mid", "b/._x.mid"]
    for name in names + hidden:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder.mid").mkdir()
    found = files.find_files(tmp_path)
    assert found == [
        str(tmp_path / name)
        for name in ("a.ABC", "b/c/y.mxl", "b/x.mid", "z.musicxml")
    ]


def test_find_files_survives_loops_and_dangling_links(tmp_path):
    music = tmp_path / "music"
    music.mkdir()
    (music / "a.mid").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.mid").touch()
    os.symlink(music, music / "loop")
    os.symlink(elsewhere, music / "more")
    os.symlink(elsewhere, music / "more_again")
    os.symlink(tmp_path / "nowhere.mid", music / "dangling.mid")
    found = files.find_files(music)
    assert found == [str(music / "a.mid"), str(music / "more/b.mid")]


def test_find_files_tells_what_is_no_file(tmp_path):
    (tmp_path / "folder.mid").mkdir()
    (tmp_path / "folder.mid" / "a.mid").touch()
    (tmp_path / "gone.mid").symlink_to(tmp_path / "nowhere")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.abc")
    problems = {}
    found = files.find_files(tmp_path, on_problem=problems.__setitem__)
    assert found == [str(tmp_path / "folder.mid" / "a.mid")]
    assert problems == {
        str(tmp_path / "folder.mid"): "is a folder, not a file",
        str(tmp_path / "gone.mid"): "is a link to nothing",
        str(tmp_path / "pipe.abc"): "is not a regular file",
    }


def test_find_files_in_nothing(tmp_path):
    assert files.find_files(tmp_path) == []
    with pytest.raises(files.NotesError, match="does not exist"):
        files.find_files(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(files.NotesError, match="is not a folder"):
        files.find_files(tmp_path / "file")
