import math

import pytest
from toy_codec import PairCodec, ToyCodec, ToyDataset, sequence_of

from magenta_lite.data import cache_files
from magenta_lite.data.event_cache import build_event_cache
from magenta_lite.evaluation.baselines import score_baselines

_CODEC = ToyCodec(pitches=2)  # events 0 (hold), 1, 2


def _cache(folder, tunes, codec=_CODEC):
    sequences = [sequence_of([(p, 0) for p in tune]) for tune in tunes]
    dataset = ToyDataset(sequences, fingerprint=str(tunes))
    return build_event_cache(dataset, "train", codec, folder)


def test_scores_by_hand(tmp_path):
    # As events: [1, 2, 1, 2] and [1, 1]; to be predicted: 2 1 2 1.
    train = _cache(tmp_path, [[0, 1, 0, 1], [0, 0]])
    # As events: [2, 1, 1]; to be predicted: 1 after 2, 1 after 1.
    evaluation = _cache(tmp_path, [[1, 0, 0]])
    scores = score_baselines(train, evaluation, 3)
    # Smoothed unigrams: 1/7, 3/7, 3/7.
    assert scores["unigram"].nats_per_event == pytest.approx(-math.log(3 / 7))
    # After 2 came 1 once: (1 + 1) / (1 + 3). After 1 came 2 twice and 1 once.
    expected = -(math.log(2 / 4) + math.log(2 / 6)) / 2
    assert scores["bigram"].nats_per_event == pytest.approx(expected)
    assert scores["bigram"].num_events == scores["unigram"].num_events == 2
    assert scores["bigram"].perplexity == pytest.approx(math.exp(expected))
    assert scores["bigram"].name == "bigram"


def test_alpha(tmp_path):
    train = _cache(tmp_path, [[0, 1]])
    evaluation = _cache(tmp_path, [[1, 0]])
    score = score_baselines(train, evaluation, 3, alpha=0.5)["unigram"]
    assert score.nats_per_event == pytest.approx(-math.log(0.5 / 2.5))
    with pytest.raises(ValueError, match="alpha"):
        score_baselines(train, evaluation, 3, alpha=0)


def test_shards_do_not_matter(tmp_path, monkeypatch):
    tunes = [[0, 1, 0, 1], [0, 0], [1, 1, 0], [0, 1], [1, 0, 1, 0, 0, 1]]
    whole = _cache(tmp_path / "whole", tunes)
    monkeypatch.setattr(cache_files, "MAX_SHARD_VALUES", 5)
    cut = _cache(tmp_path / "cut", tunes)
    assert len(cut.shards) == 4
    assert score_baselines(whole, whole, 3) == score_baselines(cut, cut, 3)


def test_vectors_are_refused(tmp_path):
    cache = _cache(tmp_path, [[0, 1]], PairCodec(pitches=2))
    with pytest.raises(ValueError, match="plain integers"):
        score_baselines(cache, cache, 3)


def test_repeating_a_bar_by_hand(tmp_path):
    # Bars of two events. To be predicted in training, after the first event:
    # 2 (nothing to copy), 1 and 2 (copies), 1 (a copy), 1 (no copy).
    train = _cache(tmp_path, [[0, 1, 0, 1, 0, 0]])
    # To be predicted: 1 (nothing to copy), 1 (no copy), 1 (a copy).
    evaluation = _cache(tmp_path, [[1, 0, 0, 0]])
    score = score_baselines(train, evaluation, 3, events_per_bar=2)
    one, two = 4 / 8, 3 / 8  # smoothed unigrams
    share = 0.5
    for _ in range(1000):
        of_one = share / (share + (1 - share) * one)
        of_two = share / (share + (1 - share) * two)
        share = (2 * of_one + 1 * of_two) / 4
    logs = [
        math.log(one),
        math.log((1 - share) * one),
        math.log(share + (1 - share) * one),
    ]
    assert score["repeat_bar"].nats_per_event == pytest.approx(-sum(logs) / 3)
    assert score["repeat_bar"].num_events == 3


def test_repeating_beats_counting_where_bars_repeat(tmp_path):
    train = _cache(tmp_path, [[0, 1, 1, 0] * 9, [1, 1, 0, 1] * 9])
    scores = score_baselines(train, train, 3, events_per_bar=4)
    assert scores["repeat_bar"].nats_per_event < 0.2
    assert scores["bigram"].nats_per_event > 0.4
