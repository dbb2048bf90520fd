import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magenta_lite.notes import wire
from magenta_lite.notes.proto import NoteSequence

_INT32 = st.one_of(
    st.integers(0, 200), st.integers(-(2**31), 2**31 - 1), st.just(0)
)
_INT64 = st.one_of(_INT32, st.integers(-(2**63), 2**63 - 1))
_DOUBLE = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1.5]))
_VALUES = {
    "notes": {
        "pitch": _INT32,
        "velocity": _INT32,
        "start_time": _DOUBLE,
        "end_time": _DOUBLE,
        "instrument": _INT32,
        "program": _INT32,
        "is_drum": st.booleans(),
        "quantized_start_step": _INT64,
        "pitch_name": st.integers(0, 5),
    },
    "control_changes": {
        "time": _DOUBLE,
        "control_number": _INT32,
        "control_value": _INT32,
        "is_drum": st.booleans(),
        "quantized_step": _INT64,
    },
    "pitch_bends": {"time": _DOUBLE, "bend": _INT32, "program": _INT32},
    "tempos": {"time": _DOUBLE, "qpm": _DOUBLE},
}


@st.composite
def messages(draw, max_size=12):
    """The name of a field and its messages, as dictionaries."""
    name = draw(st.sampled_from(sorted(_VALUES)))
    rows = st.lists(st.fixed_dictionaries(_VALUES[name]), max_size=max_size)
    return name, draw(rows)


def built(name, rows):
    """A sequence made message by message."""
    sequence = NoteSequence()
    for row in rows:
        getattr(sequence, name).add(**row)
    return sequence


def columns(name, rows):
    kinds = {_DOUBLE: np.float64, _VALUES["notes"]["is_drum"]: np.bool_}
    return {
        field: np.array(
            [row[field] for row in rows], kinds.get(strategy, np.int64)
        )
        for field, strategy in _VALUES[name].items()
    }


@settings(max_examples=150, deadline=None)
@given(messages())
def test_bytes_equal_those_of_protobuf(case):
    name, rows = case
    field = NoteSequence.DESCRIPTOR.fields_by_name[name]
    ours = wire.encode_repeated(field, columns(name, rows))
    theirs = built(name, rows).SerializeToString(deterministic=True)
    assert ours == theirs


@settings(max_examples=150, deadline=None)
@given(messages(), messages(), st.integers(0, 3))
def test_reads_what_protobuf_wrote_amid_other_fields(case, other, num_texts):
    name, rows = case
    sequence = built(name, rows)
    if other[0] != name:
        sequence.MergeFrom(built(*other))
    sequence.total_time = 3.5
    sequence.id = "x" * 300
    sequence.sequence_metadata.title = "B" * 200
    for _ in range(num_texts):
        sequence.text_annotations.add(text="Bb7", time=1)
    found = wire.read_messages(sequence, name, tuple(_VALUES[name]))
    for field, expected in columns(name, rows).items():
        assert found[field].dtype == expected.dtype
        np.testing.assert_array_equal(found[field], expected)


def test_a_note_by_hand():
    field = NoteSequence.DESCRIPTOR.fields_by_name["notes"]
    encoded = wire.encode_repeated(
        field,
        {"pitch": np.array([60, 0]), "velocity": np.array([300, 0])},
    )
    # Field 8 of 5 bytes: field 1 is 60, field 2 is 300; then an empty one.
    assert encoded == bytes([0x42, 5, 0x08, 60, 0x10, 0xAC, 0x02, 0x42, 0])


@pytest.mark.parametrize("num_notes", [0, 1, 15, 16, 17, 1000, 70_000])
def test_many_notes_there_and_back(num_notes):
    rng = np.random.default_rng(num_notes)
    notes = {
        "pitch": rng.integers(0, 128, num_notes),
        "start_time": rng.random(num_notes),
        # 66 is the tag of a note: bytes like it stand everywhere.
        "velocity": np.where(rng.random(num_notes) < 0.5, 66, 0),
        "instrument": rng.integers(0, 2000, num_notes),
    }
    sequence = NoteSequence(total_time=1, ticks_per_quarter=66)
    wire.add_messages(sequence, "notes", notes)
    wire.add_messages(
        sequence,
        "control_changes",
        {"time": np.full(num_notes, 2.5), "control_value": notes["velocity"]},
    )
    assert len(sequence.notes) == num_notes
    for name, expected in notes.items():
        found = wire.read_messages(sequence, "notes", [name])[name]
        np.testing.assert_array_equal(found, expected)
    again = wire.read_messages(sequence, "control_changes", ["control_value"])
    np.testing.assert_array_equal(again["control_value"], notes["velocity"])


@pytest.mark.parametrize("block", [1, 7, 63, 64, 65, 66, 192, 193, 1000])
def test_sizes_that_change_block_by_block(block):
    # A value of 0 is left out, so that its message is two bytes shorter.
    values = np.where(np.arange(3000) // block % 2, 0, 64)
    changes = {
        "time": np.arange(1.0, 3001.0),
        "control_value": values,
        "instrument": np.arange(3000) // 1500 * 200,
    }
    sequence = NoteSequence()
    wire.add_messages(sequence, "control_changes", changes)
    found = wire.read_messages(sequence, "control_changes", tuple(changes))
    for name, expected in changes.items():
        np.testing.assert_array_equal(found[name], expected)


def test_adding_appends():
    sequence = NoteSequence()
    sequence.notes.add(pitch=1)
    wire.add_messages(sequence, "notes", {"pitch": np.array([2, 3])})
    assert [note.pitch for note in sequence.notes] == [1, 2, 3]


@pytest.mark.parametrize("num_notes", [0, 1, 4, 5, 300])
@pytest.mark.parametrize("program", [0, 5, 200, -1])
def test_one_number_stands_for_all(num_notes, program):
    sequence = NoteSequence()
    pitches = np.arange(num_notes) % 128
    columns = {"pitch": pitches, "program": program, "is_drum": 1}
    wire.add_messages(sequence, "notes", columns)
    shared = {"program": program, "is_drum": True}
    expected = [{"pitch": pitch, **shared} for pitch in pitches.tolist()]
    assert sequence == built("notes", expected)


def test_fields_of_a_newer_proto_do_not_disturb():
    # Field 99 of each note, which this version does not know, comes last.
    note = bytes([0x08, 61, 0x98, 0x06, 7])
    data = 3 * (bytes([0x42, len(note)]) + note)
    sequence = NoteSequence.FromString(data)
    found = wire.read_messages(sequence, "notes", ["pitch", "velocity"])
    assert found["pitch"].tolist() == [61] * 3
    assert found["velocity"].tolist() == [0] * 3


def test_columns_of_different_lengths_are_refused():
    field = NoteSequence.DESCRIPTOR.fields_by_name["notes"]
    with pytest.raises(ValueError, match="columns of"):
        wire.encode_repeated(
            field, {"pitch": np.zeros(2), "velocity": np.zeros(3)}
        )
    with pytest.raises(ValueError, match="no number"):
        wire.read_messages(NoteSequence(), "text_annotations", ["time"])
