"""Repairs: nothing stuck, overlapping or hanging is left."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from magenta_lite.notes.postprocess import PostProcessing, post_process
from magenta_lite.notes.proto import NoteSequence


def _sequence(notes, qpm=60):
    sequence = NoteSequence()
    sequence.tempos.add(qpm=qpm)
    for pitch, start, end, *instrument in notes:
        sequence.notes.add(
            pitch=pitch,
            velocity=80,
            start_time=start,
            end_time=end,
            instrument=instrument[0] if instrument else 0,
        )
    sequence.total_time = max((n[2] for n in notes), default=0)
    return sequence


def _notes(sequence):
    return [(n.pitch, n.start_time, n.end_time) for n in sequence.notes]


def _processed(notes, end=10.0, **options):
    return _notes(
        post_process(_sequence(notes), end, PostProcessing(**options))
    )


def test_sound_music_stays_as_it_is():
    sequence = _sequence([(60, 0, 1), (64, 0.5, 2), (60, 1, 3)])
    assert post_process(sequence, 3.0) == sequence


def test_nothing_sounds_beyond_the_end():
    made = post_process(_sequence([(60, 0, 5), (62, 3, 4), (64, 4, 6)]), 4.0)
    assert _notes(made) == [(60, 0, 4), (62, 3, 4)]
    assert made.total_time == 4


def test_a_pitch_ends_where_it_starts_again():
    notes = [(60, 0, 5), (60, 2, 3), (62, 0, 5), (60, 1, 4, 1)]
    assert _processed(notes) == [(60, 0, 2), (60, 2, 3), (62, 0, 5), (60, 1, 4)]
    assert _processed([(60, 1, 2), (60, 1, 3)]) == [(60, 1, 3)]


def test_stuck_and_short_notes():
    notes = [(60, 0, 9), (62, 1, 1.01), (64, 2, 3)]
    made = _processed(notes, max_note_seconds=4, min_note_seconds=0.1)
    assert made == [(60, 0, 4), (64, 2, 3)]


def test_gaps_are_held():
    notes = [(60, 0, 0.9), (62, 1, 1.5), (64, 2, 3), (60, 0, 0.95, 1)]
    made = _processed(notes, smooth_seconds=0.2)
    assert made == [(60, 0, 1), (62, 1, 1.5), (64, 2, 3), (60, 0, 0.95)]


def test_the_grid_is_the_tempo_s():
    notes = [(60, 0.1, 0.13), (62, 0.6, 1.05)]
    made = _processed(notes, steps_per_quarter=4)
    assert made == [(60, 0.0, 0.25), (62, 0.5, 1.0)]


times = st.integers(0, 40).map(lambda step: step / 8)
notes = st.lists(
    st.tuples(st.integers(60, 62), times, times, st.integers(0, 1)), max_size=12
)


@given(notes, st.integers(1, 5))
def test_no_pitch_sounds_twice_at_once(notes, end):
    notes = [(p, min(a, b), max(a, b), i) for p, a, b, i in notes]
    made = post_process(_sequence(notes), end)
    seen = np.zeros([128, 2, 41])
    for note in made.notes:
        assert note.start_time < note.end_time <= end
        steps = slice(int(note.start_time * 8), int(note.end_time * 8))
        seen[note.pitch, note.instrument, steps] += 1
    assert seen.max() <= 1
    # What sounded still sounds, up to the end.
    for pitch, start, stop, instrument in notes:
        steps = slice(int(start * 8), int(min(stop, end) * 8))
        assert seen[pitch, instrument, steps][:1].all()


def test_notes_that_others_cut_short_are_left_out_as_well():
    made = _processed([(60, 0.0, 1.0), (60, 0.1, 1.0)], min_note_seconds=0.2)
    assert made == [(60, 0.1, 1.0)]
