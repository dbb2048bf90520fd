"""How long a stretch of music stands in the training data, or twice in it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

import numpy as np

# Any odd number has an inverse modulo 2 ** 64; a large one spreads well.
_BASE = 0x9E3779B97F4A7C15
_MODULUS = 2**64
_LENGTHS_KEPT = 16
"""Sorted runs of so many lengths are kept: 8 bytes an event each."""


def longest_copied_runs(
    pieces: Sequence[np.ndarray], training: Iterable[np.ndarray]
) -> list[int]:
    """The longest run of events of each piece that the training data holds.

    Args:
      pieces: integers `[time]` or `[time, fields]`.
      training: the same, e.g. `EventCache.examples()`; held in memory.

    Returns:
      For each piece the number of events in a row; 0 if none is known.
    """
    known = [_codes(example) for example in training]
    # Numbers below 0 part the examples, each another one: no run crosses them.
    parted = [
        part
        for number, codes in enumerate(known)
        for part in (codes, np.array([-1 - number]))
    ]
    corpus = np.concatenate(parted or [np.zeros([0], np.int64)])

    @functools.lru_cache(maxsize=_LENGTHS_KEPT)
    def known_runs(length: int) -> np.ndarray:
        return np.sort(_hashes(corpus, length))

    def copied(piece: np.ndarray) -> int:
        codes = _codes(piece)
        return _longest(
            lambda n: _any_in(_hashes(codes, n), known_runs(n)),
            min(len(codes), len(corpus)),
        )

    return [copied(piece) for piece in pieces]


def longest_repeat(piece: np.ndarray) -> int:
    """The longest run of events that stands at two places of a piece.

    The two may overlap, so a piece that ends in an endless loop of p events
    repeats all of the loop but the first p.

    Args:
      piece: integers `[time]` or `[time, fields]`.

    Returns:
      The number of events in a row; 0 if no event comes twice.
    """
    codes = _codes(piece)

    def is_repeated(length: int) -> bool:
        hashes = _hashes(codes, length)
        return len(np.unique(hashes)) < len(hashes)

    return _longest(is_repeated, max(len(codes) - 1, 0))


def _any_in(values: np.ndarray, known: np.ndarray) -> bool:
    """Whether any value is among sorted ones, of which there are some."""
    places = np.searchsorted(known, values)
    return bool((known[np.minimum(places, len(known) - 1)] == values).any())


def _longest(is_found: Callable[[int], bool], most: int) -> int:
    """Where a run of n is found, one of n - 1 is, too.

    Doubling, then bisection: the lengths that are tried are few, and much the
    same for every piece.
    """
    low, high = 0, 1
    while high <= most and is_found(high):
        low, high = high, 2 * high
    high = min(high - 1, most)
    while low < high:
        middle = (low + high + 1) // 2
        if is_found(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _codes(events: np.ndarray) -> np.ndarray:
    """One number for each event: `[time]`, at least 0."""
    events = np.asarray(events, np.int64)
    if events.ndim == 1:
        return events
    mixed = np.zeros([len(events)], np.uint64)
    for field in events.T.astype(np.uint64):
        mixed = mixed * np.uint64(_BASE) + field + np.uint64(1)
    return (mixed >> np.uint64(1)).astype(np.int64)


def _hashes(codes: np.ndarray, length: int) -> np.ndarray:
    """A number for every run of some length (Karp and Rabin, 1987)."""
    values = codes.astype(np.uint64) * np.uint64(_BASE) + np.uint64(1)
    values ^= values >> np.uint64(29)
    powers = _powers(_BASE, len(codes))
    sums = np.concatenate([[np.uint64(0)], np.cumsum(values * powers)])
    runs = sums[length:] - sums[:-length]
    return runs * _powers(pow(_BASE, -1, _MODULUS), len(runs))


def _powers(base: int, count: int) -> np.ndarray:
    """1, base, base ** 2, ... modulo 2 ** 64."""
    factors = np.full([count], base, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors)
