import pytest
from shared_data import shared_dir

from magenta_lite.datasets.nottingham import tunes
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.paths import datasets_dir

DUMMY = datasets_dir() / "nottingham" / "dummy_data" / "nottingham-dataset"


def read_all(folder, with_chords):
    return [
        result
        for tune in tunes.find_tunes(folder, with_chords)
        for result in tunes.read_tune(tune)
    ]


def test_tunes_have_titles_books_and_named_chords():
    pieces = {piece.id: piece for piece in read_all(DUMMY, with_chords=True)}
    assert list(pieces) == ["jigs1", "jigs2", "jigs3", "waltzes1", "xmas1"]
    jig = pieces["jigs1"]
    assert jig.metadata == {"title": "Made in Four", "book": "jigs"}
    sequence = NoteSequence.FromString(jig.sequence)
    assert sequence.sequence_metadata.title == "Made in Four"
    assert [
        (annotation.time, annotation.text)
        for annotation in sequence.text_annotations
    ] == [(0.0, "G"), (3.0, "Em"), (4.5, "D7"), (6.0, "G")]
    assert {
        info.instrument: info.name for info in sequence.instrument_infos
    } == {0: "melody", 1: "chords"}


def test_melodies_alone_have_no_chords():
    for piece in read_all(DUMMY, with_chords=False):
        sequence = NoteSequence.FromString(piece.sequence)
        assert {note.instrument for note in sequence.notes} == {0}
        assert not sequence.text_annotations
        assert len(sequence.instrument_infos) == 1


def named(*chords):
    """The chord symbols of chords, one a second, and their times."""
    sequence = NoteSequence()
    for time, pitches in enumerate(chords):
        for pitch in pitches:
            sequence.notes.add(
                start_time=time, end_time=time + 1, pitch=pitch, instrument=1
            )
    tunes.name_chords(sequence)
    return {one.time: one.text for one in sequence.text_annotations}


@pytest.mark.parametrize(
    ("pitches", "name"),
    [
        ([45, 49, 52], "A"),
        ([52, 49, 45], "A"),
        ([50, 53, 57, 60], "Dm7"),
        ([54, 57, 60], "F#dim"),
        ([46, 50, 54], "Bbaug"),
        ([48, 52, 55, 57], "C6"),
        ([48, 52, 56, 58], "Caug7"),
        ([48, 52, 55, 58, 61], "C7(addb9)"),
    ],
)
def test_chords_have_the_names_of_chord_symbols(pitches, name):
    """All of these kinds are in the collection; note_seq reads them so."""
    from note_seq import chord_symbols_lib

    assert named(pitches) == {0: name}
    meant = chord_symbols_lib.chord_symbol_pitches(name)
    assert set(meant) == {pitch % 12 for pitch in pitches}


def test_less_than_a_chord_has_no_name_and_ends_no_other():
    chord = [60, 64, 67]
    assert named(chord, [60, 72], chord, [60], [62, 65, 69]) == {
        0: "C",
        4: "Dm",
    }


def test_an_empty_folder_is_one_line(tmp_path):
    (tmp_path / "MIDI" / "melody").mkdir(parents=True)
    with pytest.raises(tunes.NoTunesError, match="holds no .mid"):
        tunes.find_tunes(tmp_path, with_chords=True)


def test_broken_and_silent_files_are_rejected(tmp_path):
    path = tmp_path / "MIDI" / "bad1.mid"
    path.parent.mkdir()
    path.write_bytes(b"no MIDI")
    (result,) = read_all(tmp_path, with_chords=True)
    assert (result.id, result.reason) == ("bad1", "not_midi")


def test_real_tunes_are_all_read_and_titled():
    folder = shared_dir("data", "nottingham")
    found = tunes.find_tunes(folder, with_chords=True)
    assert len(found) == 1034
    assert all(tune.title for tune in found)
    pieces = [tunes.read_tune(tune)[0] for tune in found[::10]]
    with_names = 0
    for piece in pieces:
        sequence = NoteSequence.FromString(piece.sequence)
        chords = any(note.instrument == 1 for note in sequence.notes)
        assert chords == bool(sequence.text_annotations)
        with_names += chords
    assert with_names >= 100
