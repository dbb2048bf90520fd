"""How notes pair; `midi_events_test` compares with note_seq at random."""

import numpy as np
import pytest

from magenta_lite.notes import midi_notes
from magenta_lite.notes.midi_events import MidiError, read_track
from magenta_lite.notes.midi_notes import read_instruments

ON, OFF = [0x90, 60, 80], [0x80, 60, 0]


def times(*messages):
    """(start, end) of the notes of a track of (time step, message)."""
    data = bytes(b for step, message in messages for b in [step, *message])
    instruments = read_instruments(read_track(data))
    return [
        (int(start), int(end))
        for one in instruments
        for start, end in zip(one.notes["start"], one.notes["end"], strict=True)
    ]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([(0, ON), (9, OFF)], [(0, 9)]),
        ([(0, ON), (0, OFF)], []),
        ([(0, ON), (0, OFF), (5, OFF)], []),
        ([(0, ON), (5, ON), (4, OFF)], [(0, 9), (5, 9)]),
        ([(0, ON), (9, ON), (0, OFF), (5, OFF)], [(0, 9), (9, 14)]),
        ([(0, ON), (9, ON), (0, OFF), (0, OFF)], [(0, 9)]),
        ([(0, ON), (9, ON), (0, OFF)], [(0, 9)]),
        (
            [(0, ON), (9, ON), (0, OFF), (3, ON), (0, OFF), (2, OFF)],
            [(0, 9), (9, 12), (12, 14)],
        ),
        ([(5, OFF), (0, ON)], []),
    ],
)
def test_which_note_off_ends_a_note(messages, expected):
    assert times(*messages) == expected


def test_pitches_and_channels_do_not_mix():
    assert times(
        (0, ON), (1, [0x91, 60, 80]), (1, [0x90, 61, 80]), (1, OFF)
    ) == [(0, 3)]


def test_controls_before_the_first_note_belong_to_it():
    pedal, soft = [0xB0, 64, 127], [0xB0, 67, 1]
    data = [0, *pedal, 0, *ON, 3, *OFF, 0, *soft, 0, 0xB1, 64, 5]
    [one] = read_instruments(read_track(bytes(data)))
    assert one.controls["control_number"].tolist() == [64, 67]
    assert one.controls["time"].tolist() == [0, 3]


def test_programs_of_a_channel_share_what_came_first():
    pedal, program = [0xB0, 64, 127], [0xC0, 5]
    notes = [0, *ON, 3, *OFF]
    data = [0, *pedal, *notes, 0, *program, *notes]
    first, second = read_instruments(read_track(bytes(data)))
    assert (first.program, second.program) == (0, 5)
    assert first.controls["time"].tolist() == [0]
    assert second.controls["time"].tolist() == [0]


def test_shared_controls_are_bounded(monkeypatch):
    monkeypatch.setattr(midi_notes, "MAX_CONTROLS", 100)
    data = 60 * [0, 0xB0, 64, 127] + [0, *ON, 3, *OFF]
    track = read_track(bytes(data))
    assert len(read_instruments(track)) == 1
    data += [0, 0xC0, 5, 0, *ON, 3, *OFF]
    with pytest.raises(MidiError, match="more than 100 controls"):
        read_instruments(read_track(bytes(data)))


def test_many_notes_of_one_pitch():
    count = 10_000
    data = count * [0, *ON] + [5, *OFF]
    [one] = read_instruments(read_track(bytes(data)))
    np.testing.assert_array_equal(one.notes["end"], np.full(count, 5))
