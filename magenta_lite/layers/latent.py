"""A latent vector: a diagonal Gaussian, and how far it is from the prior."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from magenta_lite.layers import row_random

_STDDEV = 1e-3
"""Of new weights that are to say almost nothing."""
_TINY = 1e-30


class DiagonalGaussian(keras.layers.Layer):
    """Mean and standard deviation of a latent vector, from an embedding.

    As in MusicVAE (Roberts et al., 2018): the mean is linear in the
    embedding, the deviation is a softplus of another linear map. The prior is
    the standard normal.

    Args:
      size: of the latent vector.
      starts_apart: whether new weights tell embeddings apart; else all have
        almost the same Gaussian before training, as in the original.
      name: of the layer.
    """

    def __init__(
        self, size: int, starts_apart: bool = False, name: str = "latent"
    ) -> None:
        super().__init__(dtype="float32", name=name)
        self.size = size
        if starts_apart:
            scaled = keras.initializers.VarianceScaling(
                scale=4.0, mode="fan_in", distribution="untruncated_normal"
            )
            self.mu = _linear(size, "mu", scaled)
            self.sigma = _linear(size, "sigma", bias=-1.0)  # deviations of 0.3
        else:
            self.mu = _linear(size, "mu")
            self.sigma = _linear(size, "sigma")

    def build(self, input_shape: Any) -> None:
        """Makes the weights for embeddings `[..., depth]`."""
        self.mu.build(input_shape)
        self.sigma.build(input_shape)
        self.built = True

    def call(self, embedding: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`[batch, depth]` to mean and deviation, each `[batch, size]`."""
        return self.mu(embedding), tf.nn.softplus(self.sigma(embedding))


def sample(
    mu: tf.Tensor,
    sigma: tf.Tensor,
    seed: tf.Tensor,
    first_row: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Draws one vector of each Gaussian; gradients reach both arguments.

    Args:
      mu: float32 `[batch, size]`.
      sigma: float32 `[batch, size]`, positive.
      seed: int32 `[2]`.
      first_row: see `row_random`.
    """
    num_rows, size = tf.unstack(tf.shape(mu))
    return mu + sigma * row_random.normal(seed, first_row, num_rows, [size])


def kl_from_prior(mu: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
    """Kullback-Leibler divergence from N(0, 1) in nats.

    Args:
      mu: float32 `[batch, size]`.
      sigma: float32 `[batch, size]`, positive.

    Returns:
      float32 `[batch, size]`; a clip's divergence is the sum over its last
      axis.
    """
    log_sigma = tf.math.log(tf.maximum(sigma, _TINY))
    return 0.5 * (tf.square(mu) + tf.square(sigma) - 1) - log_sigma


def _linear(
    size: int,
    name: str,
    kernel: keras.initializers.Initializer | None = None,
    bias: float = 0.0,
) -> keras.layers.Dense:
    return keras.layers.Dense(
        size,
        kernel_initializer=kernel
        or keras.initializers.RandomNormal(stddev=_STDDEV),
        bias_initializer=keras.initializers.Constant(bias),
        dtype="float32",
        name=name,
    )
