from xml.etree import ElementTree

import pytest
from note_seq import chord_symbols_lib, musicxml_parser

from magenta_lite.notes import chord_figures


def harmony(root="C", kind="major", more=""):
    return ElementTree.fromstring(
        f"<harmony><root><root-step>{root}</root-step></root>"
        f"<kind>{kind}</kind>{more}</harmony>"
    )


def degree(value, kind, alter=0):
    return (
        f"<degree><degree-value>{value}</degree-value>"
        f"<degree-alter>{alter}</degree-alter>"
        f"<degree-type>{kind}</degree-type></degree>"
    )


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (degree(9, "add"), "C(add9)"),
        (degree(5, "alter", 1) + degree(9, "add", -1), "C(#5)(b9)"),
        (degree(3, "subtract"), "C(no3)"),
        ("<bass><bass-step>E</bass-step></bass>", "C/E"),
    ],
)
def test_degrees_and_bass(more, text):
    assert chord_figures.chord_figure(harmony(more=more)) == text


@pytest.mark.parametrize("kind", sorted(chord_figures._KINDS))
def test_every_kind_is_written_as_note_seq_writes_it(kind):
    state = musicxml_parser.MusicXMLParserState()
    theirs = musicxml_parser.ChordSymbol(harmony(kind=kind), state)
    assert (
        chord_figures.chord_figure(harmony(kind=kind))
        == theirs.get_figure_string()
    )


def test_a_transposed_chord_means_transposed_notes():
    for kind in ("major", "minor-seventh", "half-diminished", "dominant"):
        plain = chord_figures.chord_figure(harmony("G", kind))
        for semitones in range(-11, 12):
            moved = chord_figures.chord_figure(harmony("G", kind), semitones)
            assert {
                (pitch + semitones) % 12
                for pitch in chord_symbols_lib.chord_symbol_pitches(plain)
            } == set(chord_symbols_lib.chord_symbol_pitches(moved))


@pytest.mark.parametrize(
    ("element", "says"),
    [
        (harmony(kind="strange"), "unknown kind"),
        (harmony(root="H"), "on 'H'"),
        (
            ElementTree.fromstring("<harmony><kind>major</kind></harmony>"),
            "root",
        ),
        (harmony(more=degree(5, "alter")), "degree 5"),
        (harmony(more=degree(5, "add", 7)), "7 semitones"),
        (harmony(more="<degree/>"), "lacks a degree"),
    ],
)
def test_what_is_not_defined_is_a_value_error(element, says):
    with pytest.raises(ValueError, match=says):
        chord_figures.chord_figure(element)
