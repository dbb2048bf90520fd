import itertools

import pytest

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


def test_every_tune_is_a_melody():
    codec = MelodyCodec()
    for sequence in _sequences(SyntheticDataset(60)):
        extraction = codec.extract(sequence)
        assert len(extraction.events) == 1
        assert not extraction.rejects
        assert codec.min_pitch <= min(n.pitch for n in sequence.notes)
        assert max(n.pitch for n in sequence.notes) < codec.max_pitch


def test_tunes_are_whole_bars_in_several_meters():
    meters = set()
    for sequence in _sequences(SyntheticDataset(60)):
        (meter,) = sequence.time_signatures
        meters.add((meter.numerator, meter.denominator))
        quarters = sequence.total_time * sequence.tempos[0].qpm / 60
        assert quarters == 16 * 4 * meter.numerator / meter.denominator
        for note, following in itertools.pairwise(sequence.notes):
            assert note.start_time < note.end_time == following.start_time
    assert meters == {(2, 4), (3, 4), (4, 4), (6, 8)}
