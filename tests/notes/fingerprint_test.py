import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magenta_lite.notes import wire
from magenta_lite.notes.fingerprint import melody_fingerprint
from magenta_lite.notes.proto import NoteSequence

TUNE = [(60, 1), (62, 0.5), (64, 0.5), (60, 1.5), (67, 0.5), (65, 2)]


def sequence_of(notes, transpose=0, stretch=1.0, start=0.0, **fields):
    """Notes (pitch, quarters) one after the other."""
    sequence = NoteSequence()
    now = start
    for pitch, length in notes:
        end = now + length * stretch
        sequence.notes.add(
            pitch=pitch + transpose, start_time=now, end_time=end, **fields
        )
        now = end
    return sequence


def fingerprint_of(sequence):
    fields = ("pitch", "start_time", "is_drum")
    return melody_fingerprint(wire.read_messages(sequence, "notes", fields))


def test_it_never_changes():
    # Datasets on disk hold it: a change would split copies of a tune.
    assert (
        fingerprint_of(sequence_of(TUNE)) == "69de46dda68d1478315b2f2771e9eee6"
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(40, 80), st.sampled_from([0.25, 0.5, 0.75, 1, 1.5, 3])
        ),
        max_size=20,
    ),
    st.integers(-24, 24),
    st.floats(0.1, 10),
    st.floats(0, 100),
)
def test_key_tempo_and_start_do_not_count(notes, transpose, stretch, start):
    moved = sequence_of(notes, transpose, stretch, start)
    assert fingerprint_of(moved) == fingerprint_of(sequence_of(notes))


def test_what_does_not_count():
    expected = fingerprint_of(sequence_of(TUNE))
    other = sequence_of(TUNE, velocity=3, program=7, instrument=2)
    other.notes.sort(key=lambda note: note.pitch)
    for note in other.notes:
        note.end_time -= 0.1
    other.notes.add(pitch=127, start_time=0.2, end_time=0.3, is_drum=True)
    # A bass below the tune.
    other.notes.add(pitch=30, start_time=0, end_time=4)
    other.notes.add(pitch=36, start_time=2, end_time=4)
    assert fingerprint_of(other) == expected


@pytest.mark.parametrize(
    "changed",
    [
        [*TUNE[:-1], (66, 2)],
        [(60, 0.5), *TUNE[1:]],
        TUNE[:-1],
        [*TUNE, (60, 1)],
        TUNE[::-1],
    ],
)
def test_what_counts(changed):
    assert fingerprint_of(sequence_of(changed)) != fingerprint_of(
        sequence_of(TUNE)
    )


def test_drums_are_not_transposed():
    beat = [(36, 1), (38, 1), (36, 1), (42, 1)]
    one = fingerprint_of(sequence_of(beat, is_drum=True))
    assert one == fingerprint_of(sequence_of(beat, 0, 2.0, is_drum=True))
    assert one != fingerprint_of(sequence_of(beat, 1, is_drum=True))
    assert one != fingerprint_of(sequence_of(beat))


def test_short_sequences_have_one_too():
    prints = {fingerprint_of(sequence_of(TUNE[:count])) for count in range(4)}
    assert len(prints) == 4
    assert all(len(one) == 32 for one in prints)
