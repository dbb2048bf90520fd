import numpy as np

from magenta_lite.notes.bars import bar_starts
from magenta_lite.notes.proto import NoteSequence


def sequence_of(tempos=(), meters=()):
    sequence = NoteSequence()
    for time, qpm in tempos:
        sequence.tempos.add(time=time, qpm=qpm)
    for time, numerator, denominator in meters:
        sequence.time_signatures.add(
            time=time, numerator=numerator, denominator=denominator
        )
    return sequence


def test_defaults_are_four_four_at_120():
    np.testing.assert_allclose(bar_starts(sequence_of(), 6.5), [0, 2, 4, 6])


def test_a_bar_line_at_the_end_counts_once_the_bar_begins():
    np.testing.assert_allclose(bar_starts(sequence_of(), 4), [0, 2])


def test_six_eight():
    sequence = sequence_of([(0, 60)], [(0, 6, 8)])
    np.testing.assert_allclose(bar_starts(sequence, 8), [0, 3, 6])


def test_tempo_changes_within_a_bar():
    # Three quarters at a second each, then the fourth in half a second.
    sequence = sequence_of([(3, 120), (0, 60)])
    np.testing.assert_allclose(bar_starts(sequence, 6), [0, 3.5, 5.5])


def test_a_new_meter_begins_a_bar():
    sequence = sequence_of([(0, 60)], [(0, 4, 4), (6, 2, 4), (8, 3, 4)])
    np.testing.assert_allclose(bar_starts(sequence, 12), [0, 4, 6, 8, 11])


def test_nonsense_is_left_out_and_the_number_bounded():
    sequence = sequence_of([(0, 0), (1, -3)], [(0, 0, 4), (0, 3, 0)])
    np.testing.assert_allclose(bar_starts(sequence, 3), [0, 2])
    assert len(bar_starts(sequence, 1e6, max_bars=10)) == 10
