"""What a codec took from a split and what it left out, in numbers and words."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np

from magenta_lite.codecs.base import Codec
from magenta_lite.data import parallel_encode
from magenta_lite.data.cache_files import EventCache

_MAX_REASONS_IN_LINE = 3


@dataclasses.dataclass(frozen=True)
class Reject:
    """One reason why something was left out.

    Attributes:
      reason: in snake_case.
      num_parts: how many parts (pieces, sections, tracks, ...) it hit.
      num_sequences: how many sequences these belong to.
      explanation: what it means and what can be done; "" if nobody says.
    """

    reason: str
    num_parts: int
    num_sequences: int
    explanation: str


@dataclasses.dataclass(frozen=True)
class ExtractionReport:
    """What came of a split.

    Attributes:
      codec: the name of the codec's class.
      num_sequences: sequences read.
      num_used: sequences with at least one example.
      num_examples: usable parts.
      num_events: events in all of them.
      lengths: shortest, median and longest example, in events; 0 if there is
        none.
      rejects: why parts were left out, the most frequent reason first.
    """

    codec: str
    num_sequences: int
    num_used: int
    num_examples: int
    num_events: int
    lengths: tuple[int, int, int]
    rejects: tuple[Reject, ...]

    def share(self, num_parts: int) -> float:
        """The share of all parts, used or left out."""
        total = self.num_examples + sum(r.num_parts for r in self.rejects)
        return num_parts / total if total else 0.0

    def line(self) -> str:
        """In one line: what was read, and the main reasons in words."""
        listed = [_in_words(r) for r in self.rejects[:_MAX_REASONS_IN_LINE]]
        if more := len(self.rejects) - len(listed):
            listed.append(f"{more} reasons more")
        reasons = ", ".join(listed) or "nothing"
        return (
            f"{self.codec} read {self.num_sequences:,} sequences and made "
            f"{self.num_examples:,} examples; left out: {reasons}."
        )


def make_report(cache: EventCache, codec: Codec) -> ExtractionReport:
    """Sums up a cache; nothing is encoded again.

    Args:
      cache: what `event_cache.encode_split` returned.
      codec: the codec that it was made with.
    """
    num_used = 0
    num_hit: collections.Counter = collections.Counter()
    for counts in cache.sequences():
        num_used += counts.num_examples > 0
        num_hit.update(counts.rejects.keys())
    explanations = parallel_encode.REASONS | dict(codec.reject_reasons)
    lengths = np.sort(cache.lengths)
    places = (0, len(lengths) // 2, -1) if len(lengths) else ()
    shortest, median, longest = [int(lengths[p]) for p in places] or [0, 0, 0]
    return ExtractionReport(
        codec=type(codec).__name__,
        num_sequences=cache.num_sequences,
        num_used=num_used,
        num_examples=cache.num_examples,
        num_events=cache.total_events,
        lengths=(shortest, median, longest),
        rejects=tuple(
            Reject(reason, parts, num_hit[reason], explanations.get(reason, ""))
            for reason, parts in cache.rejects.most_common()
        ),
    )


def _in_words(reject: Reject) -> str:
    words = f"{reject.reason} {reject.num_parts:,}"
    return f"{words} ({reject.explanation})" if reject.explanation else words
