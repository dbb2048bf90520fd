import pytest

from magenta_lite.notes.musicxml_score import parse_score


def note(pitch, duration, extra=""):
    """A note such as "C4", "Bb3", "F#5"; "R" is a rest."""
    if pitch == "R":
        return f"<note><rest/><duration>{duration}</duration></note>"
    alter = pitch.count("#") - pitch[1:].count("b")
    return (
        f"<note>{extra}<pitch><step>{pitch[0]}</step><alter>{alter}</alter>"
        f"<octave>{pitch[-1]}</octave></pitch>"
        f"<duration>{duration}</duration></note>"
    )


def attributes(divisions=2, fifths=0, mode="major", meter=(4, 4), more=""):
    return (
        f"<attributes><divisions>{divisions}</divisions>"
        f"<key><fifths>{fifths}</fifths><mode>{mode}</mode></key>"
        f"<time><beats>{meter[0]}</beats><beat-type>{meter[1]}</beat-type>"
        f"</time>{more}</attributes>"
    )


def score(*parts, head=""):
    """A score of parts, each a list of the contents of measures."""
    names = "".join(
        f'<score-part id="P{number}"><part-name>Part {number}</part-name>'
        f'<midi-instrument id="I{number}"><midi-channel>1</midi-channel>'
        f"<midi-program>{number + 1}</midi-program></midi-instrument>"
        "</score-part>"
        for number in range(len(parts))
    )
    bodies = "".join(
        f'<part id="P{number}">'
        + "".join(f"<measure>{measure}</measure>" for measure in measures)
        + "</part>"
        for number, measures in enumerate(parts)
    )
    text = (
        f"<score-partwise>{head}<part-list>{names}</part-list>{bodies}"
        "</score-partwise>"
    )
    return parse_score(text.encode())


def rows(sequence):
    """(pitch, start, end) of each note, in seconds: a quarter is 0.5."""
    return [(one.pitch, one.start_time, one.end_time) for one in sequence.notes]


def meters(sequence):
    return [
        (one.time, one.numerator, one.denominator)
        for one in sequence.time_signatures
    ]


START, STOP = '<tie type="start"/>', '<tie type="stop"/>'


def test_tied_notes_are_one_note_across_bars():
    sequence = score(
        [
            attributes() + note("C4", 6) + note("G4", 2, START),
            note("G4", 8, STOP + START),
            note("G4", 2, STOP) + note("G4", 6),
        ]
    )
    assert rows(sequence) == [(60, 0, 1.5), (67, 1.5, 4.5), (67, 4.5, 6)]
    assert [(n.numerator, n.denominator) for n in sequence.notes] == [
        (3, 4),
        (3, 2),
        (3, 4),
    ]


def test_an_end_of_a_tie_without_its_start_is_a_note():
    sequence = score([attributes() + note("C4", 4) + note("D4", 4, STOP)])
    assert rows(sequence) == [(60, 0, 1), (62, 1, 2)]


def test_voices_and_chords_share_their_time():
    sequence = score(
        [
            attributes()
            + note("E4", 8)
            + "<backup><duration>8</duration></backup>"
            + note("C4", 2)
            + note("G4", 2, "<chord/>")
            + "<forward><duration>4</duration></forward>"
            + note("B3", 2)
        ]
    )
    assert rows(sequence) == [
        (64, 0, 2),
        (60, 0, 0.5),
        (67, 0, 0.5),
        (59, 1.5, 2),
    ]


def test_grace_and_cue_notes_do_not_sound():
    sequence = score(
        [
            attributes()
            + note("C5", 0, "<grace/>")
            + note("C4", 4)
            + note("D5", 4, "<cue/>")
        ]
    )
    assert rows(sequence) == [(60, 0, 1)]
    assert sequence.total_time == 2


def test_parts_are_instruments_whatever_their_channel():
    sequence = score(
        [attributes(1) + note("C5", 4)],
        [attributes(3) + note("C4", 12), note("D4", 12)],
    )
    assert [(n.instrument, n.part, n.program) for n in sequence.notes] == [
        (0, 0, 0),
        (1, 1, 1),
        (1, 1, 1),
    ]
    assert [info.name for info in sequence.instrument_infos] == [
        "Part 0",
        "Part 1",
    ]
    assert rows(sequence)[1:] == [(60, 0, 2), (62, 2, 4)]


@pytest.mark.parametrize(
    ("fifths", "mode", "tonic"),
    [(0, "minor", 9), (-2, "minor", 7), (3, "major", 9), (-1, "major", 5)],
)
def test_keys_have_their_own_tonic(fifths, mode, tonic):
    sequence = score([attributes(fifths=fifths, mode=mode) + note("C4", 8)])
    (key,) = sequence.key_signatures
    assert (key.key, key.mode) == (tonic, key.MINOR if mode == "minor" else 0)


def test_transposing_instruments_sound_elsewhere():
    harmony = (
        "<harmony><root><root-step>D</root-step></root><kind>minor</kind>"
        "<bass><bass-step>F</bass-step></bass></harmony>"
    )
    transpose = (
        "<transpose><chromatic>-2</chromatic><octave-change>-1</octave-change>"
        "</transpose>"
    )
    sequence = score(
        [attributes(fifths=2, more=transpose) + harmony + note("D5", 8)]
    )
    assert [n.pitch for n in sequence.notes] == [60]
    assert [one.text for one in sequence.text_annotations] == ["Cm/Eb"]
    assert sequence.key_signatures[0].key == 0


def test_flats_below_c_stay_in_their_octave():
    sequence = score([attributes() + note("Cb5", 4) + note("B#4", 4)])
    assert [n.pitch for n in sequence.notes] == [71, 72]


def test_the_first_whole_bar_after_an_upbeat_has_a_meter_of_its_own():
    sequence = score([attributes() + note("G4", 2), note("C5", 8)])
    assert meters(sequence) == [(0, 4, 4), (0.5, 4, 4)]


def test_a_bar_cut_by_a_repeat_shifts_nothing():
    sequence = score(
        [
            attributes() + note("C4", 8),
            note("C4", 6),
            note("G4", 2),
            note("C5", 8),
        ]
    )
    assert meters(sequence) == [(0, 4, 4)]


def test_a_change_of_tempo_and_meter():
    sequence = score(
        [
            attributes() + note("C4", 8),
            '<direction><sound tempo="60"/></direction>'
            + attributes(meter=("2+3", 8))
            + note("D4", 4)
            + '<sound tempo="120" dynamics="90"/>'
            + note("E4", 1),
        ]
    )
    assert rows(sequence) == [(60, 0, 2), (62, 2, 4), (64, 4, 4.25)]
    assert [(tempo.time, tempo.qpm) for tempo in sequence.tempos] == [
        (0, 120),
        (2, 60),
        (4, 120),
    ]
    assert meters(sequence) == [(0, 4, 4), (2, 5, 8)]
    assert [n.velocity for n in sequence.notes] == [64, 64, 90]


def test_chord_symbols_stand_where_they_are_offset_to():
    def harmony(root, offset):
        return (
            f"<harmony><root><root-step>{root}</root-step></root>"
            f"<kind>major</kind><offset>{offset}</offset></harmony>"
        )

    sequence = score(
        [attributes() + harmony("C", 0) + harmony("G", 4) + note("C4", 8)]
    )
    assert [(one.time, one.text) for one in sequence.text_annotations] == [
        (0, "C"),
        (1, "G"),
    ]


def test_title_and_composer_are_kept():
    sequence = score(
        [attributes() + note("C4", 8)],
        head="<work><work-title> A\n Song</work-title></work>"
        '<identification><creator type="composer">Nobody</creator>'
        '<creator type="lyricist">X</creator></identification>',
    )
    assert sequence.sequence_metadata.title == "A Song"
    assert list(sequence.sequence_metadata.composers) == ["Nobody"]


@pytest.mark.parametrize(
    ("measure", "says"),
    [
        (attributes(divisions=0) + note("C4", 8), "0 divisions"),
        (attributes(meter=(0, 4)), "meter 0/4"),
        (attributes() + note("C9", 8) + note("C10", 8), "pitch"),
        ("<note><pitch/></note>", "without a duration"),
        (attributes() + '<sound tempo="-1"/>', "tempo"),
    ],
)
def test_nonsense_is_a_value_error(measure, says):
    with pytest.raises(ValueError, match=says):
        score([measure.replace("<octave>0<", "<octave>10<")])


def test_an_empty_score_is_an_empty_sequence():
    sequence = score([""])
    assert not sequence.notes
    assert sequence.total_time == 0
