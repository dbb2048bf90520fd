import collections

import pytest
from shared_data import shared_dir

from magenta_lite.datasets.lead_sheets import sheets
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.paths import datasets_dir

DUMMY = datasets_dir() / "lead_sheets" / "dummy_data"
SONG = "dataset/Ann_Nobody-Bo_Noone/A_Made-Up_Song/A_Made-Up_Song.mxl"


def read_all(folder):
    return {
        result.id: result
        for sheet in sheets.find_sheets(folder)
        for result in sheets.read_sheet(sheet)
    }


def test_songs_have_chords_and_metadata_from_their_path():
    song = read_all(DUMMY)[SONG]
    assert song.metadata == {
        "title": "A Made-Up Song",
        "composer": "Ann Nobody, Bo Noone",
        "key": "C major",
        "meter": "4/4",
    }
    sequence = NoteSequence.FromString(song.sequence)
    assert [
        (annotation.time, annotation.text)
        for annotation in sequence.text_annotations
    ] == [(0, "C"), (2, "Am7"), (4, "Dm"), (6, "G7"), (8, "C")]
    assert sequence.sequence_metadata.title == "A Made-Up Song"
    assert sequence.filename == SONG


def test_a_broken_container_does_not_matter():
    song = read_all(DUMMY)["dataset/Cy_Nil/Five_Flats/Five_Flats.mxl"]
    assert song.metadata["key"] == "Db major"


def test_a_score_without_chords_is_rejected():
    result = read_all(DUMMY)["dataset/No_Chords.musicxml"]
    assert result.reason == "no_chord_symbols"


def test_names_of_other_folders_come_from_the_score(tmp_path):
    (tmp_path / "x.mxl").write_bytes((DUMMY / SONG).read_bytes())
    metadata = read_all(tmp_path)["x.mxl"].metadata
    assert metadata["title"] == "something else"
    assert metadata["composer"] == "A. Nobody"


def test_minor_keys_have_their_own_tonic():
    song = read_all(DUMMY)["dataset/Bo_Noone/Three_Steps/Three_Steps.mxl"]
    assert (song.metadata["key"], song.metadata["meter"]) == ("G minor", "3/4")


def test_broken_files_are_rejected(tmp_path):
    (tmp_path / "a.mxl").write_bytes(b"PK\3\4 no zip")
    (tmp_path / "b.xml").write_text("<html/>")
    assert {
        name: result.reason for name, result in read_all(tmp_path).items()
    } == {"a.mxl": "broken_mxl", "b.xml": "broken_musicxml"}


@pytest.mark.parametrize("name", ["", "gone", "file"])
def test_a_folder_without_sheets_is_one_line(tmp_path, name):
    (tmp_path / "file").write_text("x")
    with pytest.raises(sheets.NoSheetsError) as caught:
        sheets.find_sheets(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_all_songs_of_openewld_are_read():
    results = read_all(shared_dir("data", "openewld"))
    assert len(results) == 502
    rejects = [one for one in results.values() if hasattr(one, "reason")]
    assert not rejects
    keys = collections.Counter(r.metadata["key"] for r in results.values())
    assert keys.most_common(1)[0][0] == "C major"
    assert all(r.metadata["composer"] for r in results.values())
