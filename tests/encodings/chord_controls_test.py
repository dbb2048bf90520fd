"""What a model is told of chords, against note_seq."""

import note_seq
import numpy as np
import pytest
import tensorflow as tf
from encoding_checks import check_encoding
from lead_sheet_reference import reference_lead_sheets, sheet_events
from note_seq import chords_encoder_decoder
from shared_data import shared_dir

from magenta_lite import chord_fields
from magenta_lite.codecs.lead_sheet import LeadSheetCodec
from magenta_lite.encodings.chord_controls import (
    DEFAULT_CHORDS,
    ChordTonesControl,
    TriadControl,
)
from magenta_lite.encodings.conditional import ConditionalEncoding
from magenta_lite.encodings.key_melody import KeyMelodyEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError
from magenta_lite.notes import musicxml

_TRIADS = note_seq.OneHotEventSequenceEncoderDecoder(
    note_seq.TriadChordOneHotEncoding()
)
_TONES = chords_encoder_decoder.PitchChordsEncoderDecoder()
_MELODY = note_seq.OneHotEventSequenceEncoderDecoder(
    note_seq.MelodyOneHotEncoding(48, 84)
)
_KEY = note_seq.KeyMelodyEncoderDecoder(48, 84)
# Of each recipe: our encoding, note_seq's of chords and of melodies.
_PAIRS = {
    "basic_improv": (OneHotEncoding(38), TriadControl(), _TRIADS, _MELODY),
    "attention_improv": (KeyMelodyEncoding(38), TriadControl(), _TRIADS, _KEY),
    "chord_pitches_improv": (
        OneHotEncoding(38),
        ChordTonesControl(),
        _TONES,
        _MELODY,
    ),
}
_FIGURES = ("N.C.", "C", "F#m7b5", "Ebaug7", "Bb13/D", "Gm/F", "Adim", "C/D")


def _told(control, figures):
    fields = [chord_fields.from_figure(figure) for figure in figures]
    values = control.values(tf.constant([fields], tf.int32))
    assert values.shape == (1, len(figures), control.depth)
    return control.encode(values)[0]


def test_triads_equal_note_seq():
    control = TriadControl()
    qualities = ("", "m", "aug", "dim")
    roots = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "G#", "A", "A#", "Cb")
    figures = [*_FIGURES, *(r + q for r in roots for q in qualities)]
    expected = [_TRIADS.events_to_input([f], 0) for f in figures]
    np.testing.assert_array_equal(_told(control, figures), expected)
    assert control.input_depth == _TRIADS.input_size == 49


def test_tones_equal_note_seq():
    figures = [*_FIGURES, "Csus4", "E5", "Dped", "Absus2/Bb", "C7(no3)(add11)"]
    expected = [_TONES.events_to_input([f], 0) for f in figures]
    control = ChordTonesControl()
    np.testing.assert_array_equal(_told(control, figures), expected)
    assert control.input_depth == _TONES.input_size == 37


def test_what_is_no_triad_is_told_as_none():
    told = _told(TriadControl(), ["Csus4", "N.C."])
    np.testing.assert_array_equal(told[0], told[1])


@pytest.fixture(scope="module")
def sheets():
    codec = LeadSheetCodec(max_steps=160)
    paths = sorted(shared_dir("data", "openewld").rglob("*.mxl"))[7::100]
    found = []
    for path in paths:
        found += reference_lead_sheets(musicxml.read_musicxml(path), codec)[0]
    assert len(found) >= 4
    return found


@pytest.mark.parametrize("name", _PAIRS)
def test_equals_note_seq_at_every_position(name, sheets):
    target, control, chord_encoder, melody_encoder = _PAIRS[name]
    encoding = ConditionalEncoding(target, (control,))
    reference = note_seq.ConditionalEventSequenceEncoderDecoder(
        chord_encoder, melody_encoder
    )
    assert encoding.input_depth == reference.input_size
    assert encoding.num_classes == reference.num_classes
    assert encoding.default_label == reference.default_event_label
    for sheet in sheets:
        melody, figures = sheet_events(sheet, LeadSheetCodec())
        fields = [chord_fields.from_figure(figure) for figure in figures]
        events = np.concatenate([melody[:, None], fields], axis=1)
        events = tf.constant(events[None], tf.int32)
        inputs, labels = reference.encode(sheet.chords, sheet.melody)
        np.testing.assert_array_equal(encoding.inputs(events)[0, :-1], inputs)
        np.testing.assert_array_equal(encoding.labels(events)[0, 1:], labels)


@pytest.mark.parametrize("name", _PAIRS)
def test_steps_equal_whole_sequences_under_any_chords(name):
    target, control, *_ = _PAIRS[name]
    encoding = ConditionalEncoding(target, (control,))
    rng = np.random.default_rng(0)
    fields = np.array([chord_fields.from_figure(f) for f in _FIGURES])
    chords = fields[rng.integers(len(fields), size=[3, 40])]
    melody = rng.integers(0, 38, [3, 40, 1])
    events = np.concatenate([melody, chords], axis=-1)
    check_encoding(encoding, events)


def _asked(control, **request):
    values = control.request(request, 8, 8.0)
    assert values.dtype == np.float32 and values.shape == (8, 5)
    return [chord_fields.to_figure(tuple(map(int, row))) for row in values]


def test_requests():
    control = TriadControl()
    wanted = ["C"] * 4 + ["Am7"] * 4
    assert _asked(control, backing_chords="C Am7") == wanted
    assert _asked(control, backing_chords=["C", "Am7"]) == wanted
    assert _asked(control, backing_chords="N.C.") == ["N.C."] * 8
    assert _asked(control) == list(DEFAULT_CHORDS)
    assert _asked(ChordTonesControl(), backing_chords="Gsus4") == ["Gsus4"] * 8


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("", "backing_chords is ''"),
        (7, "backing_chords is 7"),
        ("C H", "backing_chords: 'H' is no chord symbol"),
        ("C Gsus4", "Gsus4 is no triad"),
    ],
)
def test_requests_that_make_no_sense(asked, message):
    with pytest.raises(UserError, match=message) as error:
        TriadControl().request({"backing_chords": asked}, 8, 8.0)
    assert "\n" not in str(error.value)
