"""From logits to labels: temperature, top-k and top-p, or simply the best.

A sampler is a chain of filters over logits and a draw. All randomness is a
function of the seed: the same seed gives the same labels with and without
XLA, and row i of a batch does not depend on how many rows there are.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Hashable

import gin
import numpy as np
import tensorflow as tf

from magenta_lite.generation.errors import GenerationError

GREEDY_BELOW = 1e-4
"""A temperature below this means: always the most likely label."""

_BELOW_ONE = 1 - 2.0**-20
_BLOCK = 32


@dataclasses.dataclass(frozen=True)
class Filter(abc.ABC):
    """Makes some labels likelier or impossible.

    Subclasses are frozen dataclasses with one number, which may be a tensor:
    so that a compiled loop takes it as an argument and is not compiled again
    for another value.
    """

    @abc.abstractmethod
    def __call__(self, logits: tf.Tensor) -> tf.Tensor:
        """Logits `[batch, classes]` to logits; -inf for impossible labels."""


@gin.register
@dataclasses.dataclass(frozen=True)
class Temperature(Filter):
    """Divides logits: above 1 more random, below 1 less.

    Attributes:
      temperature: positive.
    """

    temperature: float

    def __call__(self, logits: tf.Tensor) -> tf.Tensor:
        """See `Filter`."""
        return logits / self.temperature


@gin.register
@dataclasses.dataclass(frozen=True)
class TopK(Filter):
    """Keeps the k most likely labels; of equal ones, the first.

    Attributes:
      k: at least 1.
    """

    k: int

    def __call__(self, logits: tf.Tensor) -> tf.Tensor:
        """See `Filter`."""
        return _keep_first(logits, _order(logits), self.k)


@gin.register
@dataclasses.dataclass(frozen=True)
class TopP(Filter):
    """Keeps the most likely labels that together reach probability p.

    The label that crosses p is kept (Holtzman et al., 2020).

    Attributes:
      p: above 0, at most 1.
    """

    p: float

    def __call__(self, logits: tf.Tensor) -> tf.Tensor:
        """See `Filter`."""
        order = _order(logits)
        probs = tf.gather(tf.nn.softmax(logits), order, batch_dims=1)
        before = _cumulative(probs) - probs
        kept = tf.reduce_sum(
            tf.cast(before < self.p, tf.float32), axis=-1, keepdims=True
        )  # [b, 1]
        return _keep_first(logits, order, kept)


class Sampler(abc.ABC):
    """Draws labels from logits; subclasses are frozen dataclasses."""

    def __call__(self, logits: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws one label for each row.

        Args:
          logits: float32 `[batch, classes]`.
          seed: int32 `[2]`, the only source of randomness.

        Returns:
          int32 labels `[batch]`.
        """
        return self.choose(self.log_probs(logits), seed)

    @abc.abstractmethod
    def log_probs(self, logits: tf.Tensor) -> tf.Tensor:
        """The logarithms of the probabilities drawn from: `[b, classes]`."""

    @abc.abstractmethod
    def choose(self, log_probs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws labels `[b]` int32 from what `log_probs` returned."""

    @property
    def kind(self) -> Hashable:
        """Equal for samplers that differ in `numbers` alone."""
        return self

    @property
    def numbers(self) -> tuple[float, ...]:
        """What may change without compiling a loop again."""
        return ()

    def with_numbers(self, numbers: tf.Tensor) -> Sampler:
        """The same kind of sampler with other numbers, from a tensor."""
        del numbers
        return self


@gin.register
@dataclasses.dataclass(frozen=True)
class Greedy(Sampler):
    """Always the most likely label."""

    def log_probs(self, logits: tf.Tensor) -> tf.Tensor:
        """The model's own; see `Sampler`."""
        return tf.nn.log_softmax(logits)

    def choose(self, log_probs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """See `Sampler`; the seed does not matter."""
        return tf.argmax(log_probs, axis=-1, output_type=tf.int32)


@gin.register
@dataclasses.dataclass(frozen=True)
class Categorical(Sampler):
    """Draws at random from filtered logits.

    Attributes:
      filters: applied in this order.
    """

    filters: tuple[Filter, ...] = ()

    def log_probs(self, logits: tf.Tensor) -> tf.Tensor:
        """After the filters; see `Sampler`."""
        for step in self.filters:
            logits = step(logits)
        return tf.nn.log_softmax(logits)

    def choose(self, log_probs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Inverts the cumulative distribution; see `Sampler`.

        That needs one random number for each row, where Gumbel noise needs
        one, and two logarithms, for each class.
        """
        probs = tf.exp(log_probs)
        cumulative = _cumulative(probs)  # [b, classes]
        uniform = uniform_noise(tf.shape(log_probs)[:1], seed)
        drawn = (uniform * _BELOW_ONE)[:, tf.newaxis] * cumulative[:, -1:]
        # Sums round: a class of probability 0 must not win by that.
        beyond = tf.logical_and(cumulative > drawn, probs > 0)
        return tf.argmax(
            tf.cast(beyond, tf.int32), axis=-1, output_type=tf.int32
        )

    @property
    def kind(self) -> Hashable:
        """The filters' classes."""
        return (type(self), *(type(step) for step in self.filters))

    @property
    def numbers(self) -> tuple[float, ...]:
        """The filters' numbers."""
        return tuple(
            float(getattr(step, field.name))
            for step in self.filters
            for field in dataclasses.fields(step)
        )

    def with_numbers(self, numbers: tf.Tensor) -> Sampler:
        """The same filters with numbers from a float32 tensor."""
        left = iter(tf.unstack(numbers, num=len(self.numbers)))
        return Categorical(
            tuple(
                type(step)(*(next(left) for _ in dataclasses.fields(step)))
                for step in self.filters
            )
        )


def make_sampler(
    temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> Sampler:
    """The sampler that the usual flags ask for.

    Args:
      temperature: 0 (or below `GREEDY_BELOW`) takes the most likely label.
      top_k: how many labels are kept; 0 for all.
      top_p: how much probability is kept, from above 0 to 1.

    Raises:
      GenerationError: if a number is out of range.
    """
    if not (math.isfinite(temperature) and temperature >= 0):
        raise GenerationError(f"temperature is {temperature}; use 0 or more.")
    if top_k < 0:
        raise GenerationError(f"top_k is {top_k}; use 0 (off) or more.")
    if not 0 < top_p <= 1:
        raise GenerationError(f"top_p is {top_p}; use above 0, at most 1.")
    if temperature < GREEDY_BELOW:
        return Greedy()
    filters: list[Filter] = [Temperature(temperature)]
    if top_k:
        filters.append(TopK(top_k))
    if top_p < 1:
        filters.append(TopP(top_p))
    return Categorical(tuple(filters))


def uniform_noise(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Numbers between 0 and 1, both excluded, the same with and without XLA.

    TensorFlow's own conversion of random bits to floats differs under XLA;
    the bits do not.

    Args:
      shape: of the result.
      seed: int32 `[2]`.

    Returns:
      float32 of that shape; the first rows do not depend on their number.
    """
    bits = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    steps = tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32)
    return (steps + 0.5) * 2.0**-23


def _cumulative(values: tf.Tensor) -> tf.Tensor:
    """Running sums over the last axis of `[batch, classes]`.

    Sums of blocks by small matrix products: XLA's `cumsum` takes several times
    as long on a CPU.
    """
    classes = values.shape[-1]
    blocks = -(-classes // _BLOCK)
    padded = tf.pad(values, [[0, 0], [0, blocks * _BLOCK - classes]])
    inside = tf.reshape(padded, [-1, _BLOCK]) @ _upper_ones(_BLOCK)
    inside = tf.reshape(inside, [-1, blocks, _BLOCK])
    ends = inside[:, :, -1]  # [b, blocks]
    before = ends @ (_upper_ones(blocks) - tf.eye(blocks))
    sums = tf.reshape(inside + before[:, :, tf.newaxis], [-1, blocks * _BLOCK])
    return sums[:, :classes]


def _upper_ones(size: int) -> tf.Tensor:
    """A square matrix of ones on and above the diagonal."""
    return tf.constant(np.triu(np.ones([size, size], np.float32)))


def _order(logits: tf.Tensor) -> tf.Tensor:
    """Labels from the most to the least likely: int32 `[b, classes]`."""
    return tf.argsort(logits, axis=-1, direction="DESCENDING", stable=True)


def _keep_first(
    logits: tf.Tensor, order: tf.Tensor, count: int | tf.Tensor
) -> tf.Tensor:
    """Logits of the first `count` labels in an order, -inf for others."""
    ranks = tf.cast(tf.argsort(order, axis=-1), tf.float32)  # [b, classes]
    kept = ranks < tf.cast(count, tf.float32)
    return tf.where(kept, logits, -math.inf)
