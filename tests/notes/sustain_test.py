"""The sustain pedal: by hand, and against note_seq."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from note_seq import sequences_lib
from shared_data import shared_dir

from magenta_lite.notes.midi import read_midi
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import note_arrays
from magenta_lite.notes.sustain import pedal_changes, sustained_notes


def _sequence(notes, pedal, instrument=0):
    """Notes (pitch, start, end), pedal changes (seconds, value)."""
    sequence = NoteSequence()
    for pitch, start, end in notes:
        sequence.notes.add(
            pitch=pitch,
            start_time=start,
            end_time=end,
            velocity=80,
            instrument=instrument,
        )
    for seconds, value in pedal:
        sequence.control_changes.add(
            time=seconds,
            control_number=64,
            control_value=value,
            instrument=instrument,
        )
    return sequence


def _ends(*arguments):
    return sustained_notes(_sequence(*arguments)).end_seconds.tolist()


def _assert_same(sequence):
    expected = sequences_lib.apply_sustain_control_changes(sequence)
    found = sustained_notes(sequence)
    for name, array in vars(note_arrays(expected)).items():
        np.testing.assert_array_equal(getattr(found, name), array, name)


def test_notes_last_until_the_pedal_goes_up():
    notes = [(60, 0, 1), (64, 0, 3), (67, 2, 5)]
    assert _ends(notes, [(0.5, 64), (4, 63)]) == [4, 4, 5]
    assert _ends(notes, [(0.5, 63), (4, 63)]) == [1, 3, 5]
    # A change at the end of a note acts before that end.
    assert _ends(notes, [(0.5, 127), (3, 0)]) == [3, 3, 5]
    assert _ends(notes, [(1, 127), (4, 0)]) == [4, 4, 5]


def test_without_an_end_of_the_pedal_all_last_to_the_last_moment():
    notes = [(60, 0, 1), (64, 0, 3)]
    assert _ends(notes, [(0, 100)]) == [3, 3]
    assert _ends(notes, [(0, 100), (7, 90)]) == [7, 7]


def test_the_same_pitch_again_ends_a_note_under_the_pedal():
    notes = [(60, 0, 1), (60, 2, 3), (60, 5, 6)]
    assert _ends(notes, [(0, 100), (9, 0)]) == [2, 5, 9]
    # With the pedal up, overlapping notes of one pitch are left alone.
    assert _ends([(60, 0, 4), (60, 2, 3)], []) == [4, 3]
    assert _ends([(60, 0, 4), (60, 2, 3)], [(1, 100), (5, 0)]) == [2, 5]


def test_of_notes_that_start_at_once_the_last_stays():
    notes = [(60, 0, 1), (60, 0, 2), (61, 0, 1)]
    found = sustained_notes(_sequence(notes, [(0, 100), (4, 0)]))
    assert found.pitch.tolist() == [60, 61]
    assert found.end_seconds.tolist() == [4, 4]


def test_pedals_of_others_drums_and_other_controls_change_nothing():
    sequence = _sequence([(60, 0, 1)], [])
    sequence.MergeFrom(_sequence([(60, 0, 1)], [(0, 127), (3, 0)], 1))
    sequence.notes.add(pitch=36, end_time=1, instrument=1, is_drum=True)
    sequence.control_changes.add(control_number=66, control_value=127)
    assert sustained_notes(sequence).end_seconds.tolist() == [1, 3, 1]
    assert pedal_changes(sequence).is_down.tolist() == [True, False]
    assert pedal_changes(sequence, 66).is_down.tolist() == [True]


def test_nothing():
    assert len(sustained_notes(NoteSequence())) == 0
    assert len(sustained_notes(_sequence([], [(0, 127)]))) == 0


@st.composite
def _pedalled_sequences(draw):
    times = st.integers(0, 12).map(lambda eighths: eighths / 8)
    sequence = NoteSequence()
    for pitch, start, length, instrument, velocity in draw(
        st.lists(
            st.tuples(
                st.integers(60, 62),
                times,
                st.sampled_from([0.125, 0.25, 0.5, 0.125, 1.0]),
                st.integers(0, 1),
                st.integers(1, 127),
            ),
            max_size=12,
        )
    ):
        sequence.notes.add(
            pitch=pitch,
            start_time=start,
            end_time=start + length,
            velocity=velocity,
            instrument=instrument,
            is_drum=pitch == 62 and instrument == 1,
        )
    for seconds, value, instrument in draw(
        st.lists(
            st.tuples(
                times, st.sampled_from([0, 63, 64, 127]), st.integers(0, 1)
            ),
            max_size=10,
        )
    ):
        sequence.control_changes.add(
            time=seconds,
            control_number=64,
            control_value=value,
            instrument=instrument,
        )
    return sequence


@settings(max_examples=300, deadline=None)
@given(_pedalled_sequences())
def test_equals_note_seq(sequence):
    _assert_same(sequence)


def test_real_performances_equal_note_seq():
    paths = sorted(shared_dir("data", "maestro_performances").rglob("*.mid"))
    for path in paths[::20]:
        _assert_same(read_midi(path))
