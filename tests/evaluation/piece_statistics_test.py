import numpy as np
import pytest

from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.evaluation.piece_statistics import (
    PieceStatistics,
    describe_pieces,
    first_steps,
    medians,
)
from magenta_lite.notes.proto import NoteSequence


def sequence_of(*notes, total_time):
    sequence = NoteSequence(total_time=total_time)
    for pitch, start, end in notes:
        sequence.notes.add(pitch=pitch, start_time=start, end_time=end)
    return sequence


def test_a_piece_by_hand():
    sequence = sequence_of(
        (60, 0, 1), (67, 0, 4), (60, 1, 1.5), (60, 1.25, 5), total_time=4
    )
    events = np.array([1, 2, 3, 1, 2, 9])
    training = [np.array([7, 3, 1, 2]), np.array([9, 9])]
    assert describe_pieces([sequence], [events], training) == [
        PieceStatistics(
            seconds=4,
            num_events=6,
            num_notes=4,
            num_pitches=2,
            lowest_pitch=60,
            highest_pitch=67,
            longest_note_seconds=4,
            num_overlaps=1,  # the last note, for two reasons
            repeat_events=2,
            copy_events=3,
        )
    ]


def test_a_note_may_start_where_another_ends():
    sequence = sequence_of((60, 0, 0.1 + 0.2), (60, 0.3, 1), total_time=1)
    (found,) = describe_pieces([sequence], [np.array([1])], [])
    assert found.num_overlaps == 0


def test_a_note_behind_the_end_of_the_piece_counts():
    sequence = sequence_of((60, 0, 2), total_time=1)
    (found,) = describe_pieces([sequence], [np.array([1])], [])
    assert found.num_overlaps == 1


def test_silence_has_no_pitches():
    (found,) = describe_pieces(
        [NoteSequence(total_time=2)], [np.array([0, 0, 0])], []
    )
    assert np.isnan([found.lowest_pitch, found.longest_note_seconds]).all()
    assert (found.num_notes, found.repeat_events) == (0, 2)


def test_medians_by_hand():
    sequences = [sequence_of((60, 0, s), total_time=s) for s in (1, 2, 9)]
    pieces = describe_pieces(sequences, [np.array([0])] * 3, [])
    assert medians(pieces)["seconds"] == 2
    assert medians(pieces)["lowest_pitch"] == 60


def test_first_steps_where_every_event_is_one():
    events = np.arange(6)
    table = MelodyCodec().steps_table()
    np.testing.assert_array_equal(first_steps(events, table, 4), events[:4])


def test_first_steps_where_only_some_events_take_time():
    events = np.array([1, 1, 0, 1, 2, 1, 0])
    table = np.array([1, 0, 3])  # steps of the events 0, 1 and 2
    np.testing.assert_array_equal(
        first_steps(events, table, 4), [1, 1, 0, 1, 2]
    )


@pytest.mark.parametrize(("num_steps", "kept"), [(2, 1), (3, 2), (4, 3)])
def test_first_steps_of_vectors(num_steps, kept):
    events = np.array([[1, 0], [0, 1], [1, 1]])
    table = np.array([[0, 2], [0, 1]])  # the first lasts 2 steps, then 1, 3
    found = first_steps(events, table, num_steps)
    np.testing.assert_array_equal(found, events[:kept])
