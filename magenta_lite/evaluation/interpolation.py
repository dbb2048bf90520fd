"""How smooth a way between clips is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_SMOOTHING = 0.1


def direct_mixes(
    starts: np.ndarray, ends: np.ndarray, num_points: int, seed: int
) -> np.ndarray:
    """Mixes clips event by event, as a way to compare with.

    Each event is that of the end with a probability that grows evenly along
    the way, drawn anew for every point (Roberts et al., 2018, section 5.3).

    Args:
      starts: int `[pairs, time, ...]`.
      ends: the same.
      num_points: of a way, both ends included.
      seed: makes the randomness.

    Returns:
      int `[pairs, num_points, time, ...]`.
    """
    shares = np.linspace(0, 1, num_points)[:, np.newaxis]
    shape = [len(starts), num_points, starts.shape[1]]
    coins = np.random.default_rng(seed).random(shape)
    from_end = (coins < shares).reshape([*shape, *[1] * (starts.ndim - 2)])
    return np.where(from_end, ends[:, np.newaxis], starts[:, np.newaxis])


def path_distances(paths: np.ndarray) -> dict[str, list[float]]:
    """Normalised Hamming distances along ways, averaged over them.

    Args:
      paths: int `[pairs, points, time, ...]`.

    Returns:
      `from_start` and `from_end` for every point, `to_next` for all but the
      last: which share of the events differs.
    """
    return {
        "from_start": _differ(paths, paths[:, :1]),
        "from_end": _differ(paths, paths[:, -1:]),
        "to_next": _differ(paths[:, 1:], paths[:, :-1]),
    }


def bigram_nats(
    training: Sequence[np.ndarray], clips: np.ndarray, num_events: int
) -> float:
    """How unlikely clips are to counts of pairs of events, a nats an event.

    A way through music that nobody would write costs more than its ends.

    Args:
      training: int `[time]` each; the counts are of these.
      clips: int `[clips, time]`.
      num_events: how many different events there are.
    """
    counts = np.full([num_events, num_events], _SMOOTHING)
    for events in training:
        np.add.at(counts, (events[:-1], events[1:]), 1)
    log_probs = np.log(counts / counts.sum(axis=1, keepdims=True))
    return -float(log_probs[clips[:, :-1], clips[:, 1:]].mean())


def _differ(one: np.ndarray, other: np.ndarray) -> list[float]:
    """Share of different events for each point, over all pairs."""
    differs = one != other  # [pairs, points, time, ...]
    if differs.ndim > 3:
        differs = differs.reshape([*differs.shape[:3], -1]).any(axis=-1)
    return differs.mean(axis=(0, 2)).tolist()
