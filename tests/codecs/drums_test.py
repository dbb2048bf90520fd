"""DrumsCodec: extraction against note_seq, primers, decoding."""

import csv
import json

import note_seq
import numpy as np
import pytest
from drums_reference import assert_same_drums, one_drum_classes
from generated_sequences import note_sequences
from hypothesis import given, settings
from hypothesis import strategies as st
from note_seq import drums_encoder_decoder, sequences_lib
from shared_data import shared_dir

from magenta_lite.codecs.base import DecodeContext, UnusableSequenceError
from magenta_lite.codecs.drums import NINE_DRUMS, DrumsCodec
from magenta_lite.codecs.limits import Limits
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

_ONE_DRUM = dict(drum_classes=((39,),), other_class=0)


def _sequence(*hits, is_drum=True):
    """Hits (pitch, step) at 120 qpm, 4 steps a quarter."""
    sequence = NoteSequence()
    for pitch, step in hits:
        sequence.notes.add(
            pitch=pitch,
            start_time=step / 8,
            end_time=(step + 0.5) / 8,
            velocity=80,
            is_drum=is_drum,
            instrument=9,
        )
    sequence.total_time = max((step + 1 for _, step in hits), default=0) / 8
    return sequence


def _events(codec, *hits):
    return [events.tolist() for events in codec.encode(_sequence(*hits))]


def test_events_by_hand():
    codec = DrumsCodec(min_bars=0)
    assert codec.num_events == 512
    # Bass drum 1, snare 2, closed hi-hat 4, ride 256; 1 is no known drum.
    hits = [(35, 17), (36, 17), (42, 17), (40, 18), (53, 20), (1, 21)]
    assert _events(codec, *hits) == [[0, 5, 2, 0, 256, 0]]


def test_classes_are_those_of_note_seq():
    assert drums_encoder_decoder.DEFAULT_DRUM_TYPE_PITCHES == [
        list(pitches) for pitches in NINE_DRUMS
    ]


def test_one_drum():
    codec = DrumsCodec(steps_per_quarter=2, min_bars=0, **_ONE_DRUM)
    assert codec.num_events == 2
    assert _events(codec, (1, 0), (36, 2), (99, 6)) == [[1, 1, 0, 1]]
    assert [note.pitch for note in codec.decode(np.array([0, 1])).notes] == [39]


def test_gap_ends_a_track():
    codec = DrumsCodec(min_bars=0)
    hits = [(36, 0), (36, 16), (36, 33)]
    assert _events(codec, *hits) == [[1, *[0] * 15, 1], [0, 1]]
    codec = DrumsCodec(min_bars=0, gap_bars=1.1)
    assert [len(events) for events in _events(codec, *hits)] == [34]


def test_pad_end_and_max_steps():
    hits = [(36, 0), (36, 10), (36, 20)]
    for pad_end, max_steps, length in [
        (True, None, 32),
        (True, 31, 16),
        (False, 20, 20),
        (False, None, 21),
    ]:
        codec = DrumsCodec(min_bars=0, pad_end=pad_end, max_steps=max_steps)
        (events,) = _events(codec, *hits)
        assert len(events) == length


def test_unusable_pieces_name_the_reason():
    with pytest.raises(UnusableSequenceError, match="no_drums"):
        DrumsCodec().encode(_sequence((36, 0), is_drum=False))
    with pytest.raises(UnusableSequenceError, match="too_short"):
        DrumsCodec().encode(_sequence((36, 0), (36, 15)))
    odd = _sequence((36, 0))
    odd.time_signatures.add(numerator=5, denominator=32)
    with pytest.raises(UnusableSequenceError, match="non_integer_steps"):
        DrumsCodec().encode(odd)
    reasons = DrumsCodec().reject_reasons
    assert {"no_drums", "too_short", "non_integer_steps_per_bar"} < set(reasons)


def test_pitches_beyond_midi_are_no_drums():
    sequence = _sequence((200, 0), (-1, 1), (36, 2))
    for codec in (DrumsCodec(min_bars=0), DrumsCodec(min_bars=0, **_ONE_DRUM)):
        assert codec.encode(sequence)[0].tolist() == [0, 0, 1]


def test_hits_years_apart_need_no_memory():
    codec = DrumsCodec(min_bars=0, gap_bars=float("inf"))
    assert len(codec.encode(_sequence((36, 0), (36, 2e9)))[0]) == 512


def test_quantised_sequences_are_taken_as_they_are():
    sequence = _sequence((36, 0), (38, 4), (42, 7))
    quantized = sequences_lib.quantize_note_sequence(sequence, 4)
    codec = DrumsCodec(min_bars=0)
    expected = codec.encode(sequence)[0]
    np.testing.assert_array_equal(codec.encode(quantized)[0], expected)
    other = sequences_lib.quantize_note_sequence(sequence, 12)
    assert codec.extract(other).rejects == {"other_steps_per_quarter": 1}


@st.composite
def _codecs(draw):
    return DrumsCodec(
        **draw(st.sampled_from([{}, {}, _ONE_DRUM])),
        steps_per_quarter=draw(st.sampled_from([4, 4, 3, 2])),
        min_bars=draw(st.sampled_from([0, 1, 2])),
        max_steps=draw(st.sampled_from([None, 8, 20, 48])),
        gap_bars=draw(st.sampled_from([1.0, 0.5, 0.3, 2.0, float("inf")])),
        pad_end=draw(st.booleans()),
        ignore_is_drum=draw(st.sampled_from([True, True, False])),
    )


@settings(max_examples=400, deadline=None)
@given(note_sequences(), _codecs())
def test_extraction_equals_note_seq(sequence, codec):
    if not sequence.total_time:
        sequence.total_time = 0.001  # note_seq would find no section at all
    assert_same_drums(sequence, codec)


def _check_grooves(stride):
    folder = shared_dir("data", "groove")
    with (folder / "info.csv").open() as file:
        names = [row["midi_filename"] for row in csv.DictReader(file)]
    codecs = [
        DrumsCodec(),
        DrumsCodec(steps_per_quarter=2, min_bars=1, pad_end=True, **_ONE_DRUM),
    ]
    num_tracks = 0
    for name in names[::stride]:
        sequence = note_seq.midi_file_to_note_sequence(str(folder / name))
        for codec in codecs:
            num_tracks += len(assert_same_drums(sequence, codec).events)
    return num_tracks


def test_extraction_of_real_grooves_equals_note_seq():
    assert _check_grooves(60) > 20


@pytest.mark.slow
def test_extraction_of_all_real_grooves_equals_note_seq():
    assert _check_grooves(1) > 1500


def test_primer_takes_every_note_and_keeps_gaps():
    sequence = _sequence((36, 17), (38, 60), is_drum=False)
    events, context = DrumsCodec(pad_end=True).encode_primer(sequence)
    assert context == DecodeContext(start_step=16, instrument=9)
    assert len(events) == 45
    assert np.flatnonzero(events).tolist() == [1, 44]
    assert events.dtype == np.int32


def test_primer_is_filled_with_silence():
    codec = DrumsCodec()
    events, _ = codec.encode_primer(_sequence((36, 0), (38, 1)), num_steps=4)
    assert events.tolist() == [1, 2, 0, 0]
    with pytest.raises(UserError, match="the primer lasts 2 steps, more than"):
        codec.encode_primer(_sequence((36, 0), (38, 1)), num_steps=1)


def test_empty_primer():
    codec = DrumsCodec()
    assert codec.encode_primer(NoteSequence())[0].shape == (0,)
    events, context = codec.encode_primer(NoteSequence(), num_steps=9)
    assert events.tolist() == [0]
    assert context.start_step == 8


def test_default_primer_is_one_hit():
    codec = DrumsCodec(steps_per_quarter=2)
    primer = codec.default_primer(qpm=90)
    assert codec.encode_primer(primer)[0].tolist() == [1]
    assert primer.tempos[0].qpm == 90


def test_primer_without_one_grid_is_an_error():
    sequence = _sequence((36, 80))
    sequence.tempos.add(time=2, qpm=99)
    with pytest.raises(UserError, match="primer: the tempo changes at 2.00 s"):
        DrumsCodec().encode_primer(sequence)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 511), max_size=40),
    st.integers(0, 20),
    st.sampled_from([(120.0, 4), (77.7, 4), (90.0, 3)]),
)
def test_decoding_equals_note_seq(values, start_step, grid):
    qpm, steps_per_quarter = grid
    encoding = note_seq.MultiDrumOneHotEncoding()
    track = note_seq.DrumTrack(
        [encoding.decode_event(value) for value in values],
        start_step=start_step,
        steps_per_quarter=steps_per_quarter,
    )
    expected = track.to_sequence(qpm=qpm, velocity=64)
    expected.time_signatures.add(numerator=6, denominator=8)
    context = DecodeContext(
        qpm=qpm,
        start_step=start_step,
        time_signature=(6, 8),
        velocity=64,
        instrument=9,
    )
    codec = DrumsCodec(steps_per_quarter=steps_per_quarter)
    found = codec.decode(np.array(values, int), context)
    # The order within a step is nobody's concern.
    for sequence in (expected, found):
        sequence.notes.sort(key=lambda note: (note.start_time, note.pitch))
    assert found == expected


def test_decoding_defaults():
    sequence = DrumsCodec().decode(np.array([3, 0]))
    assert sequence.ticks_per_quarter == 220
    assert sequence.tempos[0].qpm == 120
    assert [(n.pitch, n.instrument, n.is_drum) for n in sequence.notes] == [
        (36, 9, True),
        (38, 9, True),
    ]
    assert not DrumsCodec().decode(np.array([], np.int32)).notes


@pytest.mark.parametrize("event", [-1, 512])
def test_decoding_what_is_no_event(event):
    with pytest.raises(ValueError, match="0 to 511"):
        DrumsCodec().decode(np.array([3, event]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 511), min_size=1, max_size=40))
def test_what_decodes_encodes_again(events):
    codec = DrumsCodec()
    again, context = codec.encode_primer(codec.decode(np.array(events)))
    whole = np.zeros([len(events)], int)
    start = context.start_step
    whole[start : start + len(again)] = again
    assert whole.tolist() == events


def test_drums_are_not_transposed():
    table = DrumsCodec(drum_classes=((36,), (38,))).transposition_table((0, 2))
    assert table.dtype == np.int32
    assert table.tolist() == [[0, 1, 2, 3], [-1, -1, -1, -1]]


def test_steps():
    assert DrumsCodec().steps_per_second(120) == 8
    assert DrumsCodec(**_ONE_DRUM).steps_table().tolist() == [1, 1]


def test_config_round_trip():
    codec = DrumsCodec(gap_bars=2.5, **_ONE_DRUM)
    config = json.loads(json.dumps(codec.get_config()))
    assert DrumsCodec(**config) == codec
    assert hash(DrumsCodec(**config)) == hash(codec)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(drum_classes=()), "needs 1 to 16 drum_classes"),
        (dict(drum_classes=((36,), ())), "has no pitch"),
        (dict(drum_classes=((128,),)), "not in 0 to 127"),
        (dict(drum_classes=((36,), (36,))), "stands twice"),
        (dict(other_class=9), "other_class 9 is no class"),
        (dict(steps_per_quarter=0), "steps_per_quarter"),
        (dict(max_steps=0), "max_steps"),
        (dict(gap_bars=0), "gap_bars"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        DrumsCodec(**arguments)


def test_limits_are_sets_of_classes():
    codec = DrumsCodec(drum_classes=((36, 35), (38,), (42, 44)))
    allowed = codec.allowed_events(
        Limits(drum_classes=frozenset([35, 42])), DecodeContext()
    )
    sets = [0b000, 0b001, 0b100, 0b101]
    assert np.flatnonzero(allowed).tolist() == sets
    assert codec.allowed_events(Limits(), DecodeContext()) is None
    for limits, message in (
        (Limits(drum_classes=frozenset([50])), "50 belongs to no class"),
        (Limits(min_pitch=40), "drum_classes limit drums"),
    ):
        with pytest.raises(UserError, match=message):
            codec.allowed_events(limits, DecodeContext())


def test_one_drum_equals_the_originals_classes():
    codec = DrumsCodec(**_ONE_DRUM)
    (pitches,) = one_drum_classes()
    for pitch in (0, 39, 127):
        assert pitch in pitches
        sequence = _sequence((pitch, 0))
        assert codec.encode_primer(sequence)[0].tolist() == [1]
