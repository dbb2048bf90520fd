import collections

import numpy as np
from toy_codec import ToyCodec, ToyDataset, sequence_of

from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.data.event_cache import encode_split
from magenta_lite.data.extraction_report import Reject, make_report
from magenta_lite.data.synthetic import SyntheticDataset


def test_report_by_hand(tmp_path):
    tunes = [[(0, 1), (2, 0)], [], [(8, 4)], [(4, 0)], [], [(1, 0), (127, 1)]]
    dataset = ToyDataset([sequence_of(tune) for tune in tunes])
    codec = ToyCodec(pitches=200)
    report = make_report(encode_split(dataset, "train", codec, tmp_path), codec)
    assert (report.codec, report.num_sequences) == ("ToyCodec", 6)
    assert (report.num_used, report.num_examples) == (3, 3)
    assert report.num_events == 3 + 5 + 3
    assert report.lengths == (3, 3, 5)
    assert report.rejects == (
        Reject("no_notes", 2, 2, "a tune without notes"),
        Reject(
            "fewer_than_two_events",
            1,
            1,
            "too short to hold anything to predict",
        ),
    )
    assert report.share(3) == 3 / 6
    assert dataset.reads == 1


def test_empty_report(tmp_path):
    codec = ToyCodec()
    dataset = ToyDataset([sequence_of([])])
    report = make_report(encode_split(dataset, "train", codec, tmp_path), codec)
    assert report.lengths == (0, 0, 0)
    assert report.num_used == report.num_events == 0
    assert report.line() == (
        "ToyCodec read 1 sequences and made 0 examples; left out: no_notes 1 "
        "(a tune without notes)."
    )


def test_line_of_a_split_that_is_used_whole(tmp_path):
    codec = ToyCodec()
    dataset = ToyDataset([sequence_of([(1, 1)])])
    report = make_report(encode_split(dataset, "train", codec, tmp_path), codec)
    assert report.line().endswith("made 1 examples; left out: nothing.")


def test_line_names_the_main_reasons_only(tmp_path):
    class Picky(ToyCodec):
        def extract(self, sequence):
            found = super().extract(sequence)
            for number in range(5):
                found.rejects[f"reason_{number}"] = 9 - number
            return found

    codec = Picky()
    dataset = ToyDataset([sequence_of([(1, 1)])])
    report = make_report(encode_split(dataset, "train", codec, tmp_path), codec)
    assert report.line().endswith(
        "left out: reason_0 9, reason_1 8, reason_2 7, 2 reasons more."
    )


def test_counts_of_real_extraction(tmp_path):
    codec, dataset = MelodyCodec(min_unique_pitches=6), SyntheticDataset(12)
    cache = encode_split(dataset, "train", codec, tmp_path)
    report = make_report(cache, codec)
    hit = collections.Counter()
    for counts in cache.sequences():
        hit.update(counts.rejects)
    assert hit == cache.rejects
    assert report.num_events == int(np.sum(cache.lengths))
    polyphonic = next(r for r in report.rejects if r.reason == "polyphonic")
    assert (polyphonic.num_parts, polyphonic.num_sequences) == (12, 12)
    assert all(reject.explanation for reject in report.rejects)
