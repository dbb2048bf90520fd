"""How well counting alone predicts events: what a model must beat.

The n-gram models are fitted and scored on the very positions that a model is
scored on: every event of an example but its first. A label of an encoding and
the event it stands for determine each other given the past, so nats per event
compare with a model's loss whatever its encoding.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.data.cache_files import EventCache

_EM_ITERATIONS = 50


@dataclasses.dataclass(frozen=True)
class BaselineScore:
    """The loss of a baseline.

    Attributes:
      name: `unigram`, `bigram` or `repeat_bar`.
      nats_per_event: mean negative log-likelihood, natural logarithm.
      num_events: over how many events the mean is taken.
    """

    name: str
    nats_per_event: float
    num_events: int

    @property
    def perplexity(self) -> float:
        """The exponential of the loss."""
        return float(np.exp(self.nats_per_event))


def score_baselines(
    train: EventCache,
    evaluation: EventCache,
    num_events: int,
    alpha: float = 1,
    events_per_bar: int | None = None,
) -> dict[str, BaselineScore]:
    """Fits the baselines on one cache and scores them on another.

    Args:
      train: where events are counted.
      evaluation: what is predicted; made by the same codec.
      num_events: the codec's number of events.
      alpha: is added to every count, so that nothing is impossible.
      events_per_bar: adds `repeat_bar`: an event is that of one bar ago, with
        a probability fitted on `train`, or else drawn as a unigram.

    Returns:
      The score of `unigram`, of `bigram`, and of `repeat_bar` if there are
      `events_per_bar`, by name.

    Raises:
      ValueError: if events are vectors, or alpha is not positive.
    """
    if train.event_shape or evaluation.event_shape:
        raise ValueError("baselines are for events that are plain integers.")
    if alpha <= 0:
        raise ValueError(f"alpha must be above 0, not {alpha}.")
    scores = {}
    for name, count in (("unigram", _unigrams), ("bigram", _bigrams)):
        log_probabilities = _log_probabilities(count(train, num_events), alpha)
        counts = count(evaluation, num_events)
        total = int(counts.sum())
        # Scoring needs nothing but how often each n-gram occurs.
        nats = -float((counts * log_probabilities).sum()) / total
        scores[name] = BaselineScore(name, nats, total)
    if events_per_bar:
        unigrams = _log_probabilities(_unigrams(train, num_events), alpha)
        fitted = _copies(train, num_events, events_per_bar)
        counts = _copies(evaluation, num_events, events_per_bar)
        nats = _copy_nats(
            counts, np.exp(unigrams), _copy_share(fitted, np.exp(unigrams))
        )
        scores["repeat_bar"] = BaselineScore(
            "repeat_bar", nats, int(counts.sum())
        )
    return scores


def _log_probabilities(counts: np.ndarray, alpha: float) -> np.ndarray:
    """Log of the smoothed shares along the last axis."""
    smoothed = counts + alpha
    return np.log(smoothed) - np.log(smoothed.sum(axis=-1, keepdims=True))


def _unigrams(cache: EventCache, num_events: int) -> np.ndarray:
    """How often each event is to be predicted: int64 `[num_events]`."""
    return _bigrams(cache, num_events).sum(axis=0)


def _bigrams(cache: EventCache, num_events: int) -> np.ndarray:
    """How often event j follows i: int64 `[num_events, num_events]`."""
    counts = np.zeros([num_events * num_events], np.int64)
    for shard in cache.shards:
        events = cache.read_events(shard).astype(np.int64)
        pairs = events[:-1] * num_events + events[1:]
        starts = np.cumsum(cache.read_lengths(shard))[:-1]
        # The last event of an example and the first of the next are no pair.
        pairs = np.delete(pairs, starts - 1)
        counts += np.bincount(pairs, minlength=counts.size)
    return counts.reshape([num_events, num_events])


def _copies(cache: EventCache, num_events: int, distance: int) -> np.ndarray:
    """How often each event was there `distance` events before, too.

    Returns:
      int64 `[3, num_events]`: events that equal the one so far back, events
      that do not, and events with none so far back.
    """
    counts = np.zeros([3 * num_events], np.int64)
    for shard in cache.shards:
        events = cache.read_events(shard).astype(np.int64)
        lengths = cache.read_lengths(shard)
        starts = np.cumsum(lengths) - lengths
        positions = np.arange(len(events)) - np.repeat(starts, lengths)
        earlier = events[np.maximum(np.arange(len(events)) - distance, 0)]
        kind = np.where(events == earlier, 0, 1)
        kind = np.where(positions < distance, 2, kind)
        codes = (kind * num_events + events)[positions > 0]
        counts += np.bincount(codes, minlength=counts.size)
    return counts.reshape([3, num_events])


def _copy_share(counts: np.ndarray, unigrams: np.ndarray) -> float:
    """The likeliest probability of a copy, by expectation-maximisation."""
    copied, other = counts[0], int(counts[1].sum())
    share = 0.5
    for _ in range(_EM_ITERATIONS):
        meant = share / (share + (1 - share) * unigrams)
        share = float((copied * meant).sum()) / max(copied.sum() + other, 1)
    return share


def _copy_nats(counts: np.ndarray, unigrams: np.ndarray, share: float) -> float:
    """Mean negative log-likelihood of what `_copies` counted."""
    drawn = (1 - share) * unigrams
    with np.errstate(divide="ignore"):
        logs = np.log([share + drawn, drawn, unigrams])
    seen = counts > 0
    return -float((counts[seen] * logs[seen]).sum()) / int(counts.sum())
