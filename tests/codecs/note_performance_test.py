"""NotePerformanceCodec: events and notes against note_seq, primers."""

import json

import note_seq
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from note_seq.performance_encoder_decoder import (
    NotePerformanceEventSequenceEncoderDecoder,
)
from performed_sequences import note_rows, performances, quantized
from shared_data import shared_dir

from magenta_lite.codecs.base import DecodeContext, UnusableSequenceError
from magenta_lite.codecs.note_performance import NotePerformanceCodec
from magenta_lite.errors import UserError
from magenta_lite.notes.midi import read_midi
from magenta_lite.notes.proto import NoteSequence


def _sequence(*notes):
    """Notes (pitch, start, end, velocity), in seconds."""
    sequence = NoteSequence()
    for pitch, start, end, velocity in notes:
        sequence.notes.add(
            pitch=pitch, start_time=start, end_time=end, velocity=velocity
        )
    return sequence


def _codec(**kwargs):
    return NotePerformanceCodec(min_events=1, **kwargs)


def _reference(sequence, num_velocity_bins=32):
    return note_seq.performance_lib.NotePerformance(
        quantized(sequence), num_velocity_bins, instrument=None
    )


def _labels(performance, num_velocity_bins=32):
    encoder = NotePerformanceEventSequenceEncoderDecoder(num_velocity_bins)
    positions = range(len(performance))
    return [list(encoder.events_to_label(performance, p)) for p in positions]


def test_events_by_hand():
    sequence = _sequence((60, 0.8, 1.3, 9), (64, 0.8, 0.81, 127))
    (events,) = _codec().encode(sequence)
    # 80 = 1 * 77 + 3 steps to the first; 50 = 1 * 40 + 9 + 1 long.
    assert events.tolist() == [[1, 3, 60, 2, 1, 9], [0, 0, 64, 31, 0, 0]]
    assert events.dtype == np.int32


@pytest.mark.parametrize("bins", [1, 8, 32])
def test_sizes_are_those_of_note_seq(bins):
    codec = NotePerformanceCodec(bins)
    encoder = NotePerformanceEventSequenceEncoderDecoder(bins)
    assert codec.field_sizes == tuple(encoder.num_classes)
    assert codec.num_events == 128
    odd = NotePerformanceCodec(bins, max_shift_steps=7, max_duration_steps=11)
    assert odd.field_sizes == (2, 4, 128, bins, 1, 11)


@settings(max_examples=200, deadline=None)
@given(performances(), st.sampled_from([1, 8, 32]))
def test_events_and_notes_equal_note_seqs(sequence, bins):
    try:
        performance = _reference(sequence, bins)
    except note_seq.performance_lib.NotePerformanceError:
        reject()  # A note too long for note_seq; the test below has such.
    codec = _codec(num_velocity_bins=bins)
    extraction = codec.extract(sequence)
    if not len(performance):
        assert extraction.rejects == {"no_notes": 1}
        return
    (events,) = extraction.events
    assert events.tolist() == _labels(performance, bins)
    decoded = codec.decode(events)
    assert note_rows(decoded) == note_rows(performance.to_sequence())
    assert decoded.total_time == performance.to_sequence().total_time


def test_real_performances_equal_note_seq_where_it_reads_them():
    paths = sorted(shared_dir("data", "maestro_performances").rglob("*.mid"))
    num_compared = 0
    for path in paths[::16]:
        sequence = read_midi(path)
        (events,) = NotePerformanceCodec().encode(sequence)
        try:
            performance = _reference(sequence)
        except note_seq.performance_lib.NotePerformanceError:
            continue
        assert events.tolist() == _labels(performance)
        num_compared += 1
    assert num_compared > 2


def test_long_silence_cuts_and_long_notes_are_shortened():
    sequence = _sequence(
        (60, 11, 30, 1), (61, 21, 22, 1), (62, 31.01, 32, 1), (63, 33, 34, 1)
    )
    first, second = _codec().encode(sequence)
    assert first.tolist() == [[0, 0, 60, 0, 24, 39], [12, 76, 61, 0, 2, 19]]
    assert second[:, :3].tolist() == [[0, 0, 62], [2, 45, 63]]
    extraction = NotePerformanceCodec(min_events=3).extract(sequence)
    assert extraction.rejects == {"too_short": 2}


def test_steps_are_the_shifts():
    codec = _codec()
    table = codec.steps_table()
    assert table.shape == (6, 128)
    (events,) = codec.encode(_sequence((60, 1, 2, 5), (60, 3.5, 4, 5)))
    assert table[np.arange(6), events].sum(axis=1).tolist() == [100, 250]
    assert codec.steps_per_second(61) == 100
    assert codec.default_num_steps == 3000


def test_transposition_moves_the_pitch_alone():
    table = _codec().transposition_table((0, -2))
    assert table.shape == (2, 6, 128) and table.dtype == np.int32
    assert (table[0] == np.arange(128)).all()
    assert (table[1, [0, 1, 3, 4, 5]] == np.arange(128)).all()
    assert table[1, 2].tolist() == [-1, -1, *range(126)]


def test_primer_starts_at_its_first_note():
    sequence = _sequence((60, 0.5, 1, 80), (62, 1, 2, 80))
    codec = NotePerformanceCodec()
    events, context = codec.encode_primer(sequence)
    assert context == DecodeContext(start_step=50)
    assert events[:, :3].tolist() == [[0, 0, 60], [0, 50, 62]]
    starts = [note.start_time for note in codec.decode(events, context).notes]
    assert starts == [0.5, 1.0]
    with pytest.raises(UserError, match="lasts 200 steps, more than the 150"):
        codec.encode_primer(sequence, num_steps=150)
    with pytest.raises(UserError, match="more than 1000 steps lie between"):
        codec.encode_primer(_sequence((60, 0, 1, 80), (60, 20, 21, 80)))


def test_empty_primer_is_hardly_heard():
    codec = NotePerformanceCodec()
    events, context = codec.encode_primer(NoteSequence(), num_steps=9)
    assert events.tolist() == [[0, 0, 60, 0, 0, 0]]
    assert context.start_step == 8
    (note,) = codec.decode(events, context).notes
    assert (note.velocity, note.start_time, note.end_time) == (1, 0.08, 0.09)
    assert codec.encode_primer(NoteSequence())[0].shape == (0, 6)


@pytest.mark.parametrize(
    ("sequence", "reason"),
    [
        (NoteSequence(), "no_notes"),
        (_sequence((60, 0, 1, 80)), "too_short"),
        (_sequence((60, 2, 1, 80)), "bad_note"),
    ],
)
def test_unusable_pieces_name_the_reason(sequence, reason):
    with pytest.raises(UnusableSequenceError, match=reason):
        NotePerformanceCodec().encode(sequence)
    assert reason in NotePerformanceCodec().reject_reasons


def test_decoding_what_is_no_event():
    with pytest.raises(ValueError, match="below"):
        _codec().decode(np.array([[13, 0, 0, 0, 0, 0]]))
    assert not _codec().decode(np.zeros([0, 6])).notes


def test_config_round_trip():
    codec = NotePerformanceCodec(8, programs=(0,), max_note_seconds=5.0)
    config = json.loads(json.dumps(codec.get_config()))
    assert NotePerformanceCodec(**config) == codec


def test_bad_arguments_are_named():
    with pytest.raises(UserError, match="NotePerformanceCodec: num_velocity"):
        NotePerformanceCodec(num_velocity_bins=0)
