import importlib.util
import pathlib
import subprocess
import sys

import pytest

from magenta_lite.notes import abc
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

Key = NoteSequence.KeySignature

SCALE = "X:1\nT:Scale\nR:reel\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n"


def only(text):
    tunes = list(abc.read_tunes(text))
    assert len(tunes) == 1
    return tunes[0]


def pitches(text):
    return [note.pitch for note in only(text).sequence.notes]


def starts(text):
    return [note.start_time for note in only(text).sequence.notes]


def test_a_scale_by_hand():
    tune = only(SCALE)
    assert tune[:5] == (1, "Scale", "C", "4/4", "reel")
    sequence = tune.sequence
    assert pitches(SCALE) == [60, 62, 64, 65, 67, 69, 71, 72]
    # A quarter note takes half a second; abc2midi's delay is taken back.
    assert starts(SCALE) == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert [note.end_time for note in sequence.notes][-1] == 4
    assert sequence.total_time == 4
    assert sequence.tempos[0].qpm == 120
    assert sequence.time_signatures[0].numerator == 4
    assert sequence.sequence_metadata.title == "Scale"
    assert list(sequence.sequence_metadata.genre) == ["reel"]
    assert sequence.reference_number == 1
    assert sequence.source_info.encoding_type == sequence.source_info.ABC


def test_meter_tempo_and_key_changes_fall_on_their_notes():
    text = "X:1\nM:6/8\nL:1/8\nQ:1/4=60\nK:G\nGAB cde|[M:2/4]fg[K:D]fg|\n"
    sequence = only(text).sequence
    assert [(one.time, one.numerator) for one in sequence.time_signatures] == [
        (0, 6),
        (3, 2),
    ]
    assert [(one.time, one.key) for one in sequence.key_signatures] == [
        (0, 7),
        (4, 2),
    ]
    assert sequence.tempos[0].qpm == 60
    assert len(sequence.tempos) == 1
    # F is sharp in both keys, C in the second only.
    assert pitches(text) == [67, 69, 71, 72, 74, 76, 78, 79, 78, 79]


def test_repeats_are_played():
    text = "X:1\nM:4/4\nL:1/4\nK:C\n|:CD|1 EF:|2 GA|]\n"
    assert pitches(text) == [60, 62, 64, 65, 60, 62, 67, 69]


@pytest.mark.parametrize(
    "notes",
    [
        '"Am"C"G7"D EF',
        "~CTDME.F",
        "{cd}CD{/e}EF",
        "!trill!CD+fermata+EF",
        "CDEF % with a CDE comment ~C",
    ],
)
def test_chords_and_ornaments_are_left_out(notes):
    tune = only(f"X:1\nM:4/4\nL:1/4\nK:C\n{notes}|\n")
    assert [note.pitch for note in tune.sequence.notes] == [60, 62, 64, 65]
    assert [note.start_time for note in tune.sequence.notes] == [0, 0.5, 1, 1.5]
    assert len({note.instrument for note in tune.sequence.notes}) == 1


def test_letters_in_text_are_no_ornaments():
    text = 'X:1\nM:4/4\nL:1/4\nK:C\n"Tasto"C"^~D"D[r:TEF]EF|\nT:A Title\nGA|\n'
    assert pitches(text) == [60, 62, 64, 65, 67, 69]


def test_voices_are_instruments():
    text = "X:1\nM:4/4\nL:1/4\nK:C\nV:1\ncdef|\nV:2\nCDEF|\n"
    notes = only(text).sequence.notes
    assert [note.pitch for note in notes if note.instrument == 0] == [
        *(72, 74, 76, 77)
    ]
    assert [note.pitch for note in notes if note.instrument == 1] == [
        *(60, 62, 64, 65)
    ]


def test_commands_to_programs_are_dropped():
    text = SCALE.replace("CDEF", "%%MIDI program 40\n%%MIDI transpose 5\nCDEF")
    assert pitches(text) == pitches(SCALE)
    assert only(text).sequence.notes[0].program == 0


@pytest.mark.parametrize(
    ("key", "tonic", "mode"),
    [
        ("C", 0, Key.MAJOR),
        ("Am", 9, Key.MINOR),
        ("F#min", 6, Key.MINOR),
        ("Bb", 10, Key.MAJOR),
        ("D mix", 2, Key.MIXOLYDIAN),
        ("A Dorian", 9, Key.DORIAN),
        ("Glyd", 7, Key.LYDIAN),
        ("E phr", 4, Key.PHRYGIAN),
        ("B loc", 11, Key.LOCRIAN),
        ("C ionian", 0, Key.MAJOR),
        ("E aeolian", 4, Key.MINOR),
        ("G treble", 7, Key.MAJOR),
        ("HP", 2, Key.MAJOR),
    ],
)
def test_keys(key, tonic, mode):
    assert abc.parse_key(key) == (tonic, mode)


@pytest.mark.parametrize("key", ["", "none", "perc", "?"])
def test_what_is_no_key(key):
    assert abc.parse_key(key) is None


def test_modes_come_from_the_text():
    signature = only(SCALE.replace("K:C", "K:Ddor")).sequence.key_signatures[0]
    assert (signature.key, signature.mode) == (2, Key.DORIAN)


def test_one_broken_tune_does_not_harm_the_others():
    text = SCALE + "\nX:2\nT:Broken\nno key here\n\n" + "X:3\nK:D\nDEFG|\n"
    tunes = list(abc.read_tunes(text))
    assert [tune.number for tune in tunes] == [1, 2, 3]
    broken = tunes[1].sequence
    assert isinstance(broken, NotesError)
    assert broken.reason == "broken_abc"
    assert "tune 2" in str(broken)
    assert "\n" not in str(broken)
    assert [note.pitch for note in tunes[2].sequence.notes] == [62, 64, 66, 67]


def test_no_notes():
    assert only("X:4\nK:C\nz4|\n").sequence.reason == "no_notes"


def test_very_long_tunes_are_refused():
    text = SCALE + "CDEF|\n" * 40_000
    assert only(text).sequence.reason == "too_large"


def test_a_tune_that_takes_too_long_is_given_up(monkeypatch):
    def hang(*args, timeout, **kwargs):
        raise subprocess.TimeoutExpired(args, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    assert only(SCALE).sequence.reason == "timeout"


def test_the_head_of_a_file_holds_for_its_tunes():
    text = "M:3/4\nL:1/8\n\nX:1\nK:C\nCDE|\n\nX:2\nL:1/4\nK:C\nCDE|\n"
    first, second = abc.read_tunes(text)
    assert first.meter == second.meter == "3/4"
    assert first.sequence.time_signatures[0].numerator == 3
    assert first.sequence.total_time == 0.75
    assert second.sequence.total_time == 1.5


def test_text_after_a_blank_line_is_no_music():
    assert pitches(SCALE + "\nA fine tune, GABc it is.\n") == pitches(SCALE)


def test_line_ends_and_byte_order_mark():
    assert pitches("\ufeff" + SCALE.replace("\n", "\r\n")) == pitches(SCALE)
    assert pitches(SCALE.replace("\n", "\r")) == pitches(SCALE)


def test_encodings(tmp_path):
    path = tmp_path / "tune.abc"
    for encoding in ("utf-8", "utf-8-sig", "latin-1"):
        path.write_bytes(SCALE.replace("Scale", "Gigue à 3").encode(encoding))
        [sequence] = abc.read_abc_file(path)
        assert sequence.sequence_metadata.title == "Gigue à 3"


def test_a_file_without_tunes(tmp_path):
    path = tmp_path / "tune.abc"
    path.write_text("Dear diary,\n")
    with pytest.raises(NotesError, match="is no ABC file") as caught:
        abc.read_abc_file(path)
    assert str(path) in str(caught.value)
    path.write_text("X:1\nT:no key\n")
    with pytest.raises(NotesError, match="tune 1") as caught:
        abc.read_abc_file(path)
    assert str(path) in str(caught.value)


def test_nothing_is_printed(capfd):
    assert only(SCALE.replace("CDEF", "CD)E(5F :|]")).sequence.notes
    assert capfd.readouterr() == ("", "")


def test_a_collection_of_music21_is_read_whole():
    package = importlib.util.find_spec("music21")
    if package is None:
        pytest.skip("needs music21")
    folder = pathlib.Path(package.origin).parent / "corpus"
    text = abc.decode((folder / "oneills1850" / "0001-0050.abc").read_bytes())
    tunes = list(abc.read_tunes(text))
    assert len(tunes) == 50
    for tune in tunes:
        assert not isinstance(tune.sequence, NotesError), tune
        assert {note.instrument for note in tune.sequence.notes} == {0}


def test_importing_it_does_not_import_music_libraries():
    code = (
        "import sys; import magenta_lite.notes.files; "
        "slow = {'symusic', 'music21', 'note_seq', 'tensorflow', 'matplotlib'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
