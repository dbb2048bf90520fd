"""Hypothesis strategies for piano playing, and note_seq's reading of it."""

import note_seq
from hypothesis import strategies as st
from note_seq import sequences_lib

from magenta_lite.notes.proto import NoteSequence


@st.composite
def performances(draw, max_notes=30, max_wait=2.5):
    """Chords, repeated and overlapping notes, long waits; now and then pedal.

    Times are whole milliseconds, so that most lie off the grid of 10 ms.
    """
    sequence = NoteSequence()
    millis = st.sampled_from(
        [0, 0, 3, 5, 10, 15, 40, 333, 1000, 1005, int(1000 * max_wait)]
    )
    start = 0
    for wait, length, pitch, velocity in draw(
        st.lists(
            st.tuples(
                millis,
                millis.map(lambda m: m or 1),
                st.sampled_from([0, 60, 60, 61, 64, 67, 127]),
                st.sampled_from([1, 4, 5, 64, 66, 127]),
            ),
            max_size=max_notes,
        )
    ):
        start += wait
        sequence.notes.add(
            start_time=start / 1000,
            end_time=(start + length) / 1000,
            pitch=pitch,
            velocity=velocity,
        )
    for seconds, value in draw(
        st.lists(
            st.tuples(st.integers(0, 30), st.sampled_from([0, 127])),
            max_size=4,
        )
    ):
        sequence.control_changes.add(
            time=seconds / 10, control_number=64, control_value=value
        )
    return sequence


def quantized(sequence, steps_per_second=100):
    """note_seq's pedal and grid."""
    return sequences_lib.quantize_note_sequence_absolute(
        sequences_lib.apply_sustain_control_changes(sequence), steps_per_second
    )


def reference_performance(sequence, num_velocity_bins, max_shift_steps=100):
    """note_seq's Performance."""
    return note_seq.Performance(
        quantized(sequence),
        num_velocity_bins=num_velocity_bins,
        max_shift_steps=max_shift_steps,
    )


def note_rows(sequence):
    """What is heard, in one order."""
    return sorted(
        (n.start_time, n.pitch, n.end_time, n.velocity, n.program)
        for n in sequence.notes
    )
