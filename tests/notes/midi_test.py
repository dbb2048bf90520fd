import io
import random

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from note_seq import midi_io
from shared_data import shared_dir

from magenta_lite.notes import midi
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

FIELDS = (
    "notes",
    "tempos",
    "time_signatures",
    "key_signatures",
    "pitch_bends",
    "control_changes",
    "instrument_infos",
)


def content(sequence, fields=FIELDS):
    """All events of a sequence, regardless of their order."""

    def row(event):
        return tuple(
            getattr(event, field.name) for field in event.DESCRIPTOR.fields
        )

    return {
        **{
            field: sorted(map(row, getattr(sequence, field)))
            for field in fields
        },
        "ticks_per_quarter": sequence.ticks_per_quarter,
        "total_time": sequence.total_time,
        "source_info": str(sequence.source_info),
    }


def midi_bytes(*tracks, ticks_per_beat=96):
    """A MIDI file of tracks of (absolute tick, message)."""
    file = mido.MidiFile(ticks_per_beat=ticks_per_beat)
    for events in tracks:
        track, now = mido.MidiTrack(), 0
        for tick, message in events:
            track.append(message.copy(time=tick - now))
            now = tick
        file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def on(pitch, velocity=80, channel=0):
    return mido.Message(
        "note_on", note=pitch, velocity=velocity, channel=channel
    )


def off(pitch, channel=0):
    return mido.Message("note_off", note=pitch, velocity=0, channel=channel)


def tempo(microseconds):
    return mido.MetaMessage("set_tempo", tempo=microseconds)


def starts_and_ends(data):
    return [
        (note.start_time, note.end_time, note.pitch)
        for note in midi.read_midi(data).notes
    ]


def assert_equals_note_seq(data):
    ours, theirs = midi.read_midi(data), midi_io.midi_to_note_sequence(data)
    assert ours.SerializeToString(
        deterministic=True
    ) == theirs.SerializeToString(deterministic=True)


def test_tempo_changes_by_hand():
    data = midi_bytes(
        [(0, tempo(500_000)), (96, tempo(1_000_000)), (192, tempo(250_000))],
        [(0, on(60)), (96, off(60)), (96, on(62)), (240, off(62))],
    )
    sequence = midi.read_midi(data)
    assert starts_and_ends(data) == [(0, 0.5, 60), (0.5, 1.625, 62)]
    assert [(one.time, one.qpm) for one in sequence.tempos] == [
        (0, 120),
        (0.5, 60),
        (1.5, 240),
    ]
    assert sequence.total_time == 1.625
    assert sequence.ticks_per_quarter == 96
    assert_equals_note_seq(data)


@pytest.mark.parametrize(
    "events",
    [
        [],
        [(0, tempo(400_000)), (0, tempo(300_000))],
        [(10, tempo(400_000)), (20, tempo(400_000)), (30, tempo(500_001))],
        [(0, mido.MetaMessage("time_signature", numerator=6, denominator=8))],
        [(7, mido.MetaMessage("key_signature", key="F#m"))],
        [(7, mido.MetaMessage("key_signature", key="Cb"))],
    ],
)
def test_conductor_events_are_as_in_note_seq(events):
    assert_equals_note_seq(
        midi_bytes(events, [(5, on(60)), (50, off(60))], ticks_per_beat=480)
    )


def test_note_off_ends_all_open_notes_of_its_pitch():
    data = midi_bytes(
        [(0, on(60)), (10, on(60)), (96, off(60)), (192, off(60))],
    )
    assert [end for _, end, _ in starts_and_ends(data)] == [0.5, 0.5]
    assert_equals_note_seq(data)


def test_zero_length_notes_do_not_sound():
    data = midi_bytes([(0, on(60)), (0, off(60)), (5, on(61)), (9, off(61))])
    assert len(starts_and_ends(data)) == 1
    assert_equals_note_seq(data)


def test_repeated_note_at_one_tick_keeps_both():
    data = midi_bytes(
        [(0, on(60)), (96, off(60)), (96, on(60)), (192, off(60))]
    )
    assert starts_and_ends(data) == [(0, 0.5, 60), (0.5, 1, 60)]
    assert_equals_note_seq(data)


def test_instruments_drums_and_controls_are_as_in_note_seq():
    data = midi_bytes(
        [],
        [
            (0, mido.MetaMessage("track_name", name="lead")),
            (0, mido.Message("program_change", program=40)),
            (0, mido.Message("control_change", control=7, value=100)),
            (0, on(60)),
            (30, mido.Message("pitchwheel", pitch=-8192)),
            (40, mido.Message("pitchwheel", pitch=8191)),
            (90, off(60)),
        ],
        [(0, on(36, channel=9)), (90, off(36, channel=9))],
    )
    sequence = midi.read_midi(data)
    assert [note.is_drum for note in sequence.notes] == [False, True]
    assert [note.program for note in sequence.notes] == [40, 0]
    assert sequence.instrument_infos[0].name == "lead"
    assert_equals_note_seq(data)


def test_tempo_counts_on_any_track():
    # note_seq ignores it there, and has the note end after half a second.
    data = midi_bytes([], [(0, tempo(1_000_000)), (0, on(60)), (96, off(60))])
    assert starts_and_ends(data) == [(0, 1, 60)]


def test_same_signature_on_two_tracks_counts_once():
    meter = mido.MetaMessage("time_signature", numerator=3, denominator=4)
    data = midi_bytes([(0, meter)], [(0, meter), (0, on(60)), (9, off(60))])
    assert len(midi.read_midi(data).time_signatures) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 400),  # start
            st.integers(1, 200),  # length
            st.integers(58, 62),
            st.integers(1, 127),
        ),
        min_size=1,
        max_size=12,
    ),
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(100_000, 2_000_000)),
        max_size=4,
        unique_by=lambda one: one[0],
    ),
)
def test_any_notes_and_tempos_equal_note_seq(notes, tempos):
    events = [(start, 1, on(pitch, loud)) for start, _, pitch, loud in notes]
    events += [(start + size, 0, off(pitch)) for start, size, pitch, _ in notes]
    events.sort(key=lambda event: event[:2])
    track = [(tick, message) for tick, _, message in events]
    conductor = [(tick, tempo(value)) for tick, value in sorted(tempos)]
    assert_equals_note_seq(midi_bytes(conductor, track))


CORPORA = {
    ("groove",): 50,
    ("nottingham", "MIDI"): 60,
    ("maestro_performances", "midi"): 3,
}


@pytest.mark.parametrize("parts", CORPORA)
def test_real_files_equal_note_seq(parts):
    paths = sorted(shared_dir("data", *parts).rglob("*.mid*"))
    for path in random.Random(0).sample(paths, CORPORA[parts]):
        assert_file_equals_note_seq(path)


@pytest.mark.slow
@pytest.mark.parametrize("parts", CORPORA)
def test_all_real_files_equal_note_seq(parts):
    for path in sorted(shared_dir("data", *parts).rglob("*.mid*")):
        assert_file_equals_note_seq(path)


def assert_file_equals_note_seq(path):
    ours = midi.read_midi(path)
    theirs = midi_io.midi_file_to_note_sequence(str(path))
    for field in ("time_signatures", "key_signatures"):
        # Ours are from all tracks.
        for signature in getattr(theirs, field):
            assert signature in getattr(ours, field), path
        ours.ClearField(field)
        theirs.ClearField(field)
    assert ours == theirs, path


def test_real_files_survive_writing(tmp_path):
    paths = sorted(shared_dir("data", "groove").rglob("*.mid"))
    paths += sorted(shared_dir("data", "nottingham", "MIDI").glob("*.mid"))
    for path in random.Random(1).sample(paths, 40):
        sequence = midi.read_midi(path)
        midi.write_midi(sequence, tmp_path / "again.mid")
        again = midi.read_midi(tmp_path / "again.mid")
        assert content(again) == content(sequence), path


def melody():
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=97)
    sequence.time_signatures.add(numerator=6, denominator=8)
    sequence.key_signatures.add(key=9, mode=1)
    for index, pitch in enumerate([60, 60, 64, 67]):
        sequence.notes.add(
            pitch=pitch,
            velocity=80 + index,
            start_time=index * 0.3,
            end_time=(index + 1) * 0.3,
            program=40,
        )
    sequence.total_time = 1.2
    return sequence


def test_written_melody_reads_back(tmp_path):
    path = tmp_path / "melody.mid"
    midi.write_midi(melody(), path)
    again = midi.read_midi(path)
    for field in ("pitch", "velocity", "program", "instrument", "is_drum"):
        assert [getattr(note, field) for note in again.notes] == [
            getattr(note, field) for note in melody().notes
        ]
    half_tick = 60 / 97 / 220 / 2
    for field in ("start_time", "end_time"):
        np.testing.assert_allclose(
            [getattr(note, field) for note in again.notes],
            [getattr(note, field) for note in melody().notes],
            atol=half_tick,
        )
    assert abs(again.tempos[0].qpm - 97) < 1e-3
    assert again.time_signatures == melody().time_signatures
    assert again.key_signatures == melody().key_signatures


def test_note_seq_reads_what_we_write(tmp_path):
    path = tmp_path / "melody.mid"
    midi.write_midi(melody(), path)
    theirs = midi_io.midi_file_to_note_sequence(str(path))
    assert content(theirs) == content(midi.read_midi(path))


def test_later_tempos_keep_the_times(tmp_path):
    sequence = melody()
    sequence.tempos.add(time=0.4, qpm=53)
    sequence.tempos.add(time=0.8, qpm=211)
    midi.write_midi(sequence, tmp_path / "tempos.mid")
    again = midi.read_midi(tmp_path / "tempos.mid")
    np.testing.assert_allclose(
        [note.start_time for note in again.notes],
        [note.start_time for note in sequence.notes],
        atol=60 / 53 / 220,
    )
    np.testing.assert_allclose(
        [one.qpm for one in again.tempos], [97, 53, 211], rtol=1e-5
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 11), st.sampled_from([0, 1]))
def test_every_key_reads_back(key, mode):
    sequence = melody()
    sequence.key_signatures[0].key = key
    sequence.key_signatures[0].mode = mode
    from magenta_lite.notes import midi_writer

    data = midi_writer.to_score(sequence).dumps_midi()
    assert midi.read_midi(data).key_signatures == sequence.key_signatures


def test_a_note_shorter_than_a_tick_still_sounds(tmp_path):
    sequence = NoteSequence()
    sequence.notes.add(pitch=60, velocity=80, start_time=1, end_time=1)
    midi.write_midi(sequence, tmp_path / "short.mid")
    assert len(midi.read_midi(tmp_path / "short.mid").notes) == 1


def test_an_empty_sequence_can_be_written(tmp_path):
    midi.write_midi(NoteSequence(), tmp_path / "empty.mid")
    assert not midi.read_midi(tmp_path / "empty.mid").notes


@pytest.mark.parametrize(
    "fields",
    [
        {"pitch": 128},
        {"pitch": -1},
        {"velocity": 128},
        {"program": 128},
        {"start_time": -0.1},
        {"end_time": float("nan")},
        {"end_time": 1e12},
    ],
)
def test_what_midi_cannot_hold_is_refused(fields, tmp_path):
    path = tmp_path / "kept.mid"
    path.write_bytes(b"as it was")
    sequence = NoteSequence()
    sequence.notes.add(
        **{"pitch": 60, "velocity": 80, "start_time": 0, "end_time": 1} | fields
    )
    with pytest.raises(NotesError) as caught:
        midi.write_midi(sequence, path)
    assert caught.value.reason == "not_writable"
    assert [one.name for one in tmp_path.iterdir()] == ["kept.mid"]
    assert path.read_bytes() == b"as it was"


def test_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(NotesError, match="cannot be written") as caught:
        midi.write_midi(melody(), tmp_path / "none" / "x.mid")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: b"", "not_midi"),
        (lambda data: b"RIFF" + data, "not_midi"),
        (lambda data: data[:-20], "broken_midi"),
        (lambda data: data[:12] + b"\xe7\x28" + data[14:], "smpte_time"),
        (lambda data: data[:12] + b"\0\0" + data[14:], "broken_midi"),
        (lambda data: data[:18] + b"\x7f" + data[19:], "broken_midi"),
    ],
)
def test_damaged_files_have_a_reason(damage, reason, tmp_path):
    path = tmp_path / "damaged.mid"
    path.write_bytes(damage(midi_bytes([(0, on(60)), (96, off(60))])))
    with pytest.raises(NotesError) as caught:
        midi.read_midi(path)
    assert caught.value.reason == reason
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_random_damage_never_escapes_as_another_error():
    data = midi_bytes(
        [(0, tempo(400_000))],
        [(10 * index, on(60 + index % 5)) for index in range(20)]
        + [(300, off(60 + index)) for index in range(5)],
    )
    chance = random.Random(3)
    outcomes = set()
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(chance.choice([1, 2, 8])):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        try:
            midi.read_midi(bytes(broken))
            outcomes.add("read")
        except NotesError as error:
            outcomes.add(error.reason)
    assert {"read", "broken_midi"} <= outcomes


def test_utf_8_names():
    data = midi_bytes(
        [
            (0, mido.UnknownMetaMessage(3, "Flöte".encode())),
            (0, on(60)),
            (9, off(60)),
        ]
    )
    assert midi.read_midi(data).instrument_infos[0].name == "Flöte"
    latin = data.replace("Flöte".encode(), b"Fl\xf6tes")
    assert midi.read_midi(latin).instrument_infos[0].name == "Flötes"


def test_type_2_is_refused_unless_it_is_one_piece():
    track = [(0, on(60)), (9, off(60))]
    two = bytearray(midi_bytes(track, track))
    two[9] = 2
    with pytest.raises(NotesError, match="2 pieces") as caught:
        midi.read_midi(bytes(two))
    assert caught.value.reason == "midi_type_2"
    one = bytearray(midi_bytes(track))
    one[9] = 2
    assert len(midi.read_midi(bytes(one)).notes) == 1


def test_other_chunks_are_skipped():
    data = midi_bytes([(0, on(60)), (9, off(60))])
    assert midi.read_midi(data[:14] + b"JUNK\0\0\0\2ab" + data[14:]).notes


def test_too_long():
    data = midi_bytes([(0, on(60)), (3 * 3600 * 2 * 96, off(60))])
    assert midi.read_midi(data).total_time == 3 * 3600
    with pytest.raises(NotesError, match=r"lasts 3\.0 hours") as caught:
        midi.read_midi(data, max_seconds=3600.0)
    assert caught.value.reason == "too_long"


def test_limits():
    data = midi_bytes([(0, on(60)), (9, off(60)), (9, on(61)), (12, off(61))])
    with pytest.raises(NotesError, match="bytes") as caught:
        midi.read_midi(data, max_file_bytes=10)
    assert caught.value.reason == "too_large"
    with pytest.raises(NotesError, match="2 notes or more") as caught:
        midi.read_midi(data, max_notes=1)
    assert caught.value.reason == "too_many_notes"
    assert len(midi.read_midi(data, max_notes=2).notes) == 2


def test_large_files_are_refused_by_their_size(tmp_path):
    path = tmp_path / "large.mid"
    path.write_bytes(bytes(1000))
    with pytest.raises(NotesError, match="1000 bytes") as caught:
        midi.read_midi(path, max_file_bytes=999)
    assert caught.value.reason == "too_large"
