"""Quantisation by hand-made numbers and against note_seq."""

import note_seq
import numpy as np
import pytest
from generated_sequences import note_sequences
from hypothesis import given, settings
from note_seq import sequences_lib

from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.quantize import (
    QuantizeError,
    note_arrays,
    quantize,
    quantize_to_step,
    read_quantized,
    split_on_time_changes,
    whole_section,
)

_REASONS = {
    note_seq.MultipleTempoError: "multiple_tempos",
    note_seq.MultipleTimeSignatureError: "multiple_time_signatures",
    note_seq.BadTimeSignatureError: "bad_time_signature",
    note_seq.NegativeTimeError: "negative_time",
}


def _sequence(*notes, total_time=None):
    sequence = NoteSequence()
    for start, end in notes:
        sequence.notes.add(
            start_time=start, end_time=end, pitch=60, velocity=90
        )
    end = max((end for _, end in notes), default=0.0)
    sequence.total_time = end if total_time is None else total_time
    return sequence


def test_note_arrays_hold_every_field():
    sequence = NoteSequence()
    sequence.notes.add(
        start_time=0.1,
        end_time=0.7,
        pitch=61,
        velocity=7,
        instrument=3,
        program=40,
        is_drum=True,
    )
    notes = note_arrays(sequence)
    assert len(notes) == 1
    assert (notes.start_seconds[0], notes.end_seconds[0]) == (0.1, 0.7)
    assert (notes.pitch[0], notes.velocity[0]) == (61, 7)
    assert (notes.instrument[0], notes.program[0]) == (3, 40)
    assert notes.is_drum.tolist() == [True]
    assert len(note_arrays(NoteSequence())) == 0


def test_times_go_to_the_nearest_step_and_notes_last_at_least_one():
    # A step is 0.125 s at 120 qpm and 4 steps a quarter.
    sequence = _sequence((0.06, 0.18), (0.0625, 0.0626), (0.5, 0.5))
    notes = quantize(whole_section(sequence), 4)
    assert notes.start_step.tolist() == [0, 1, 4]
    assert notes.end_step.tolist() == [1, 2, 5]
    assert notes.steps_per_bar == 16


@pytest.mark.parametrize(
    ("cutoff", "steps"), [(0.5, [0, 1, 1, 2]), (1, [0, 0, 1, 1])]
)
def test_cutoff(cutoff, steps):
    found = quantize_to_step(np.array([0.49, 0.5, 1.0, 1.5]), 1.0, cutoff)
    assert found.tolist() == steps


def test_cutoff_of_zero_is_note_seqs():
    for seconds in (0.0, 0.1, 1.0, 1.9):
        expected = note_seq.quantize_to_step(seconds, 1.0, quantize_cutoff=0)
        assert quantize_to_step(seconds, 1.0, 0) == expected


def test_bar_that_is_no_whole_number_of_steps():
    sequence = _sequence((0, 1))
    sequence.time_signatures.add(numerator=5, denominator=32)
    assert quantize(whole_section(sequence), 4).steps_per_bar == 2.5


def test_split_cuts_notes_and_counts_from_each_start():
    sequence = _sequence((0, 1), (1.5, 3), (2, 2.5))
    sequence.tempos.add(time=0, qpm=100)
    sequence.tempos.add(time=2, qpm=60)
    sequence.time_signatures.add(time=0, numerator=3, denominator=4)
    first, second = split_on_time_changes(sequence)
    assert (first.offset_seconds, second.offset_seconds) == (0, 2)
    assert (first.qpm, second.qpm) == (100, 60)
    assert first.time_signature == second.time_signature == (3, 4)
    assert first.notes.start_seconds.tolist() == [0, 1.5]
    assert first.notes.end_seconds.tolist() == [1, 2]
    assert second.notes.start_seconds.tolist() == [0]
    assert second.notes.end_seconds.tolist() == [0.5]


def test_silence_at_the_end_counts():
    sequence = _sequence((0, 1), (1.5, 2.25), total_time=3)
    sequence.tempos.add(time=1.5, qpm=60)
    first, second = split_on_time_changes(sequence)
    assert (first.total_seconds, second.total_seconds) == (1.5, 1.5)
    assert quantize(first, 4).total_steps == 12
    assert quantize(second, 4).total_steps == 6


def test_missing_total_time_is_the_end_of_the_last_note():
    (section,) = split_on_time_changes(_sequence((0, 1), total_time=0.0))
    assert len(section.notes) == 1
    assert split_on_time_changes(NoteSequence()) == []


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e30])
def test_absurd_times_are_an_error(seconds):
    with pytest.raises(QuantizeError) as error:
        quantize(whole_section(_sequence((0.0, seconds))), 4)
    assert error.value.reason == "bad_time"


def test_zero_tempo_is_an_error():
    sequence = _sequence((0, 1))
    sequence.tempos.add(qpm=0)
    with pytest.raises(QuantizeError) as error:
        quantize(whole_section(sequence), 4)
    assert error.value.reason == "bad_tempo"


def test_change_of_tempo_names_the_place():
    sequence = _sequence((0, 5))
    sequence.tempos.add(time=3.25, qpm=90)
    with pytest.raises(QuantizeError, match="tempo changes at 3.25 s") as error:
        whole_section(sequence)
    assert "\n" not in str(error.value)


@settings(max_examples=200, deadline=None)
@given(note_sequences(max_changes=2, negative=True))
def test_whole_sequences_quantise_as_in_note_seq(sequence):
    # In unsorted changes note_seq compares with the first one in the list.
    sequence.time_signatures.sort(key=lambda change: change.time)
    sequence.tempos.sort(key=lambda change: change.time)
    try:
        expected = sequences_lib.quantize_note_sequence(sequence, 4)
    except tuple(_REASONS) as error:
        with pytest.raises(QuantizeError) as found:
            quantize(whole_section(sequence), 4)
        # Of several problems another one may be named.
        if found.value.reason != "multiple_tempos":
            assert found.value.reason == _REASONS[type(error)]
        return
    notes = quantize(whole_section(sequence), 4)
    _assert_same(notes, expected)
    _assert_same(read_quantized(expected), expected)
    assert notes.total_steps == expected.total_quantized_steps
    assert read_quantized(expected).total_steps == notes.total_steps


@settings(max_examples=200, deadline=None)
@given(note_sequences())
def test_sections_are_note_seqs(sequence):
    expected = sequences_lib.split_note_sequence_on_time_changes(sequence)
    sections = split_on_time_changes(sequence)
    if not sequence.total_time:
        assert not expected
        return
    assert len(sections) == len(expected)
    for section, proto in zip(sections, expected, strict=True):
        start = proto.subsequence_info.start_time_offset
        assert section.offset_seconds == start
        try:
            quantized = sequences_lib.quantize_note_sequence(proto, 4)
        except note_seq.BadTimeSignatureError:
            with pytest.raises(QuantizeError):
                quantize(section, 4)
            continue
        _assert_same(quantize(section, 4), quantized)


def _assert_same(notes, quantized):
    signature = quantized.time_signatures[0]
    assert notes.time_signature == (signature.numerator, signature.denominator)
    assert notes.qpm == quantized.tempos[0].qpm
    expected = [
        (
            note.quantized_start_step,
            note.quantized_end_step,
            note.pitch,
            note.start_time,
            note.end_time,
        )
        for note in quantized.notes
    ]
    found = zip(
        notes.start_step,
        notes.end_step,
        notes.notes.pitch,
        notes.notes.start_seconds,
        notes.notes.end_seconds,
        strict=True,
    )
    assert list(found) == expected
    in_bar = sequences_lib.steps_per_bar_in_quantized_sequence(quantized)
    assert notes.steps_per_bar == in_bar
