"""PerformanceCodec: events and notes against note_seq, primers, limits."""

import json

import note_seq
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from performed_sequences import (
    note_rows,
    performances,
    quantized,
    reference_performance,
)
from shared_data import shared_dir

from magenta_lite.codecs.base import DecodeContext, UnusableSequenceError
from magenta_lite.codecs.performance import PerformanceCodec
from magenta_lite.errors import UserError
from magenta_lite.notes.midi import read_midi
from magenta_lite.notes.proto import NoteSequence


def _sequence(*notes, program=0):
    """Notes (pitch, start, end, velocity), in seconds."""
    sequence = NoteSequence()
    for pitch, start, end, velocity in notes:
        sequence.notes.add(
            pitch=pitch,
            start_time=start,
            end_time=end,
            velocity=velocity,
            program=program,
        )
    return sequence


def _codec(num_velocity_bins=0, **kwargs):
    return PerformanceCodec(num_velocity_bins, min_events=1, **kwargs)


def _expected_events(sequence, codec):
    performance = reference_performance(
        sequence, codec.num_velocity_bins, codec.max_shift_steps
    )
    encoding = note_seq.PerformanceOneHotEncoding(
        codec.num_velocity_bins, codec.max_shift_steps
    )
    assert encoding.num_classes == codec.num_events
    return [encoding.encode_event(event) for event in performance]


def test_events_by_hand():
    sequence = _sequence((60, 0.1, 1.2, 1), (64, 0.1, 0.5, 127))
    shift, velocity = 255, 356
    assert _codec().encode(sequence)[0].tolist() == [
        *(shift + 10, 60, 64),
        *(shift + 40, 128 + 64),
        *(shift + 70, 128 + 60),
    ]
    assert _codec(32).encode(sequence)[0].tolist() == [
        *(shift + 10, velocity, 60, velocity + 31, 64),
        *(shift + 40, 128 + 64),
        *(shift + 70, 128 + 60),
    ]
    assert (_codec().num_events, _codec(32).num_events) == (356, 388)


@pytest.mark.parametrize(
    ("seconds", "shifts"),
    [(1.0, [100]), (1.01, [100, 1]), (2.0, [100, 100]), (2.5, [100, 100, 50])],
)
def test_long_shifts_are_split(seconds, shifts):
    sequence = _sequence((60, seconds, seconds + 0.01, 80))
    events = _codec().encode(sequence)[0].tolist()
    assert events == [255 + s for s in shifts] + [60, 256, 188]


@settings(max_examples=200, deadline=None)
@given(
    performances(),
    st.sampled_from([0, 1, 8, 32, 127]),
    st.sampled_from([100, 100, 7]),
)
def test_events_and_notes_equal_note_seqs(sequence, bins, max_shift_steps):
    codec = _codec(bins, max_shift_steps=max_shift_steps)
    expected = _expected_events(sequence, codec)
    extraction = codec.extract(sequence)
    if not expected:
        assert extraction.rejects == {"no_notes": 1}
        return
    (events,) = extraction.events
    assert events.dtype == np.int32
    assert events.tolist() == expected
    # What is played back is the same, also when it is played from again.
    performance = reference_performance(sequence, bins, max_shift_steps)
    decoded = codec.decode(events)
    assert note_rows(decoded) == note_rows(performance.to_sequence())
    (again,) = codec.encode(quantized(decoded)) if decoded.notes else ([],)
    assert note_rows(codec.decode(again)) == note_rows(decoded)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([60, 60, 61, 188, 188, 189]),
            st.integers(256, 387),
            st.integers(0, 255),
        ),
        max_size=60,
    ),
    st.sampled_from([None, 0.5]),
)
def test_any_events_decode_as_note_seq_does(events, max_note_seconds):
    encoding = note_seq.PerformanceOneHotEncoding(32)
    performance = note_seq.Performance(
        steps_per_second=100, num_velocity_bins=32, start_step=70
    )
    for event in events:
        performance.append(encoding.decode_event(event))
    expected = performance.to_sequence(
        velocity=55, program=4, max_note_duration=max_note_seconds
    )
    codec = _codec(32, max_note_seconds=max_note_seconds)
    context = DecodeContext(start_step=70, velocity=55, program=4)
    found = codec.decode(np.array(events, int), context)
    assert note_rows(found) == note_rows(expected)
    assert found.total_time == expected.total_time


def _maestro(stride):
    paths = sorted(shared_dir("data", "maestro_performances").rglob("*.mid"))
    return [read_midi(path) for path in paths[::stride]]


def test_real_performances_equal_note_seq():
    for sequence in _maestro(40):
        for bins in (0, 32):
            codec = PerformanceCodec(bins)
            (events,) = codec.encode(sequence)
            assert events.tolist() == _expected_events(sequence, codec)
        performance = reference_performance(sequence, 32)
        found = codec.decode(events)
        assert note_rows(found) == note_rows(performance.to_sequence())


@pytest.mark.slow
def test_many_real_performances_equal_note_seq():
    codec = PerformanceCodec(32)
    for sequence in _maestro(5):
        (events,) = codec.encode(sequence)
        assert events.tolist() == _expected_events(sequence, codec)


def test_steps():
    table = _codec(2, max_shift_steps=3).steps_table()
    assert table.tolist() == [0] * 256 + [1, 2, 3, 0, 0]
    assert table.dtype == np.int32
    assert _codec().steps_per_second(61) == 100
    assert _codec().default_num_steps == 3000


def test_transposition_moves_starts_and_ends():
    codec = _codec(1, max_shift_steps=1)
    table = codec.transposition_table((0, 2, -1))
    assert table.dtype == np.int32
    assert table[0].tolist() == list(range(258))
    ons = [*range(2, 128), -1, -1]
    offs = [*range(130, 256), -1, -1]
    assert table[1].tolist() == [*ons, *offs, 256, 257]
    assert table[2, [0, 1, 128, 129]].tolist() == [-1, 0, -1, 128]


def test_padding_is_not_heard():
    codec = _codec(32)
    events = codec.encode(_sequence((60, 0, 1, 80)))[0]
    padded = np.append(events, [codec.pad] * 3)
    assert codec.decode(padded) == codec.decode(events)
    assert codec.steps_table()[codec.pad] == 0


@pytest.mark.parametrize(
    ("sequence", "reason"),
    [
        (NoteSequence(), "no_notes"),
        (_sequence((60, 0, 1, 0)), "no_notes"),
        (_sequence((60, 0, 1, 80), program=40), "no_notes"),
        (_sequence((60, 0, 1, 80)), "too_short"),
        (_sequence((60, 2, 1, 80)), "bad_note"),
        (_sequence((128, 0, 1, 80)), "bad_note"),
        (_sequence((60, -1, 1, 80)), "negative_time"),
        (_sequence((60, 0, 1e300, 80)), "bad_time"),
    ],
)
def test_unusable_pieces_name_the_reason(sequence, reason):
    with pytest.raises(UnusableSequenceError, match=reason):
        PerformanceCodec().encode(sequence)
    assert reason in PerformanceCodec().reject_reasons


def test_programs():
    sequence = _sequence((60, 0, 1, 80))
    sequence.MergeFrom(_sequence((70, 0, 1, 80), program=40))
    sequence.notes.add(pitch=36, end_time=1, velocity=80, is_drum=True)
    assert _codec().encode(sequence)[0].tolist() == [60, 355, 188]
    strings = _codec(programs=(40,))
    assert strings.encode(sequence)[0].tolist() == [70, 355, 198]
    any_one = _codec(programs=None)
    assert any_one.extract(sequence).rejects == {"several_programs": 1}


def test_other_grids_are_left_out():
    sequence = _sequence((60, 0, 1, 80))
    assert _codec().encode(quantized(sequence))
    other = quantized(sequence, 31)
    assert _codec().extract(other).rejects == {"other_steps_per_second": 1}


def test_primer_starts_at_time_zero():
    sequence = _sequence((60, 0.5, 1, 80), program=3)
    sequence.tempos.add(qpm=66)
    sequence.tempos.add(qpm=90, time=3)
    events, context = PerformanceCodec().encode_primer(sequence)
    assert events.tolist() == [305, 60, 305, 188]
    assert context == DecodeContext(qpm=66, program=3)
    assert PerformanceCodec().decode(events, context).tempos[0].qpm == 66


def test_primer_is_filled_with_silence():
    sequence = _sequence((60, 0, 1, 80))
    codec = PerformanceCodec()
    events, _ = codec.encode_primer(sequence, num_steps=100)
    assert events.tolist() == [60, 355, 188]
    events, _ = codec.encode_primer(sequence, num_steps=350)
    assert events.tolist() == [60, 355, 188, 355, 355, 305]
    assert codec.steps_table()[events].sum() == 350
    with pytest.raises(UserError, match="the primer lasts 100 steps, more"):
        codec.encode_primer(sequence, num_steps=99)


def test_empty_primer_is_one_step():
    codec = PerformanceCodec()
    events, context = codec.encode_primer(NoteSequence(), num_steps=9)
    assert events.tolist() == [256]
    assert context.start_step == 8
    assert codec.encode_primer(NoteSequence())[0].tolist() == []
    assert codec.encode_primer(NoteSequence(), 0)[0].tolist() == []


def test_bad_primers():
    codec = PerformanceCodec()
    with pytest.raises(UserError, match="primer: .*ends before it starts"):
        codec.encode_primer(_sequence((60, 5, 2, 80)))
    with pytest.raises(UserError, match="longer than"):
        codec.encode_primer(_sequence((60, 0, 1e5, 80)))


@pytest.mark.parametrize("event", [-1, 356])
def test_decoding_what_is_no_event(event):
    with pytest.raises(ValueError, match="0 to 355"):
        PerformanceCodec().decode(np.array([3, event]))


def test_config_round_trip():
    codec = PerformanceCodec(32, programs=(0, 4), max_note_seconds=5.0)
    config = json.loads(json.dumps(codec.get_config()))
    assert PerformanceCodec(**config) == codec
    assert hash(PerformanceCodec(**config)) == hash(codec)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(num_velocity_bins=128), "num_velocity_bins must be in 0 to 127"),
        (dict(num_velocity_bins=-1), "num_velocity_bins"),
        (dict(resolution_hz=0), "resolution_hz must be at least 1"),
        (dict(max_shift_steps=0), "max_shift_steps must be at least 1"),
        (dict(max_note_seconds=0), "max_note_seconds must be above 0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        PerformanceCodec(**arguments)
