"""PianorollCodec: by hand, against note_seq, on real files."""

import json

import note_seq
import numpy as np
import pytest
from generated_sequences import note_sequences
from hypothesis import given, settings
from hypothesis import strategies as st
from note_seq import sequences_lib
from shared_data import shared_dir

from magenta_lite.codecs.base import DecodeContext, UnusableSequenceError
from magenta_lite.codecs.pianoroll import PianorollCodec
from magenta_lite.errors import UserError
from magenta_lite.notes.files import read_file
from magenta_lite.notes.proto import NoteSequence

_ANY = dict(min_steps=0, max_steps=None)


def _sequence(*notes, num_steps=0):
    """Notes (start step, end step, pitch) at 120 qpm, 4 steps a quarter."""
    sequence = NoteSequence()
    for start, end, pitch in notes:
        sequence.notes.add(
            pitch=pitch, start_time=start / 8, end_time=end / 8, velocity=80
        )
    last = max((end for _, end, _ in notes), default=0)
    sequence.total_time = max(last, num_steps) / 8
    return sequence


def _notes(sequence):
    """(start step, end step, pitch) of a decoded sequence."""
    return [
        (round(n.start_time * 8), round(n.end_time * 8), n.pitch)
        for n in sequence.notes
    ]


def _frames(events):
    """The keys that are on in each frame, behind the START."""
    assert (events[0] == 2).all()
    return [tuple(np.flatnonzero(frame)) for frame in events[1:]]


def test_frames_by_hand():
    codec = PianorollCodec(**_ANY)
    assert codec.event_shape == (88,) and codec.field_sizes == (3,) * 88
    sequence = _sequence((0, 3, 21), (1, 2, 108), (3, 4, 20), num_steps=4)
    (events,) = codec.encode(sequence)
    assert events.dtype == np.int32 and events.shape == (5, 88)
    assert _frames(events) == [(0,), (0, 87), (0,), ()]


@pytest.mark.parametrize(
    ("split_repeats", "expected"),
    [(True, [(39,), (), (39,), (39,)]), (False, [(39,)] * 4)],
)
def test_a_repeated_note(split_repeats, expected):
    codec = PianorollCodec(split_repeats=split_repeats, **_ANY)
    (events,) = codec.encode(_sequence((0, 2, 60), (2, 4, 60)))
    assert _frames(events) == expected


@pytest.mark.parametrize(
    ("num_steps", "num_frames"), [(79, None), (80, 80), (3000, 2048)]
)
def test_lengths(num_steps, num_frames):
    codec = PianorollCodec()
    extraction = codec.extract(_sequence((0, num_steps, 60)))
    if num_frames:
        (events,) = extraction.events
        assert len(events) == 1 + num_frames
    else:
        assert extraction.rejects == {"too_short": 1}
        assert "too_short" in codec.reject_reasons


def test_unusable_pieces_name_the_reason():
    codec = PianorollCodec(**_ANY)
    two = _sequence((0, 1, 60), (0, 1, 64))
    two.notes[0].program = 7
    for sequence, reason in [
        (NoteSequence(), "no_notes"),
        (two, "more_than_one_program"),
        (_sequence((0, 1, 20)), "out_of_range"),
        (_sequence((0, 1, 128)), "bad_note"),
    ]:
        with pytest.raises(UnusableSequenceError) as error:
            codec.encode(sequence)
        assert error.value.rejects == {reason: 1}
        assert reason in codec.reject_reasons


@settings(max_examples=200, deadline=None)
@given(note_sequences(max_changes=0), st.booleans())
def test_frames_equal_note_seq(sequence, split_repeats):
    # note_seq takes drums for piano and is confused by notes out of order.
    for note in sequence.notes:
        note.is_drum = False
    sequence.notes.sort(key=lambda note: note.start_time)
    codec = PianorollCodec(
        min_pitch=40, max_pitch=81, split_repeats=split_repeats, **_ANY
    )
    quantized = sequences_lib.quantize_note_sequence(sequence, 4)
    expected = note_seq.PianorollSequence(
        quantized_sequence=quantized,
        min_pitch=40,
        max_pitch=80,
        split_repeats=split_repeats,
    )
    if not any(expected):
        assert not codec.extract(quantized).events
        return
    (events,) = codec.encode(quantized)
    assert _frames(events) == list(expected)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=30),
    st.integers(0, 5),
)
def test_decoding_equals_note_seq(frames, start_step):
    expected = note_seq.PianorollSequence(
        events_list=[tuple(set(frame)) for frame in frames],
        steps_per_quarter=4,
        start_step=start_step,
    ).to_sequence()
    events = np.zeros([len(frames), 88], np.int32)
    for row, frame in zip(events, frames, strict=True):
        row[frame] = 1
    found = PianorollCodec().decode(
        events, DecodeContext(start_step=start_step)
    )
    assert _notes(found) == sorted(
        _notes(expected), key=lambda note: (note[0], note[2])
    )
    # note_seq forgets a last frame that is silent.
    assert found.total_time * 8 == start_step + len(frames)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(0, 87), max_size=5), min_size=1))
def test_frames_come_back(frames):
    codec = PianorollCodec(**_ANY)
    events = np.full([1 + len(frames), 88], 2, np.int32)
    events[1:] = 0
    for row, frame in zip(events[1:], frames, strict=True):
        row[frame] = 1
    extraction = codec.extract(codec.decode(events))
    if any(frames):
        np.testing.assert_array_equal(extraction.events[0], events)


def test_decoding_takes_everything_from_its_context():
    context = DecodeContext(
        qpm=60, start_step=4, transposition=5, velocity=70, program=19
    )
    events = np.zeros([3, 88], np.int32)
    events[0] = 2
    events[1, 39] = 1
    sequence = PianorollCodec(steps_per_quarter=2).decode(events, context)
    (note,) = sequence.notes
    assert (note.start_time, note.end_time, note.pitch) == (2, 2.5, 55)
    assert (note.velocity, note.program) == (70, 19)
    assert sequence.total_time == 3


@pytest.mark.parametrize("value", [-1, 3])
def test_decoding_what_is_no_event(value):
    with pytest.raises(ValueError, match="0, 1 or 2"):
        PianorollCodec().decode(np.full([1, 88], value))


def test_primer():
    codec = PianorollCodec()
    events, context = codec.encode_primer(_sequence((1, 2, 21)), num_steps=4)
    assert _frames(events) == [(), (0,), (), ()]
    assert context == DecodeContext()
    table = codec.steps_table()
    assert table[np.arange(88), events].sum() == 4
    events, _ = codec.encode_primer(codec.default_primer())
    assert _frames(events) == []
    with pytest.raises(UserError, match="lasts 2 steps, more than the 1"):
        codec.encode_primer(_sequence((1, 2, 21)), num_steps=1)


def test_transposition():
    codec = PianorollCodec(min_pitch=60, max_pitch=64)
    shifts = (-1, 0, 2)
    assert codec.transposed_fields(shifts).tolist() == [
        [1, 2, 3, -1],
        [0, 1, 2, 3],
        [-1, -1, 0, 1],
    ]
    table = codec.transposition_table(shifts)
    assert table.shape == (3, 4, 3)
    assert (table[..., 0] == 0).all() and (table[..., 2] == 2).all()
    assert table[..., 1].tolist() == [
        [-1, 1, 1, 1],
        [1, 1, 1, 1],
        [1, 1, -1, -1],
    ]


def test_config_round_trip():
    codec = PianorollCodec(max_steps=None, split_repeats=False)
    config = json.loads(json.dumps(codec.get_config()))
    assert PianorollCodec(**config) == codec
    assert codec.steps_per_second(60) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(min_pitch=60, max_pitch=60), "60 to 60 is no range"),
        (dict(max_pitch=129), "21 to 129 is no range"),
        (dict(steps_per_quarter=0), "steps_per_quarter"),
        (dict(max_steps=10), "max_steps is less than min_steps"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        PianorollCodec(**arguments)


def test_real_files_come_back():
    folder = shared_dir("data", "nottingham")
    codec = PianorollCodec(**_ANY)
    num_notes = 0
    for path in sorted(folder.rglob("*.mid"))[::100]:
        (sequence,) = read_file(path)
        for events in codec.extract(sequence).events:
            decoded = codec.decode(events)
            (again,) = codec.encode(decoded)
            np.testing.assert_array_equal(again, events)
            num_notes += len(decoded.notes)
    assert num_notes > 1000
