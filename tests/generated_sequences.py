"""Hypothesis strategies for NoteSequences that test every rule."""

from hypothesis import strategies as st

from magenta_lite.notes.proto import NoteSequence

_METERS = [(4, 4), (3, 4), (6, 8), (5, 4), (7, 8), (2, 2), (5, 32), (3, 7)]


@st.composite
def note_sequences(draw, max_changes=3, negative=False):
    """Up to three tracks; mostly one note at a time, now and then a chord."""
    sequence = NoteSequence(ticks_per_quarter=220)
    for instrument in draw(st.lists(st.integers(0, 9), max_size=3)):
        _add_track(draw, sequence, instrument, negative)
    end = max((note.end_time for note in sequence.notes), default=0.0)
    # The end may be anywhere: before the last note, or after it.
    sequence.total_time = max(0.0, end + draw(st.sampled_from([0, 0, 3, -1])))
    seconds = st.sampled_from([0.0, 0.0, 1.0, 2.0, 3.7, 8.0, 20.0])
    for _ in range(draw(st.integers(0, max_changes))):
        numerator, denominator = draw(st.sampled_from(_METERS))
        sequence.time_signatures.add(
            time=draw(seconds), numerator=numerator, denominator=denominator
        )
    for _ in range(draw(st.integers(0, max_changes))):
        sequence.tempos.add(
            time=draw(seconds), qpm=draw(st.sampled_from([120, 120, 90, 61.3]))
        )
    return sequence


def _add_track(draw, sequence, instrument, negative):
    rows = st.tuples(
        st.sampled_from([1, 1, 1, 2, 2, 4, 8, 40, 0]),  # steps to the next
        st.sampled_from([1, 1, 2, 2, 3, 9, 0]),  # steps that it lasts
        st.sampled_from([0.0, 0.0, 0.02, 0.0625, -0.03]),  # off the grid
        st.integers(30, 100),
        st.sampled_from([80, 80, 80, 80, 1, 0]),
    )
    has_drums = draw(st.integers(0, 9)) == 0
    start = -0.5 if negative else 0.0
    for wait, length, offset, pitch, velocity in draw(
        st.lists(rows, max_size=40)
    ):
        time = start + offset
        sequence.notes.add(
            start_time=time if negative else max(0.0, time),
            end_time=max(0.0, time, time + length * 0.125),
            pitch=pitch,
            velocity=velocity,
            instrument=instrument,
            is_drum=has_drums and pitch % 3 == 0,
        )
        start += wait * 0.125
