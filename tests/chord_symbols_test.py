"""Chord symbols mean what note_seq says they do."""

import itertools

import pytest
from note_seq import chord_symbols_lib as reference

from magenta_lite import chord_fields, chord_symbols
from magenta_lite.chord_symbols import ChordSymbolError

ROOTS = ("C", "F#", "Bb", "E", "B##", "Cbb")
KINDS = [
    name
    for names, _ in chord_symbols._KINDS.values()
    for name in names.split(" ")
]
CHANGES = ("", "(b9)", "(#9)(b13)", "b5", "add9", "(no3)", "(add#11)", "(#5)")
BASSES = ("", "/C", "/Gb")


def symbols():
    """Every kind, with changes and basses that take turns."""
    for i, (kind, change) in enumerate(itertools.product(KINDS, CHANGES)):
        yield ROOTS[i % 6] + kind + change + BASSES[i % 3]


def test_every_kind_equals_note_seq():
    num_chords = 0
    for figure in symbols():
        try:
            root = reference.chord_symbol_root(figure)
            pitches = set(reference.chord_symbol_pitches(figure))
        except reference.ChordSymbolError:
            with pytest.raises(ChordSymbolError):
                chord_symbols.parse(figure)
            continue
        num_chords += 1
        chord = chord_symbols.parse(figure)
        assert chord.root == root, figure
        assert chord.bass == reference.chord_symbol_bass(figure)
        assert chord.pitch_classes == pitches, figure
        quality = reference.chord_symbol_quality(figure)
        expected = None if quality == 4 else quality
        assert chord.quality == expected, figure
    assert num_chords > 300


def test_no_chord_and_no_chord_symbol():
    assert chord_symbols.parse("N.C.") is None
    for figure in ("", "H", "c", "C#b", "Cmajj7", "C/", "C7/H", "C" * 999):
        with pytest.raises(ChordSymbolError) as error:
            chord_symbols.parse(figure)
        assert "\n" not in str(error.value) and len(str(error.value)) < 250


def test_triads_are_numbered_as_note_seq_does():
    from note_seq import chords_encoder_decoder

    encoding = chords_encoder_decoder.TriadChordOneHotEncoding()
    assert chord_symbols.NUM_TRIADS == encoding.num_classes
    for triad in range(chord_symbols.NUM_TRIADS):
        name = chord_symbols.triad_name(triad)
        assert name == encoding.decode_event(triad)
        chord = chord_symbols.parse(name)
        assert (chord.triad if chord else 0) == triad


@pytest.mark.parametrize(
    ("figure", "fields"),
    [
        ("N.C.", (0, 0, 0, 0, 0)),
        ("C", (1, 1, 1, 0b010001, 0b000010)),
        ("Am7/G", (10, 8, 2, 0b001001, 0b010010)),
        ("Bdim", (12, 12, 4, 0b001001, 0b000001)),
        ("Faug", (6, 6, 3, 0b010001, 0b000100)),
        ("Dsus4", (3, 3, 0, 0b100001, 0b000010)),
    ],
)
def test_fields(figure, fields):
    assert chord_fields.from_figure(figure) == fields
    assert chord_fields.to_figure(fields) == figure
    assert chord_fields.has_triad(fields) == (figure != "Dsus4")


def test_symbols_come_back_from_their_fields():
    for figure in symbols():
        try:
            fields = chord_fields.from_figure(figure)
        except ChordSymbolError:
            continue
        again = chord_fields.from_figure(chord_fields.to_figure(fields))
        root, bass, _, lower, upper = fields
        if (lower, upper) == again[3:]:
            assert again[:2] == (root, bass)
        else:  # tones that no symbol has, e.g. without a root
            assert "no" in figure or "b" in figure or "#" in figure


def test_transposition_equals_note_seq():
    shifts = (-12, -5, 0, 1, 11)
    table = chord_fields.transposition_table(shifts)
    for row, shift in zip(table, shifts, strict=True):
        for figure in ("N.C.", "C", "F#m7b5", "Bb13/Ab", "Gsus7"):
            moved = figure
            if figure != "N.C.":
                moved = reference.transpose_chord_symbol(figure, shift % 12)
            fields = chord_fields.from_figure(figure)
            found = tuple(row[range(5), fields].tolist())
            assert found == chord_fields.from_figure(moved)
