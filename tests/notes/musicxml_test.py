import collections
import random
import zipfile

import pytest
from note_seq import musicxml_reader
from shared_data import shared_dir

from magenta_lite.notes import musicxml
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.files import read_file

SCORE = """<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="3.1">
  <part-list><score-part id="P1"><part-name>Voice</part-name></score-part>
  </part-list>
  <part id="P1"><measure number="1">
    <attributes><divisions>1</divisions><key><fifths>0</fifths></key>
      <time><beats>4</beats><beat-type>4</beat-type></time></attributes>
    <harmony><root><root-step>C</root-step></root><kind>major</kind></harmony>
    <note><pitch><step>C</step><octave>4</octave></pitch>
      <duration>1</duration></note>
    <note><pitch><step>G</step><octave>4</octave></pitch>
      <duration>3</duration></note>
  </measure></part>
</score-partwise>
"""
CONTAINER = (
    '<container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'
)


def write_mxl(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return path


def pitches(sequence):
    return [note.pitch for note in sequence.notes]


@pytest.mark.parametrize("name", ["a.xml", "a.musicxml", "a.mxl"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_plain_score(name, encoding, tmp_path):
    path = tmp_path / name
    text = SCORE.replace("UTF-8", encoding.upper())
    path.write_bytes(text.encode(encoding))
    [sequence] = read_file(path)
    assert pitches(sequence) == [60, 67]
    assert [note.start_time for note in sequence.notes] == [0, 0.5]
    assert [one.text for one in sequence.text_annotations] == ["C"]
    assert sequence.filename == name


@pytest.mark.parametrize(
    "container",
    [
        CONTAINER.format("score.xml"),
        CONTAINER.format("other.xml"),
        "<container>",
        "<container/>",
        None,
    ],
)
def test_packed_score_whatever_the_container(container, tmp_path):
    members = {"score_xml": SCORE, "notes_txt": "hello"}
    if container is not None:
        members["META-INF__container_xml"] = container
    path = write_mxl(tmp_path / "a.mxl", **members)
    assert pitches(musicxml.read_musicxml(path)) == [60, 67]


def test_the_container_chooses_between_scores(tmp_path):
    path = write_mxl(
        tmp_path / "a.mxl",
        a_xml=SCORE,
        b_xml=SCORE.replace("<octave>4", "<octave>5"),
        **{"META-INF__container_xml": CONTAINER.format("b.xml")},
    )
    assert pitches(musicxml.read_musicxml(path)) == [72, 79]


def test_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(musicxml, "MAX_SCORE_BYTES", 1000)
    path = write_mxl(tmp_path / "a.mxl", a_xml=SCORE + " " * 100_000)
    with pytest.raises(NotesError, match="unpacks to") as caught:
        musicxml.read_musicxml(path)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("<html/>", "no score-partwise"),
        ("<score-timewise/>", "score-timewise"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + SCORE, "entities"),
        (SCORE[:-40], "not sound MusicXML"),
        (SCORE.replace("<step>G", "<step>?"), "not sound MusicXML"),
    ],
)
def test_unsound_scores_are_one_line(text, match, tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(NotesError, match=match) as caught:
        musicxml.read_musicxml(path)
    assert caught.value.reason == "broken_musicxml"
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_score_of_many_years_is_refused(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(SCORE.replace("<duration>3", "<duration>999999999"))
    with pytest.raises(NotesError, match="hours") as caught:
        musicxml.read_musicxml(path)
    assert caught.value.reason == "too_long"


def test_damaged_archives_have_a_reason(tmp_path):
    path = write_mxl(tmp_path / "a.mxl", a_xml=SCORE * 30)
    whole = path.read_bytes()
    chance = random.Random(5)
    reasons = set()
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[chance.randrange(4, len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged[: chance.choice([len(whole), 200])])
        try:
            musicxml.read_musicxml(path)
        except NotesError as error:
            reasons.add(error.reason)
    assert "broken_mxl" in reasons
    write_mxl(path, a_txt="hello")
    with pytest.raises(NotesError, match="holds no score"):
        musicxml.read_musicxml(path)


def first_chords(sequence):
    """The first chord symbol at each time."""
    chords = {}
    for chord in sequence.text_annotations:
        chords.setdefault(round(chord.time, 6), chord.text)
    return sorted(chords.items())


def sounding_seconds(sequence):
    """How long each pitch class sounds: ties do not matter."""
    seconds = collections.Counter()
    for note in sequence.notes:
        seconds[note.pitch % 12] += note.end_time - note.start_time
    return dict(seconds)


def onsets(sequence):
    return {
        (note.pitch % 12, round(note.start_time, 6)) for note in sequence.notes
    }


def test_real_scores_equal_note_seq_but_for_ties():
    paths = sorted(shared_dir("data", "openewld").rglob("*.mxl"))
    num_equal = 0
    for path in random.Random(0).sample(paths, 25):
        ours = musicxml.read_musicxml(path)
        assert ours.notes
        try:
            theirs = musicxml_reader.musicxml_file_to_sequence_proto(str(path))
        except musicxml_reader.MusicXMLConversionError:
            continue  # A broken container: note_seq gives up.
        assert sounding_seconds(ours) == pytest.approx(sounding_seconds(theirs))
        assert onsets(ours) <= onsets(theirs)
        assert first_chords(ours) == first_chords(theirs)
        assert ours.total_time == pytest.approx(theirs.total_time)
        num_equal += 1
    assert num_equal >= 15
