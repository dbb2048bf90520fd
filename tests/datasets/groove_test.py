import collections
import copy

import numpy as np
import pretty_midi
import pytest
from shared_data import shared_dir

from magenta_lite.datasets.groove import performances, windows
from magenta_lite.notes import midi
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.paths import datasets_dir

DUMMY = datasets_dir() / "groove" / "dummy_data" / "groove"


def beat(num_bars, bar_seconds=2.0, seconds=0.25):
    """A hit on each downbeat, numbered by pitch; ends on the last bar line."""
    sequence = NoteSequence(total_time=num_bars * bar_seconds)
    for bar in range(num_bars):
        sequence.notes.add(
            pitch=36 + bar,
            start_time=bar * bar_seconds,
            end_time=bar * bar_seconds + seconds,
        )
    return sequence


def pitches(sequence):
    return [note.pitch for note in sequence.notes]


def test_a_window_starts_at_each_bar():
    cut = windows.cut_windows(beat(4), bar_seconds=2.0, num_bars=2)
    assert [pitches(window) for window in cut] == [[36, 37], [37, 38], [38, 39]]
    assert [note.start_time for note in cut[2].notes] == [0.0, 2.0]
    assert [window.total_time for window in cut] == [4.0] * 3
    offsets = [window.subsequence_info for window in cut]
    assert [o.start_time_offset for o in offsets] == [0.0, 2.0, 4.0]
    assert [o.end_time_offset for o in offsets] == [4.0, 2.0, 0.0]


@pytest.mark.parametrize(("end", "bars"), [(2.9, 1), (3.1, 2), (0.9, 0)])
def test_a_bar_counts_if_half_of_it_is_played(end, bars):
    assert windows.count_bars(NoteSequence(total_time=end), 2.0) == bars


def test_the_last_movement_of_a_pedal_is_the_end():
    sequence = beat(2)
    sequence.control_changes.add(time=7.5, control_number=4)
    assert windows.count_bars(sequence, 2.0) == 4
    cut = windows.cut_windows(sequence, 2.0, 2)
    assert [len(window.notes) for window in cut] == [2, 1, 0]


def test_hits_across_a_bar_line_belong_to_no_window():
    cut = windows.cut_windows(beat(2, seconds=2.1), 2.0, 1)
    assert [pitches(window) for window in cut] == [[], []]


def test_what_is_in_force_at_the_start_is_kept():
    sequence = beat(3)
    sequence.tempos.add(time=0.0, qpm=120)
    sequence.tempos.add(time=5.0, qpm=90)
    for time, number, value in [(0, 4, 1), (1, 4, 2), (1, 7, 3), (2.5, 4, 4)]:
        sequence.control_changes.add(
            time=time, control_number=number, control_value=value
        )
    second, third = windows.cut_windows(sequence, 2.0, 1)[1:]
    assert [
        (change.time, change.control_number, change.control_value)
        for change in second.control_changes
    ] == [(0.0, 4, 2), (0.0, 7, 3), (0.5, 4, 4)]
    assert [(tempo.time, tempo.qpm) for tempo in third.tempos] == [
        (0.0, 120),
        (1.0, 90),
    ]


@pytest.mark.parametrize(
    ("meter", "seconds"), [("4-4", 2.0), ("3-4", 1.5), ("6-8", 3.0)]
)
def test_a_bar_has_a_beat_for_each_of_the_numerator(meter, seconds):
    assert performances.bar_seconds(120, meter) == seconds


def test_whole_performances_have_their_metadata_and_split():
    pieces = [
        piece
        for performance in performances.find_performances(DUMMY)
        for piece in performances.read_performance(performance)
    ]
    assert {piece.id: piece.split for piece in pieces} == {
        "drummer1/session1/1": "train",
        "drummer1/session1/2": "train",
        "drummer2/session1/1": "validation",
        "drummer3/eval_session/1": "test",
    }
    assert pieces[1].metadata == {
        "drummer": "drummer1",
        "session": "drummer1/session1",
        "style_primary": "rock",
        "style_secondary": "",
        "bpm": "120",
        "beat_type": "fill",
        "time_signature": "4-4",
    }
    sequence = NoteSequence.FromString(pieces[1].sequence)
    assert pitches(sequence) == [48, 48, 45, 45, 43, 43, 49]
    assert all(note.is_drum for note in sequence.notes)
    assert sequence.id == "drummer1/session1/2"


def test_windows_have_their_bar_in_their_id():
    results = [
        result
        for performance in performances.find_performances(DUMMY, 4)
        for result in performances.read_performance(performance)
    ]
    assert [result.id for result in results] == [
        "drummer1/session1/1:000",
        "drummer1/session1/1:001",
        "drummer1/session1/2",
        "drummer2/session1/1:000",
        "drummer2/session1/1:001",
        "drummer2/session1/1:002",
        "drummer3/eval_session/1:000",
    ]
    assert results[2].reason == "too_short"


def test_a_broken_index_is_one_line(tmp_path):
    (tmp_path / "info.csv").write_text("drummer,id\nx,y\n")
    with pytest.raises(performances.GrooveIndexError, match="KeyError") as e:
        performances.find_performances(tmp_path)
    assert "\n" not in str(e.value)


def test_a_missing_file_costs_itself_only(tmp_path):
    (tmp_path / "info.csv").write_text((DUMMY / "info.csv").read_text())
    first = performances.find_performances(tmp_path)[0]
    (result,) = performances.read_performance(first)
    assert (result.id, result.reason) == ("drummer1/session1/1", "missing")


def test_counts_are_those_of_tfds():
    counts = {num_bars: collections.Counter() for num_bars in ("whole", 2, 4)}
    num_notes = 0
    for performance in performances.find_performances(
        shared_dir("data", "groove")
    ):
        sequence = midi.read_midi(performance.path)
        num_notes += len(sequence.notes)
        counts["whole"][performance.split] += 1
        bars = windows.count_bars(sequence, performance.bar_seconds)
        for num_bars in (2, 4):
            num_windows = max(bars - num_bars + 1, 0)
            counts[num_bars][performance.split] += num_windows
    assert num_notes == 445_494
    assert counts == {
        "whole": {"train": 897, "validation": 124, "test": 129},
        2: {"train": 18_163, "validation": 2_252, "test": 2_204},
        4: {"train": 17_261, "validation": 2_121, "test": 2_033},
    }


def test_windows_hold_the_notes_that_pretty_midi_keeps():
    """TFDS cuts with pretty_midi: every hundredth performance."""
    found = performances.find_performances(shared_dir("data", "groove"), 2)
    for performance in found[::100]:
        whole = pretty_midi.PrettyMIDI(performance.path)
        length = performance.bar_seconds
        for number, piece in enumerate(
            result
            for result in performances.read_performance(performance)
            if hasattr(result, "sequence")
        ):
            theirs = copy.deepcopy(whole)
            theirs.adjust_times(
                [number * length, (number + 2) * length], [0, 2 * length]
            )
            expected = sorted(
                (note.pitch, note.start, note.end, note.velocity)
                for instrument in theirs.instruments
                for note in instrument.notes
            )
            ours = sorted(
                (note.pitch, note.start_time, note.end_time, note.velocity)
                for note in NoteSequence.FromString(piece.sequence).notes
            )
            np.testing.assert_allclose(ours, expected, atol=1e-6)
