import os

import pytest
import tensorflow_datasets as tfds
from corpora import DUMMY_TUNES, melody, midi_bytes, write_midi_folder

from magenta_lite.data import piece_reading
from magenta_lite.datasets.note_sequence_folder import files
from magenta_lite.datasets.note_sequence_folder import (
    note_sequence_folder_dataset_builder as folder_builder,
)
from magenta_lite.notes.proto import NoteSequence


def test_builds_a_dataset_of_any_folder(tmp_path):
    folder = write_midi_folder(tmp_path / "music", 12)
    builder = folder_builder.Builder.for_folder(
        folder, "mine", data_dir=tmp_path / "data"
    )
    builder.num_workers = 2
    builder.download_and_prepare()
    examples = [
        example
        for split in builder.info.splits
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    ]
    assert {example["id"].decode() for example in examples} == {
        f"tune_{number:03d}.mid" for number in range(12)
    }
    first = next(e for e in examples if e["id"] == b"tune_003.mid")
    sequence = NoteSequence.FromString(first["sequence"])
    assert [note.pitch for note in sequence.notes] == melody(3)
    assert sequence.filename == "tune_003.mid"
    assert first["metadata"]["path"] == b"tune_003.mid"
    assert set(builder.info.splits) == {"train", "validation", "test"}


def test_finds_music_at_any_depth_by_suffix(tmp_path):
    for name in ("b.MID", "a/x.midi", "a/b/y.abc", "z.mxl", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = files.find_music_files(tmp_path)
    assert [file.id for file in found] == [
        "a/b/y.abc",
        "a/x.midi",
        "b.MID",
        "z.mxl",
    ]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gone", "does not exist"),
        ("file", "not a folder"),
        ("empty", "no .mid"),
    ],
)
def test_a_folder_without_music_is_one_line(tmp_path, name, says):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(files.FolderError, match=says) as caught:
        files.find_music_files(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_file_name_that_is_not_utf8_still_gets_an_id(tmp_path):
    try:
        path = os.fsencode(tmp_path) + b"/caf\xe9.mid"
        with open(path, "wb") as file:
            file.write(midi_bytes(melody(1)))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (found,) = files.find_music_files(tmp_path)
    (piece,) = files.read_music_file(found)
    assert piece.id == "caf\\xe9.mid"


def test_fingerprint_changes_with_any_file(tmp_path):
    folder = write_midi_folder(tmp_path, 3)
    found = files.find_music_files(folder)
    before = files.fingerprint(found)
    assert files.fingerprint(files.find_music_files(folder)) == before
    os.utime(found[1].path, ns=(1, 1))
    assert files.fingerprint(found) != before
    assert files.fingerprint(found[:2]) != files.fingerprint(found)


def test_a_bad_file_is_rejected_with_its_reason(tmp_path):
    (tmp_path / "junk.mid").write_bytes(b"this is not MIDI at all")
    (tmp_path / "silent.mid").write_bytes(midi_bytes([]))
    rejects = [
        reject
        for file in files.find_music_files(tmp_path)
        for reject in files.read_music_file(file)
    ]
    assert [(r.id, r.reason) for r in rejects] == [
        ("junk.mid", "not_midi"),
        ("silent.mid", "no_notes"),
    ]


def test_a_tunebook_is_read_tune_by_tune(tmp_path):
    good = (DUMMY_TUNES / "airdsAirs" / "book1.abc").read_text()
    (tmp_path / "book.abc").write_text(good + "\nX:3\nT:Nothing\nK:C\n")
    parts = files.split_tunebooks(files.find_music_files(tmp_path))
    assert [part.first_tune for part in parts] == [0]
    first, second, third = files.read_music_file(parts[0])
    assert (first.id, second.id, third.id) == (
        "book.abc/1",
        "book.abc/2",
        "book.abc/3",
    )
    assert first.metadata == {"path": "book.abc", "title": "Two by Two"}
    assert third.reason in ("no_notes", "broken_abc")


def test_a_long_tunebook_is_cut_into_parts(tmp_path):
    tune = "X:1\nK:C\nCDEF|\n\n"
    (tmp_path / "book.abc").write_text(tune * 70)
    (tmp_path / "none.abc").write_text("no tunes here")
    parts = files.split_tunebooks(files.find_music_files(tmp_path))
    assert [(part.id, part.first_tune) for part in parts] == [
        ("book.abc", 0),
        ("book.abc", 32),
        ("book.abc", 64),
        ("none.abc", None),
    ]
    last = files.read_music_file(parts[2])
    assert [piece.id for piece in last] == [
        f"book.abc/{n}" for n in range(65, 71)
    ]
    (reject,) = files.read_music_file(parts[3])
    assert reject.reason == "broken_abc"


def test_the_same_melody_under_two_names_has_one_group(tmp_path):
    (tmp_path / "a.mid").write_bytes(midi_bytes(melody(5)))
    moved = [pitch + 3 for pitch in melody(5)]
    (tmp_path / "b.mid").write_bytes(midi_bytes(moved, ticks=60))
    (tmp_path / "c.mid").write_bytes(midi_bytes(melody(6)))
    one, same, other = (
        piece_reading.describe(files.read_music_file(file)[0])
        for file in files.find_music_files(tmp_path)
    )
    assert one.group == same.group != other.group
