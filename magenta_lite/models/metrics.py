"""From the (sum, weight) pairs of batches to what people read."""

from __future__ import annotations

import math
from collections.abc import Mapping


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
        try:
            means[perplexity] = math.exp(means[name])
        except OverflowError:
            means[perplexity] = math.inf
    return means
