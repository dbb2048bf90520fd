"""How much each dimension of a latent space says about clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.errors import UserError
from magenta_lite.layers.latent import kl_from_prior
from magenta_lite.models.base import LatentModel

ACTIVE_VARIANCE = 0.01


@dataclasses.dataclass(frozen=True)
class LatentUse:
    """What a model's latent dimensions do over some clips.

    Attributes:
      num_clips: over which it was measured.
      kl_nats: float64 `[z_size]`, the mean divergence of each dimension from
        the prior.
      mean_variance: float64 `[z_size]`, how much the mean of each dimension
        varies from clip to clip.
      mean_sigma: float64 `[z_size]`, the mean standard deviation.
    """

    num_clips: int
    kl_nats: np.ndarray
    mean_variance: np.ndarray
    mean_sigma: np.ndarray

    @property
    def active(self) -> np.ndarray:
        """Bool `[z_size]`: where the mean varies by more than 0.01.

        As Burda et al. (2016) count active units: a dimension whose mean does
        not vary says nothing of the clip.
        """
        return self.mean_variance > ACTIVE_VARIANCE

    def as_json(self) -> dict[str, object]:
        """JSON values, dimensions in their order in the vector."""
        return {
            "num_clips": self.num_clips,
            "active_units": int(self.active.sum()),
            "z_size": len(self.active),
            "kl_nats": float(self.kl_nats.sum()),
            "kl_nats_per_dimension": self.kl_nats.tolist(),
            "mean_variance_per_dimension": self.mean_variance.tolist(),
            "mean_sigma_per_dimension": self.mean_sigma.tolist(),
        }


def measure_latent_use(
    model: LatentModel, batches: Iterable[Mapping[str, tf.Tensor]]
) -> LatentUse:
    """Encodes clips and looks at every dimension.

    Args:
      model: any latent model.
      batches: as `data.pipeline.eval_batches` makes them; rows of length 0
        do not count.

    Raises:
      UserError: if there is no clip.
    """
    encode = tf.function(model.encode, autograph=False, reduce_retracing=True)
    count = 0
    sums = np.zeros([4, model.z_size])  # of KL, mean, its square, deviation
    for batch in batches:
        lengths = batch[batch_keys.LENGTHS]
        mu, sigma = encode(batch[batch_keys.EVENTS], lengths)
        real = lengths.numpy() > 0
        kl = kl_from_prior(mu, sigma)
        mu, sigma, kl = (
            tensor.numpy()[real].astype(np.float64)
            for tensor in (mu, sigma, kl)
        )
        count += int(real.sum())
        sums += np.stack(
            [kl.sum(0), mu.sum(0), np.square(mu).sum(0), sigma.sum(0)]
        )
    if not count:
        raise UserError("there is nothing to encode: the split is empty.")
    kl, mean, square, deviation = sums / count
    return LatentUse(count, kl, square - mean**2, deviation)
