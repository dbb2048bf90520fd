"""PolyphonyCodec: by hand, against the reference, the original, real files."""

import json

import numpy as np
import polyphony_reference
import pytest
from generated_sequences import note_sequences
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_data import shared_dir

from magenta_lite.codecs.base import DecodeContext, UnusableSequenceError
from magenta_lite.codecs.polyphony import PolyphonyCodec
from magenta_lite.errors import UserError
from magenta_lite.notes.files import read_file
from magenta_lite.notes.proto import NoteSequence

_ANY = dict(min_steps=0, max_steps=None)
_START, _END, _STEP, _NEW, _HELD = 0, 1, 2, 3, 131


def _sequence(*notes, num_steps=0, program=0, is_drum=False):
    """Notes (start step, end step, pitch) at 120 qpm, 4 steps a quarter."""
    sequence = NoteSequence()
    for start, end, pitch in notes:
        sequence.notes.add(
            pitch=pitch,
            start_time=start / 8,
            end_time=end / 8,
            velocity=80,
            program=program,
            is_drum=is_drum,
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


def test_events_by_hand():
    codec = PolyphonyCodec(**_ANY)
    assert codec.num_events == 259
    sequence = _sequence((0, 2, 60), (1, 3, 67), (2, 3, 60), num_steps=4)
    (events,) = codec.encode(sequence)
    assert events.dtype == np.int32
    assert events.tolist() == [
        *(_START, _NEW + 60, _STEP),
        *(_NEW + 67, _HELD + 60, _STEP),
        *(_HELD + 67, _NEW + 60, _STEP),
        *(_STEP, _END),
    ]


def test_a_unison_is_two_notes():
    codec = PolyphonyCodec(**_ANY)
    notes = (0, 3, 60), (1, 2, 60)
    (events,) = codec.encode(_sequence(*notes))
    assert events.tolist() == [
        *(_START, _NEW + 60, _STEP),
        *(_HELD + 60, _NEW + 60, _STEP),
        *(_HELD + 60, _STEP, _END),
    ]
    # What started first is taken to end first.
    assert _notes(codec.decode(events)) == [(0, 2, 60), (1, 3, 60)]


def test_all_tracks_count_and_drums_do_not():
    sequence = _sequence((0, 1, 60))
    drums = _sequence((0, 2, 36), program=5, is_drum=True)
    sequence.notes.extend(drums.notes)
    sequence.notes.add(pitch=64, end_time=1 / 8, velocity=80, instrument=3)
    (events,) = PolyphonyCodec(**_ANY).encode(sequence)
    assert events.tolist()[:4] == [_START, _NEW + 64, _NEW + 60, _STEP]


@pytest.mark.parametrize(
    ("num_steps", "reason"),
    [(79, "too_short"), (80, None), (512, None), (513, "too_long")],
)
def test_lengths(num_steps, reason):
    codec = PolyphonyCodec()
    extraction = codec.extract(_sequence((0, num_steps, 60)))
    assert len(extraction.events) == (reason is None)
    assert extraction.rejects == ({reason: 1} if reason else {})
    assert set(extraction.rejects) <= set(codec.reject_reasons)


def test_unusable_pieces_name_the_reason():
    codec = PolyphonyCodec(**_ANY)
    two = _sequence((0, 1, 60))
    two.notes.extend(_sequence((0, 1, 60), program=7).notes)
    backwards = _sequence((4, 2, 60), num_steps=8)
    backwards.quantization_info.steps_per_quarter = 4
    for note in backwards.notes:
        note.quantized_start_step, note.quantized_end_step = 4, 2
    for sequence, reason in [
        (NoteSequence(), "no_notes"),
        (_sequence((0, 2, 36), is_drum=True), "no_notes"),
        (two, "more_than_one_program"),
        (_sequence((0, 1, 128)), "bad_note"),
        (backwards, "bad_note"),
    ]:
        with pytest.raises(UnusableSequenceError) as error:
            codec.encode(sequence)
        assert error.value.rejects == {reason: 1}
        assert reason in codec.reject_reasons


def test_one_note_of_years_needs_no_memory():
    extraction = PolyphonyCodec(**_ANY).extract(_sequence((0, 10**8, 60)))
    assert extraction.rejects == {"too_long": 1}


def test_tempo_changes_cut_the_piece():
    sequence = _sequence((0, 6, 60), (6, 8, 62), num_steps=12)
    sequence.tempos.add(time=0.5, qpm=60)
    first, second = PolyphonyCodec(**_ANY).encode(sequence)
    assert (first == _STEP).sum() == 4
    # A step lasts twice as long; what sounded has ended with the first part.
    assert second.tolist() == [
        *(_START, _STEP, _NEW + 62, _STEP, _STEP, _STEP, _END)
    ]


@settings(max_examples=200, deadline=None)
@given(note_sequences(max_changes=0))
def test_extraction_equals_the_reference(sequence):
    codec = PolyphonyCodec(**_ANY)
    notes = [
        (
            round(n.start_time * 8),
            max(round(n.end_time * 8), round(n.start_time * 8) + 1),
            n.pitch,
        )
        for n in sequence.notes
        if not n.is_drum
    ]
    on_grid = _sequence(*notes, num_steps=round(sequence.total_time * 8))
    expected = polyphony_reference.to_events(
        notes, round(on_grid.total_time * 8)
    )
    if notes:
        (events,) = codec.encode(on_grid)
        assert events.tolist() == expected


_EVENTS = st.lists(
    st.one_of(
        st.sampled_from([_START, _END, _STEP, _STEP]),
        st.integers(60, 63).map(_NEW.__add__),
        st.integers(60, 63).map(_HELD.__add__),
        st.integers(0, 258),
    ),
    max_size=60,
)


@settings(max_examples=500, deadline=None)
@given(_EVENTS, st.integers(0, 9))
def test_decoding_equals_the_reference(events, start_step):
    events = [*events, _STEP]
    codec = PolyphonyCodec()
    context = DecodeContext(start_step=start_step)
    sequence = codec.decode(np.array(events, np.int32), context)
    expected = polyphony_reference.to_notes(events)
    assert _notes(sequence) == [
        (start + start_step, end + start_step, pitch)
        for start, end, pitch in expected
    ]
    assert sequence.total_time * 8 == start_step + events.count(_STEP)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 9), st.integers(0, 127)),
        min_size=1,
        max_size=40,
        unique_by=lambda note: note[2],
    ),
    st.integers(0, 50),
)
def test_notes_come_back(rows, num_steps):
    codec = PolyphonyCodec(**_ANY)
    notes = [(start, start + n, pitch) for start, n, pitch in rows]
    notes.sort(key=lambda note: (note[0], note[2]))
    sequence = _sequence(*notes, num_steps=num_steps)
    (events,) = codec.encode(sequence)
    decoded = codec.decode(events)
    assert _notes(decoded) == notes
    assert decoded.total_time == sequence.total_time


def test_what_sounds_at_the_end_ends_there():
    codec = PolyphonyCodec()
    found = codec.decode(np.array([_START, _NEW + 60, _STEP, _HELD + 60]))
    assert _notes(found) == [(0, 2, 60)]
    assert codec.decode(np.array([_START], np.int32)).total_time == 0
    assert not codec.decode(np.zeros([0], np.int32)).notes


def test_decoding_takes_everything_from_its_context():
    context = DecodeContext(
        qpm=60,
        start_step=4,
        transposition=5,
        time_signature=(3, 4),
        velocity=70,
        program=19,
        instrument=2,
    )
    events = np.array([_START, _NEW + 60, _STEP, _STEP, _END])
    sequence = PolyphonyCodec(steps_per_quarter=2).decode(events, context)
    (note,) = sequence.notes
    assert (note.start_time, note.end_time) == (2, 2.5)
    assert (note.pitch, note.velocity) == (55, 70)
    assert (note.program, note.instrument) == (19, 2)
    assert sequence.tempos[0].qpm == 60
    assert sequence.time_signatures[0].numerator == 3
    assert sequence.total_time == 3


@pytest.mark.parametrize("event", [-1, 259])
def test_decoding_what_is_no_event(event):
    with pytest.raises(ValueError, match="0 to 258"):
        PolyphonyCodec().decode(np.array([event]))


def test_primer_is_filled_with_silence():
    codec = PolyphonyCodec()
    sequence = _sequence((1, 2, 60))
    sequence.tempos.add(qpm=60)
    for note in sequence.notes:
        note.start_time, note.end_time = 0.25, 0.5
    events, context = codec.encode_primer(sequence, num_steps=4)
    assert events.tolist() == [0, _STEP, _NEW + 60, _STEP, _STEP, _STEP]
    assert (context.qpm, context.start_step) == (60, 0)
    assert codec.steps_table()[events].sum() == 4
    assert codec.encode_primer(sequence)[0].tolist()[-1] == _STEP
    with pytest.raises(UserError, match="lasts 2 steps, more than the 1"):
        codec.encode_primer(sequence, num_steps=1)


def test_empty_primer_is_the_start():
    codec = PolyphonyCodec()
    events, context = codec.encode_primer(codec.default_primer())
    assert events.tolist() == [_START]
    assert context == DecodeContext()


def test_a_melody_is_imposed_step_by_step():
    codec = PolyphonyCodec()
    sequence = _sequence((0, 2, 60), (3, 4, 67), (3, 5, 72))
    forced = codec.forced_events(sequence, 7)
    assert forced.dtype == np.int32
    assert forced.tolist() == [
        *(_NEW + 60, _HELD + 60, -1, _NEW + 72, _HELD + 72, -1, -1)
    ]
    assert codec.forced_events(sequence, 1).tolist() == [_NEW + 60]
    assert codec.forced_events(NoteSequence(), 2).tolist() == [-1, -1]


def test_primer_of_years_is_an_error():
    for sequence in [_sequence((0, 1, 60), num_steps=10**8), NoteSequence()]:
        with pytest.raises(UserError, match="longer than"):
            PolyphonyCodec().encode_primer(sequence, num_steps=10**8)
    with pytest.raises(UserError, match="longer than"):
        PolyphonyCodec().encode_primer(_sequence((0, 1, 60), num_steps=10**8))


def test_transposition_table():
    table = PolyphonyCodec().transposition_table((-4, 0, 3))
    assert table.shape == (3, 259)
    assert (table[:, :3] == [0, 1, 2]).all()
    assert table[1].tolist() == list(range(259))
    assert table[0, [_NEW, _NEW + 4, _HELD + 60]].tolist() == [
        -1,
        _NEW,
        _HELD + 56,
    ]
    assert table[2, [_NEW + 127, _HELD + 125, _HELD + 124]].tolist() == [
        -1,
        -1,
        _HELD + 127,
    ]


def test_config_round_trip():
    codec = PolyphonyCodec(min_steps=3, max_steps=None)
    config = json.loads(json.dumps(codec.get_config()))
    assert PolyphonyCodec(**config) == codec
    assert codec.steps_per_second(60) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(steps_per_quarter=0), "steps_per_quarter"),
        (dict(max_steps=10), "max_steps is less than min_steps"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        PolyphonyCodec(**arguments)


def test_the_originals_primer():
    folder = shared_dir("reference")
    truth = json.loads((folder / "polyphony.truth.json").read_text())
    sequence = NoteSequence.FromString(
        (folder / "polyphony.primer.pb").read_bytes()
    )
    codec = PolyphonyCodec(**_ANY)
    (events,) = codec.encode(sequence)
    expected = [_event(*pair) for pair in truth["primer_events_encoded"]]
    assert events.tolist() == expected
    assert events[1:].tolist() == truth["labels"]
    made = np.array(
        [_event(*pair) for pair in truth["generated"]["T1.0_seed1234"]]
    )
    whole_steps = [*made.tolist(), _STEP]
    assert _notes(codec.decode(made)) == polyphony_reference.to_notes(
        whole_steps
    )


def _event(kind, pitch):
    return kind if kind < 3 else _NEW + 128 * (kind - 3) + pitch


def test_real_files_come_back():
    folder = shared_dir("data", "nottingham")
    codec = PolyphonyCodec(**_ANY)
    num_notes = 0
    for path in sorted(folder.rglob("*.mid"))[::100]:
        (sequence,) = read_file(path)
        for events in codec.extract(sequence).events:
            decoded = codec.decode(events)
            (again,) = codec.encode(decoded)
            np.testing.assert_array_equal(again, events)
            num_notes += len(decoded.notes)
    assert num_notes > 1000
