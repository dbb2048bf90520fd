import itertools

import pytest
from note_seq import chord_symbols_lib

from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.data.synthetic import SyntheticDataset
from magenta_lite.notes.proto import NoteSequence


def _sequences(dataset, split="train"):
    return [
        NoteSequence.FromString(serialized)
        for _, serialized in dataset.sequences(split)
    ]


def test_sizes_and_ids():
    dataset = SyntheticDataset(num_tunes=20)
    assert dataset.splits == ("train", "validation", "test")
    ids = [i for split in dataset.splits for i, _ in dataset.sequences(split)]
    assert len(ids) == len(set(ids)) == 20 + 5 + 5
    assert dataset.num_sequences("train") == 20
    assert dataset.num_sequences("test") == 5
    with pytest.raises(KeyError):
        dataset.num_sequences("dev")


def test_same_seed_same_tunes():
    large, small = SyntheticDataset(30), SyntheticDataset(10)
    assert list(large.sequences("train"))[:10] == list(small.sequences("train"))
    other = SyntheticDataset(10, seed=1)
    assert _sequences(other) != _sequences(small)
    fingerprints = {
        dataset.fingerprint(split)
        for dataset in (large, small, other)
        for split in dataset.splits
    }
    assert len(fingerprints) == 9


def _part(sequence, instrument):
    return [n for n in sequence.notes if n.instrument == instrument]


def _bar_seconds(sequence):
    (meter,) = sequence.time_signatures
    return 2 * meter.numerator / meter.denominator  # 120 quarters a minute


def test_every_tune_has_a_melody():
    codec = MelodyCodec()
    for sequence in _sequences(SyntheticDataset(60)):
        melody = NoteSequence()
        melody.CopyFrom(sequence)
        del melody.notes[:]
        melody.notes.extend(_part(sequence, 0))
        extraction = codec.extract(melody)
        assert len(extraction.events) == 1
        assert not extraction.rejects
        assert codec.min_pitch <= min(n.pitch for n in melody.notes)
        assert max(n.pitch for n in melody.notes) < codec.max_pitch
        whole = codec.extract(sequence)
        assert whole.events[0].tolist() == extraction.events[0].tolist()
        assert whole.rejects["polyphonic"] == 1  # the piano
        assert len(whole.events) + whole.rejects.total() == 3


def test_melodies_of_version_1():
    # The first tune of version 1: random streams must not move them.
    sequence = next(iter(_sequences(SyntheticDataset(1))))
    pitches = [note.pitch for note in _part(sequence, 0)]
    assert pitches[:12] == [67, 68, 70, 74, 70, 67, 63, 67, 70, 67, 63, 60]


def test_tunes_are_whole_bars_in_several_meters():
    meters = set()
    for sequence in _sequences(SyntheticDataset(60)):
        (meter,) = sequence.time_signatures
        meters.add((meter.numerator, meter.denominator))
        assert sequence.total_time == 16 * _bar_seconds(sequence)
        for note, following in itertools.pairwise(_part(sequence, 0)):
            assert note.start_time < note.end_time == following.start_time
        assert max(n.end_time for n in sequence.notes) == sequence.total_time
        assert min(n.start_time for n in sequence.notes) == 0
    assert meters == {(2, 4), (3, 4), (4, 4), (6, 8)}


def test_chords_are_what_the_symbols_say():
    for sequence in _sequences(SyntheticDataset(20)):
        bar_seconds = _bar_seconds(sequence)
        symbols = list(sequence.text_annotations)
        assert [s.time for s in symbols] == [b * bar_seconds for b in range(16)]
        for symbol in symbols:
            assert symbol.annotation_type == symbol.CHORD_SYMBOL
            sounding = {
                n.pitch % 12
                for n in _part(sequence, 1)
                if 0 <= n.start_time - symbol.time < bar_seconds
            }
            named = chord_symbols_lib.chord_symbol_pitches(symbol.text)
            assert sounding == {pitch % 12 for pitch in named}
            bass = [
                n
                for n in _part(sequence, 2)
                if 0 <= n.start_time - symbol.time < bar_seconds
            ]
            assert bass[0].pitch % 12 == chord_symbols_lib.chord_symbol_bass(
                symbol.text
            )


def test_parts_that_codecs_look_for():
    patterns = set()
    for number, sequence in enumerate(_sequences(SyntheticDataset(40))):
        assert {
            (n.instrument, n.program, n.is_drum) for n in sequence.notes
        } == {
            (0, 0, False),
            (1, 0, False),
            (2, 0 if number % 2 else 33, False),
            (9, 0, True),
        }
        assert all(40 <= n.velocity <= 110 for n in sequence.notes)
        assert len({n.velocity for n in _part(sequence, 0)}) > 5
        for note, following in itertools.pairwise(_part(sequence, 2)):
            assert note.end_time == following.start_time
        drums = {n.pitch for n in _part(sequence, 9)}
        assert (
            {36, 38, 49, 50, 48, 45, 43}
            <= drums
            <= {
                *(36, 38, 49, 50, 48, 45, 43),
                *(42, 46, 51),
            }
        )
        patterns.add(
            tuple(
                (n.pitch, round(n.start_time / 0.25))
                for n in _part(sequence, 9)
                if n.start_time < _bar_seconds(sequence) - 0.1
            )
        )
        pedals = sequence.control_changes
        assert [p.control_number for p in pedals] == [64] * 32
        assert [p.control_value for p in pedals] == [127, 0] * 16
    assert len(patterns) > 12
