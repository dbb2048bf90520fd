"""From the (sum, weight) pairs of batches to what people read."""

from __future__ import annotations

import math
from collections.abc import Mapping

_MAX_EXPONENT = 88.0
"""Beyond it, e.g. for the loss of a whole clip, no float32 holds the result."""


def summarise(sums: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Metrics over any number of batches.

    Args:
      sums: (sum, weight) by metric, added up over the batches.

    Returns:
      The quotients, without those of no weight; beside a loss in nats its
      perplexity, `exp(loss)`: "perplexity" for "loss", "perplexity_per_step"
      for "loss_per_step". A latent model's loss (told by "kl") is a bound
      over a whole clip and no event's perplexity.
    """
    means = {n: total / w for n, (total, w) in sums.items() if w > 0}
    if "kl" in means:
        return means
    for name in [n for n in means if n.startswith("loss")]:
        perplexity = name.replace("loss", "perplexity", 1)
        is_huge = means[name] > _MAX_EXPONENT
        means[perplexity] = math.inf if is_huge else math.exp(means[name])
    return means
