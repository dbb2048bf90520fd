"""Lead sheets: what counts as one, and that nothing is lost."""

import numpy as np
import pytest
import tensorflow as tf
from lead_sheet_reference import reference_lead_sheets, sheet_events
from note_seq import chords_lib
from shared_data import shared_dir

from magenta_lite import chord_fields
from magenta_lite.codecs.base import DecodeContext
from magenta_lite.codecs.lead_sheet import LeadSheetCodec
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.data.augmentation import RandomTranspose
from magenta_lite.errors import UserError
from magenta_lite.notes import musicxml
from magenta_lite.notes.proto import NoteSequence

CODEC = LeadSheetCodec()
SHORT = LeadSheetCodec(min_bars=1, min_unique_pitches=1)
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def song(symbols=(), bars=8, accompanied=False):
    """Bars of 4/4 at 120: two seconds each, the scale up in eighths."""
    sequence = NoteSequence(total_time=2.0 * bars)
    sequence.tempos.add(qpm=120)
    for i in range(8 * bars):
        sequence.notes.add(
            pitch=SCALE[i % 8],
            velocity=90,
            start_time=i / 4,
            end_time=(i + 1) / 4,
        )
    if accompanied:
        for bar in range(bars):
            for pitch in ((48, 52, 55), (53, 57, 60))[bar % 2]:
                sequence.notes.add(
                    pitch=pitch,
                    velocity=60,
                    instrument=1,
                    start_time=2.0 * bar,
                    end_time=2.0 * bar + 2,
                )
    for time, text in symbols:
        sequence.text_annotations.add(time=time, text=text, annotation_type=1)
    return sequence


def figures_of(events):
    return [
        chord_fields.to_figure(tuple(row)) for row in events[:, 1:].tolist()
    ]


def test_an_event_is_a_melody_event_and_a_chord():
    symbols = [(0.5, "C"), (2.0, "G7/B"), (3.5, "N.C.")]
    (events,) = CODEC.encode(song(symbols))
    assert events.dtype == np.int32
    (melody,) = MelodyCodec().encode(song())
    np.testing.assert_array_equal(events[:, 0], melody)
    assert figures_of(events)[:32] == (
        ["N.C."] * 4 + ["C"] * 12 + ["G7/B"] * 12 + ["N.C."] * 4
    )
    assert CODEC.field_sizes == (38, 13, 13, 5, 64, 64)


@pytest.mark.parametrize(
    ("symbols", "reason"),
    [
        ([], "no_chords"),
        ([(0, "N.C.")], "no_chords"),
        ([(0, "C"), (4.0, "F"), (4.01, "G")], "coincident_chords"),
        ([(0, "C"), (4.0, "H7")], "bad_chord"),
        ([(0, "C"), (4.0, "Fsus4")], "no_triad"),
    ],
)
def test_chords_that_cannot_be_used(symbols, reason):
    extraction = CODEC.extract(song(symbols))
    assert not extraction.events
    assert extraction.rejects == {reason: 1}


def test_other_chords_than_triads_are_kept_if_asked_for():
    codec = LeadSheetCodec(triads_only=False)
    (events,) = codec.encode(song([(0, "Fsus4"), (4.0, "C5")]))
    assert set(figures_of(events)) == {"Fsus4", "C5"}


def test_a_bad_chord_elsewhere_does_not_matter():
    sequence = song([(0, "C"), (18.0, "H")])
    sequence.total_time = 20
    assert len(CODEC.encode(sequence)) == 1


def test_chords_are_inferred_from_an_accompaniment_alone():
    (events,) = CODEC.encode(song(accompanied=True))
    assert figures_of(events)[:64:16] == ["C", "F", "C", "F"]
    silent = LeadSheetCodec(infer_chords=False).extract(song(accompanied=True))
    assert silent.rejects["no_chords"] == 1
    # What is written counts, whatever is played.
    (events,) = CODEC.encode(song([(0, "Am")], accompanied=True))
    assert set(figures_of(events)) == {"Am"}


def test_every_event_and_every_chord_comes_back():
    symbols = [(0, "C"), (2.5, "F#m7b5"), (4.0, "Bb13/D"), (9.0, "N.C.")]
    sequence = song(symbols)
    (events,) = CODEC.encode(sequence)
    context = DecodeContext(qpm=90.0, start_step=16)
    decoded = CODEC.decode(events, context)
    again, found = CODEC.encode_primer(decoded)
    np.testing.assert_array_equal(again, events)
    assert (found.qpm, found.start_step) == (90.0, 16)
    written = [(a.time, a.text) for a in decoded.text_annotations]
    step = 60 / 90 / 4
    assert written == [
        (pytest.approx(step * (16 + 8 * time)), text) for time, text in symbols
    ]


def test_primers_bring_chords_for_the_whole_piece():
    sequence = song([(0, "C"), (2.0, "G")], bars=2)
    assert CODEC.controls_of(sequence, 50) == {
        "backing_chords": ["C"] * 16 + ["G"] * 34
    }
    assert CODEC.controls_of(song(), 50) == {}
    inferred = CODEC.controls_of(song(bars=4, accompanied=True), 64)
    assert inferred["backing_chords"] == (["C"] * 16 + ["F"] * 16) * 2
    events, _ = CODEC.encode_primer(sequence, 40)
    assert len(events) == 40 and figures_of(events)[-1] == "G"


def test_primers_with_chords_that_make_no_sense():
    with pytest.raises(UserError, match="primer: .* C and G begin at once"):
        SHORT.encode_primer(song([(1.0, "C"), (1.0, "G")]))
    with pytest.raises(UserError, match="'H' is no chord symbol"):
        SHORT.encode_primer(song([(0, "H")]))


def test_settings_that_make_no_sense_name_this_codec():
    with pytest.raises(UserError, match="^LeadSheetCodec: 60 to 64 is less"):
        LeadSheetCodec(min_pitch=60, max_pitch=64)
    assert "LeadSheetCodec.min_bars" in CODEC.reject_reasons["too_short"]


def test_transposition_moves_melody_and_chord_together():
    events = CODEC.encode(song([(0, "C"), (4.0, "F#m7/B")]))[0]
    shifts = (-3, 0, 4)
    table = CODEC.transposition_table(shifts)
    for row, shift in zip(table, shifts, strict=True):
        moved = row[np.arange(len(CODEC.field_sizes)), events]
        sequence = CODEC.decode(moved)
        pitches = [note.pitch for note in sequence.notes[:8]]
        assert pitches == [pitch + shift for pitch in SCALE]
        expected = {
            -3: ["A", "Ebm7/Ab"],
            0: ["C", "F#m7/B"],
            4: ["E", "Bbm7/Eb"],
        }[shift]
        assert [a.text for a in sequence.text_annotations] == expected


def test_augmentation_brings_all_keys():
    (events,) = CODEC.encode(song([(0, "Dm")]))
    rows = tf.constant(np.tile(events[:64], [200, 1, 1]))
    transpose = RandomTranspose(tuple(range(-12, 13))).bind(CODEC)
    moved, _ = transpose(rows, tf.fill([200], 64), tf.constant([1, 2]))
    roots = moved[:, :, 1 + chord_fields.ROOT].numpy()
    first = moved[:, 0, 0].numpy()
    assert (roots == roots[:, :1]).all()
    # From D and middle C, which is event 14.
    np.testing.assert_array_equal((roots[:, 0] - 3) % 12, (first - 14) % 12)
    assert set(roots[:, 0]) == set(range(1, 13))
    assert moved[..., 0].numpy().max() < 38 and first.min() >= 2


@pytest.fixture(scope="module")
def sheets():
    paths = sorted(shared_dir("data", "openewld").rglob("*.mxl"))
    return [musicxml.read_musicxml(path) for path in paths[::25]]


@pytest.mark.parametrize("codec", [CODEC, LeadSheetCodec(triads_only=False)])
def test_equals_note_seq_on_real_lead_sheets(codec, sheets):
    num_sheets = 0
    for sequence in sheets:
        expected, rejects = reference_lead_sheets(sequence, codec)
        extraction = codec.extract(sequence)
        assert extraction.rejects == rejects
        pairs = zip(extraction.events, expected, strict=True)
        for events, sheet in pairs:
            melody, figures = sheet_events(sheet, codec)
            np.testing.assert_array_equal(events[:, 0], melody)
            wanted = [chord_fields.from_figure(f) for f in figures]
            np.testing.assert_array_equal(events[:, 1:], wanted)
            num_sheets += 1
    assert num_sheets > 12


def test_decodes_as_note_seq_does(sheets):
    codec = LeadSheetCodec(triads_only=False)
    for sequence in sheets[:8]:
        for sheet in reference_lead_sheets(sequence, codec)[0]:
            # A second a quarter: both ways to reckon times are exact.
            expected = sheet.to_sequence(sequence_start_time=2.0, qpm=60)
            melody, figures = sheet_events(sheet, codec)
            fields = [chord_fields.from_figure(f) for f in figures]
            decoded = codec.decode(
                np.concatenate([melody[:, None], fields], axis=1),
                DecodeContext(qpm=60, start_step=8),
            )
            assert _notes(decoded) == _notes(expected)
            assert _chords(decoded) == _chords(expected)


def _notes(sequence):
    return [(n.start_time, n.end_time, n.pitch) for n in sequence.notes]


def _chords(sequence):
    """Chords and times, whatever they are called."""
    found = [(None, chord_fields.NO_CHORD)]
    for symbol in sequence.text_annotations:
        assert symbol.annotation_type == chords_lib.CHORD_SYMBOL
        fields = chord_fields.from_figure(symbol.text)
        if fields != found[-1][1]:
            found.append((symbol.time, fields))
    return found
