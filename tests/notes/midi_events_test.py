import numpy as np
import pytest
from midi_streams import random_midi
from note_seq import midi_io

from magenta_lite.notes import midi, midi_events
from magenta_lite.notes.midi_events import (
    CONTROL,
    NOTE_OFF,
    NOTE_ON,
    MidiError,
    read_track,
)


def rows(data):
    track = read_track(bytes(data))
    return [
        (int(tick), int(kind), int(channel), *map(int, values))
        for tick, kind, channel, values in zip(
            track.tick, track.kind, track.channel, track.data, strict=True
        )
    ]


@pytest.mark.parametrize("seed", range(250))
def test_random_messages_equal_note_seq_to_the_byte(seed):
    data = random_midi(seed)
    theirs = midi_io.midi_to_note_sequence(data)
    ours = midi.read_midi(data)
    assert ours.SerializeToString(
        deterministic=True
    ) == theirs.SerializeToString(deterministic=True)


@pytest.mark.parametrize("window", [1, 2, 7, 16, 61])
def test_windows_change_nothing(window, monkeypatch):
    files = [random_midi(seed) for seed in range(40)]
    expected = [midi.read_midi(data) for data in files]
    monkeypatch.setattr(midi_events, "_WINDOW_BYTES", window)
    assert [midi.read_midi(data) for data in files] == expected


def test_running_status_and_long_times_by_hand():
    data = [0, 0x91, 60, 80, 10, 62, 81, 0x81, 0x00, 62, 0, 5, 0x81, 60, 64]
    assert rows(data) == [
        (0, NOTE_ON, 1, 60, 80),
        (10, NOTE_ON, 1, 62, 81),
        (138, NOTE_ON, 1, 62, 0),
        (143, NOTE_OFF, 1, 60, 64),
    ]


def test_running_status_holds_across_meta_events():
    text = [0, 0xFF, 0x01, 2, 0x90, 0x91]
    data = [0, 0xB2, 7, 1, *text, 3, 7, 2, *text, 4, 64, 3]
    assert rows(data) == [
        (0, CONTROL, 2, 7, 1),
        (3, CONTROL, 2, 7, 2),
        (7, CONTROL, 2, 64, 3),
    ]


def test_running_status_of_one_byte_messages():
    data = [0, 0xD0, 1, 2, 3, 4, 5, 0, 0xFF, 1, 0, 6, 7, 0, 0x90, 60, 1]
    assert rows(data) == [
        (0, 0xD0, 0, 1, 0),
        (2, 0xD0, 0, 3, 0),
        (6, 0xD0, 0, 5, 0),
        (12, 0xD0, 0, 7, 0),
        (12, NOTE_ON, 0, 60, 1),
    ]


def test_meta_events_keep_what_they_hold():
    [meta] = read_track(bytes([9, 0xFF, 0x03, 3, *b"abc"])).metas
    assert (meta.tick, meta.kind, meta.data) == (9, 0x03, b"abc")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ([0, 60, 80], "without a status"),
        ([0, 0xF0, 1, 0xF7, 0, 60, 80], "without a status"),
        ([0, 0x90, 60], "ends within"),
        ([0, 0xFF, 1, 5, 1], "ends within"),
        ([0x80], "ends within"),
        ([0, 0x90, 60, 0x80], "above 127"),
        ([0x81] * 5 + [1, 0x90, 60, 80], "more than four"),
        ([0, 0xF4], "status of 0xf4"),
    ],
)
def test_broken_tracks_say_why(data, match):
    with pytest.raises(MidiError, match=match):
        read_track(bytes(data))


def test_random_bytes_are_read_or_refused():
    rng = np.random.default_rng(0)
    num_refused = 0
    for size in rng.integers(0, 300, 500):
        try:
            read_track(rng.bytes(size))
        except MidiError:
            num_refused += 1
    assert num_refused > 400


def test_an_empty_track():
    assert rows([]) == []
