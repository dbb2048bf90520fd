"""Inferred chords are those of note_seq."""

import numpy as np
import pytest
from note_seq import chord_inference as reference
from note_seq import sequences_lib
from shared_data import shared_dir

from magenta_lite.notes import chord_inference, midi, quantize
from magenta_lite.notes.proto import NoteSequence


@pytest.fixture(scope="module", autouse=True)
def one_table():
    """note_seq builds its table of transitions anew for every piece."""
    kept = reference._key_chord_transition_distribution
    known = {}

    def cached(distribution, key_change_prob, chord_change_prob):
        key = (key_change_prob, chord_change_prob)
        if key not in known:
            known[key] = kept(distribution, *key)
        return known[key]

    reference._key_chord_transition_distribution = cached
    yield
    reference._key_chord_transition_distribution = kept


def note_seqs(sequence):
    """Steps and symbols by note_seq, for a piece of one tempo and meter."""
    quantized = sequences_lib.quantize_note_sequence(sequence, 4)
    reference.infer_chords_for_sequence(quantized)
    return [(a.quantized_step, a.text) for a in quantized.text_annotations]


def ours(sequence):
    section = quantize.whole_section(sequence)
    return changes_of(quantize.quantize(section, 4))


def changes_of(notes):
    changes = chord_inference.infer_chords(notes)
    return list(zip(changes.steps.tolist(), changes.figures, strict=True))


def song(bars, meter=(4, 4)):
    """Chords of a bar each at 120 qpm, and a silent bar for ()."""
    seconds = 2.0 * meter[0] / meter[1]
    sequence = NoteSequence(total_time=seconds * len(bars))
    sequence.tempos.add(qpm=120)
    sequence.time_signatures.add(numerator=meter[0], denominator=meter[1])
    for bar, pitches in enumerate(bars):
        for pitch in pitches:
            sequence.notes.add(
                pitch=pitch,
                velocity=80,
                start_time=bar * seconds,
                end_time=(bar + 1) * seconds,
            )
    return sequence


C, F, G7, AM = (60, 64, 67), (65, 69, 72), (55, 59, 62, 65), (57, 60, 64)


def test_plain_chords_are_named():
    expected = [(0, "C"), (16, "F"), (32, "G7"), (48, "C"), (64, "Am")]
    assert ours(song([C, F, G7, C, AM])) == expected
    assert ours(song([C, F, G7], (3, 4))) == [(0, "C"), (12, "F"), (24, "G7")]


def test_drums_and_effects_do_not_count_and_silence_is_nothing():
    sequence = song([C, C])
    sequence.notes.add(
        pitch=61, start_time=0, end_time=4, is_drum=True, instrument=9
    )
    sequence.notes.add(pitch=63, start_time=0, end_time=4, program=120)
    assert ours(sequence) == [(0, "C")]
    drums = NoteSequence()
    drums.notes.add(pitch=36, end_time=1.0, is_drum=True)
    notes = quantize.quantize(quantize.whole_section(drums), 4)
    assert changes_of(notes) == []


def test_other_meters_have_a_chord_a_bar():
    """note_seq refuses them."""
    found = ours(song([C, G7], (5, 4)))
    assert found == [(0, "C"), (20, "G7")]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_equals_note_seq_on_noise(seed):
    rng = np.random.default_rng(seed)
    sequence = song([()] * 12)
    for _ in range(80):
        start = rng.uniform(0, 22)
        sequence.notes.add(
            pitch=int(rng.integers(40, 80)),
            velocity=80,
            start_time=start,
            end_time=min(start + rng.uniform(0.05, 3.0), 24.0),
        )
    assert ours(sequence) == note_seqs(sequence)


@pytest.mark.slow
def test_equals_note_seq_on_tunes():
    paths = sorted(shared_dir("data", "nottingham", "MIDI").glob("*.mid"))
    compared = 0
    for path in paths[::300]:
        sequence = midi.read_midi(path)
        parts = sequences_lib.split_note_sequence_on_time_changes(sequence)
        sections = quantize.split_on_time_changes(sequence)
        for part, section in zip(parts, sections, strict=True):
            try:
                expected = note_seqs(part)
            except reference.ChordInferenceError:
                continue
            notes = quantize.quantize(section, 4)
            assert changes_of(notes) == expected, path
            compared += 1
    assert compared >= 4
