"""MelodyCodec: extraction against note_seq, primers, decoding."""

import json

import note_seq
import numpy as np
import pytest
from generated_sequences import note_sequences
from hypothesis import given, settings
from hypothesis import strategies as st
from melody_reference import assert_same_extraction
from note_seq import sequences_lib
from shared_data import shared_dir

from magenta_lite.codecs.base import DecodeContext, UnusableSequenceError
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

_ANY = dict(min_bars=0, min_unique_pitches=1)


def _sequence(*notes, instrument=0):
    """Notes (pitch, start step, end step) at 120 qpm, 4 steps a quarter."""
    sequence = NoteSequence()
    for pitch, start, end in notes:
        sequence.notes.add(
            pitch=pitch,
            start_time=start / 8,
            end_time=end / 8,
            velocity=80,
            instrument=instrument,
        )
    sequence.total_time = max((end for *_, end in notes), default=0) / 8
    return sequence


def _events(codec, *notes):
    (events,) = codec.encode(_sequence(*notes))
    return events.tolist()


def test_events_by_hand():
    codec = MelodyCodec(**_ANY)
    assert codec.num_events == 38
    found = _events(codec, (48, 17, 19), (83, 19, 20), (60, 22, 24))
    # The bar line at 16 comes first; the end stands for the last note-off.
    assert found == [0, 2, 0, 37, 1, 0, 14, 0]


def test_note_is_cut_by_the_next():
    codec = MelodyCodec(**_ANY)
    assert _events(codec, (60, 0, 8), (62, 2, 4)) == [14, 0, 16, 0]


def test_pad_end_ends_the_note_and_fills_the_bar():
    codec = MelodyCodec(pad_end=True, **_ANY)
    assert _events(codec, (60, 0, 2)) == [14, 0, 1] + [0] * 13
    assert _events(codec, (60, 0, 16)) == [14] + [0] * 15


def test_gap_ends_a_melody():
    codec = MelodyCodec(gap_bars=1, **_ANY)
    melodies = codec.encode(_sequence((60, 0, 2), (62, 18, 20), (64, 35, 36)))
    assert [len(melody) for melody in melodies] == [2, 20]
    melodies = MelodyCodec(gap_bars=2, **_ANY).encode(
        _sequence((60, 0, 2), (62, 18, 20))
    )
    assert [len(melody) for melody in melodies] == [20]


def test_chords():
    chord = _sequence((60, 0, 2), (67, 0, 2), (62, 2, 3))
    extraction = MelodyCodec(**_ANY).extract(chord)
    assert not extraction.events
    assert extraction.rejects == {"polyphonic": 1}
    codec = MelodyCodec(ignore_polyphonic_notes=True, **_ANY)
    assert codec.encode(chord)[0].tolist() == [21, 0, 16]


@pytest.mark.parametrize(
    ("codec", "reason"),
    [
        (MelodyCodec(), "too_short"),
        (MelodyCodec(min_bars=0), "too_few_pitches"),
        (MelodyCodec(steps_per_quarter=3, **_ANY), None),
    ],
)
def test_reasons(codec, reason):
    extraction = codec.extract(_sequence((60, 0, 2), (72, 2, 4)))
    assert dict(extraction.rejects) == ({reason: 1} if reason else {})
    assert len(extraction.events) == (0 if reason else 1)


def test_unusable_pieces_name_the_reason():
    with pytest.raises(UnusableSequenceError, match="no_notes"):
        MelodyCodec().encode(NoteSequence())
    odd = _sequence((60, 0, 40))
    odd.time_signatures.add(numerator=5, denominator=32)
    with pytest.raises(UnusableSequenceError, match="non_integer_steps"):
        MelodyCodec().encode(odd)
    backwards = _sequence((60, 9, 3), (62, 9, 12))
    with pytest.raises(UnusableSequenceError, match="bad_note"):
        MelodyCodec(**_ANY).encode(backwards)
    endless = _sequence((60, 0, 1e300))
    with pytest.raises(UnusableSequenceError, match="bad_time"):
        MelodyCodec().encode(endless)


def test_one_note_of_years_needs_no_memory():
    codec = MelodyCodec(**_ANY)
    assert len(codec.encode(_sequence((60, 0, 2e9)))[0]) == 512


def test_quantised_sequences_are_taken_as_they_are():
    sequence = _sequence((60, 0, 3), (64, 4, 6))
    quantized = sequences_lib.quantize_note_sequence(sequence, 4)
    codec = MelodyCodec(**_ANY)
    expected = codec.encode(sequence)[0]
    np.testing.assert_array_equal(codec.encode(quantized)[0], expected)
    other = sequences_lib.quantize_note_sequence(sequence, 12)
    assert codec.extract(other).rejects == {"other_steps_per_quarter": 1}


@st.composite
def _codecs(draw):
    low = draw(st.sampled_from([0, 21, 48, 60]))
    return MelodyCodec(
        min_pitch=low,
        max_pitch=low + draw(st.sampled_from([12, 13, 24, 36])),
        transpose_to_key=draw(st.sampled_from([None, 0, 7, 11])),
        steps_per_quarter=draw(st.sampled_from([4, 4, 3, 12])),
        min_bars=draw(st.sampled_from([0, 1, 2])),
        max_steps=draw(st.sampled_from([None, 8, 20, 48])),
        min_unique_pitches=draw(st.sampled_from([0, 1, 3])),
        gap_bars=draw(st.sampled_from([1.0, 0.5, 0.3, 2.0, float("inf")])),
        ignore_polyphonic_notes=draw(st.booleans()),
        pad_end=draw(st.booleans()),
        filter_drums=draw(st.booleans()),
    )


@settings(max_examples=500, deadline=None)
@given(note_sequences(), _codecs())
def test_extraction_equals_note_seq(sequence, codec):
    if not sequence.total_time:
        sequence.total_time = 0.001  # note_seq would find no section at all
    assert_same_extraction(sequence, codec)


def _check_files(paths):
    codecs = [
        MelodyCodec(transpose_to_key=0),
        MelodyCodec(
            min_bars=1, ignore_polyphonic_notes=True, pad_end=True, max_steps=99
        ),
    ]
    num_melodies = 0
    for path in paths:
        sequence = note_seq.midi_file_to_note_sequence(str(path))
        for codec in codecs:
            extraction = assert_same_extraction(sequence, codec)
            num_melodies += len(extraction.events)
    return num_melodies


def test_extraction_of_real_tunes_equals_note_seq():
    paths = sorted(shared_dir("data", "nottingham", "MIDI").glob("*.mid"))
    assert _check_files(paths[::40]) > 20


@pytest.mark.slow
def test_extraction_of_many_real_tunes_equals_note_seq():
    folder = shared_dir("data", "nottingham", "MIDI")
    chords = sorted(folder.glob("*.mid"))[::8]
    assert _check_files(sorted(folder.glob("melody/*.mid"))) > 1500
    assert _check_files(chords) > 100


def test_primer_keeps_gaps_and_takes_any_length():
    sequence = _sequence((60, 17, 18), (62, 100, 101))
    events, context = MelodyCodec().encode_primer(sequence)
    assert context == DecodeContext(start_step=16)
    assert len(events) == 101 - 16
    assert np.flatnonzero(events).tolist() == [1, 2, 84]


def test_primer_is_filled_with_silence():
    codec = MelodyCodec()
    events, context = codec.encode_primer(_sequence((60, 0, 2)), num_steps=5)
    assert events.tolist() == [14, 0, 1, 0, 0]
    events, _ = codec.encode_primer(_sequence((60, 0, 2)), num_steps=2)
    assert events.tolist() == [14, 0]
    with pytest.raises(UserError, match="the primer lasts 2 steps, more than"):
        codec.encode_primer(_sequence((60, 0, 2)), num_steps=1)


def test_empty_primer():
    codec = MelodyCodec()
    events, context = codec.encode_primer(NoteSequence())
    assert (events.shape, events.dtype) == ((0,), np.int32)
    assert context == DecodeContext()
    events, context = codec.encode_primer(NoteSequence(), num_steps=9)
    assert events.tolist() == [0]
    assert context.start_step == 8
    assert codec.encode_primer(NoteSequence(), num_steps=0)[0].tolist() == []


def test_primer_takes_the_highest_note_of_the_first_track():
    sequence = _sequence((60, 0, 2), (64, 0, 2))
    sequence.MergeFrom(_sequence((70, 0, 9), instrument=1))
    events, _ = MelodyCodec().encode_primer(sequence)
    assert events.tolist() == [18, 0]


def test_primer_without_one_grid_is_an_error():
    sequence = _sequence((60, 0, 80))
    sequence.tempos.add(time=2, qpm=99)
    with pytest.raises(UserError, match="primer: the tempo changes at 2.00 s"):
        MelodyCodec().encode_primer(sequence)
    sequence = _sequence((60, 0, 80))
    sequence.time_signatures.add(numerator=5, denominator=32)
    with pytest.raises(UserError, match="a bar of 5/32 is no whole number"):
        MelodyCodec().encode_primer(sequence)
    with pytest.raises(UserError, match="ends before it starts"):
        MelodyCodec().encode_primer(_sequence((60, 5, 2)))


@pytest.mark.parametrize("key", [None, 0, 4])
@pytest.mark.parametrize("lowest", [0, 30, 60, 100, 115])
def test_primer_in_any_register_and_key_comes_back(key, lowest):
    pitches = [lowest + step for step in (0, 4, 7, 12, 11)]
    notes = [(pitch, 2 * i, 2 * i + 1) for i, pitch in enumerate(pitches)]
    codec = MelodyCodec(transpose_to_key=key)
    events, context = codec.encode_primer(_sequence(*notes))
    assert events.max() < codec.num_events
    decoded = codec.decode(events, context)
    assert [note.pitch for note in decoded.notes] == pitches


def test_primer_in_range_keeps_its_register():
    _, context = MelodyCodec().encode_primer(_sequence((83, 0, 1), (48, 1, 2)))
    assert context.transposition == 0


def test_primer_is_squashed_like_note_seqs():
    sequence = _sequence((90, 0, 2), (92, 2, 4), (97, 5, 6))
    melody = note_seq.Melody()
    melody.from_quantized_sequence(
        sequences_lib.quantize_note_sequence(sequence, 4)
    )
    shift = melody.squash(48, 84, 0)
    events, context = MelodyCodec(transpose_to_key=0).encode_primer(sequence)
    assert context.transposition == shift
    ids = [e + 2 if e < 0 else e - 46 for e in melody]
    assert events.tolist() == ids


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(-2, 35), max_size=40),
    st.integers(0, 20),
    st.integers(-30, 50),
    st.sampled_from([(120.0, 4), (77.7, 4), (90.0, 3)]),
)
def test_decoding_equals_note_seq(values, start_step, transposition, grid):
    qpm, steps_per_quarter = grid
    values = [v if v < 0 else v + 48 for v in values]
    melody = note_seq.Melody(
        values, start_step=start_step, steps_per_quarter=steps_per_quarter
    )
    melody.transpose(-transposition)
    expected = melody.to_sequence(qpm=qpm, velocity=64, instrument=3, program=9)
    expected.time_signatures.add(numerator=6, denominator=8)
    context = DecodeContext(
        qpm=qpm,
        start_step=start_step,
        transposition=transposition,
        time_signature=(6, 8),
        velocity=64,
        program=9,
        instrument=3,
    )
    codec = MelodyCodec(steps_per_quarter=steps_per_quarter)
    events = np.array([v + 2 if v < 0 else v - 46 for v in values], int)
    assert codec.decode(events, context) == expected


def test_decoding_defaults():
    sequence = MelodyCodec().decode(np.array([14, 0]))
    assert sequence.ticks_per_quarter == 220
    assert sequence.tempos[0].qpm == 120
    assert sequence.time_signatures[0].denominator == 4
    assert sequence.total_time == 0.25
    assert not MelodyCodec().decode(np.array([], np.int32)).notes


@pytest.mark.parametrize("event", [-1, 38])
def test_decoding_what_is_no_event(event):
    with pytest.raises(ValueError, match="0 to 37"):
        MelodyCodec().decode(np.array([3, event]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 37), min_size=1, max_size=40))
def test_what_decodes_encodes_again(events):
    codec = MelodyCodec()
    sequence = codec.decode(np.array(events))
    again, context = codec.encode_primer(sequence)
    decoded = codec.decode(again, context)
    assert decoded.notes == sequence.notes


def test_transposition_table():
    table = MelodyCodec(60, 72).transposition_table((0, 2, -11))
    assert table.dtype == np.int32
    assert table.tolist() == [
        list(range(14)),
        [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, -1, -1],
        [0, 1] + [-1] * 11 + [2],
    ]
    assert MelodyCodec().transposition_table(()).shape == (0, 38)


def test_steps():
    assert MelodyCodec().steps_per_second(120) == 8
    assert MelodyCodec().steps_table().tolist() == [1] * 38


def test_config_round_trip():
    codec = MelodyCodec(21, 109, transpose_to_key=3, gap_bars=2.5)
    config = json.loads(json.dumps(codec.get_config()))
    assert MelodyCodec(**config) == codec


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(min_pitch=-1), "min_pitch -1 is below 0"),
        (dict(max_pitch=129), "max_pitch 129 is above 128"),
        (dict(min_pitch=60, max_pitch=71), "less than an octave"),
        (dict(transpose_to_key=12), "transpose_to_key 12 is not in 0 to 11"),
        (dict(steps_per_quarter=0), "steps_per_quarter"),
        (dict(max_steps=0), "max_steps"),
        (dict(gap_bars=0), "gap_bars"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        MelodyCodec(**arguments)
