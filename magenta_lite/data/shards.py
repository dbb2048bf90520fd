"""The shards of an event cache, read and visited in the graph."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from magenta_lite.data import batching
from magenta_lite.data.cache_files import LENGTH_DTYPE, EventCache

_ORDER_OF_SHARDS, _INSIDE_SHARDS = range(2)


@dataclasses.dataclass(frozen=True)
class Rows:
    """Stretches of one shard's events, in the order of the batches.

    Attributes:
      values: all events of the shard, `[total, *event_shape]`.
      starts: where in `values` each row starts: int32 `[rows]`.
      lengths: events of each row: int32 `[rows]`.
    """

    values: tf.Tensor
    starts: tf.Tensor
    lengths: tf.Tensor

    def reorder(self, order: tf.Tensor) -> Rows:
        """The same rows in another order."""
        starts = tf.gather(self.starts, order)
        return Rows(self.values, starts, tf.gather(self.lengths, order))

    def take(
        self, number: tf.Tensor, num_batches: tf.Tensor, pad: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One of `num_batches` equal parts.

        Returns:
          Events int32 `[batch, time, *event_shape]`, padded with `pad`, and
          lengths int32 `[batch]`.
        """
        start, end = batching.chunk_bounds(
            number, num_batches, tf.size(self.lengths)
        )
        lengths = self.lengths[start:end]
        events = batching.gather_rows(
            self.values, self.starts[start:end], lengths, pad
        )
        return events, lengths


class ShardReader:
    """Reads the shards of a cache with TensorFlow's own file system.

    Args:
      cache: which cache.
    """

    def __init__(self, cache: EventCache) -> None:
        self._dtype = tf.as_dtype(cache.dtype.newbyteorder("="))
        self._event_shape = cache.event_shape
        self._events_paths = tf.constant(
            [str(shard.events_path) for shard in cache.shards]
        )
        self._lengths_paths = tf.constant(
            [str(shard.lengths_path) for shard in cache.shards]
        )

    def read(self, shard: tf.Tensor) -> Rows:
        """Every example of a shard, in the cache's order."""
        raw_lengths = tf.io.read_file(self._lengths_paths[shard])
        lengths = tf.io.decode_raw(raw_lengths, tf.as_dtype(LENGTH_DTYPE))
        raw_values = tf.io.read_file(self._events_paths[shard])
        values = tf.io.decode_raw(raw_values, self._dtype)
        values = tf.reshape(values, [-1, *self._event_shape])
        return Rows(values, tf.cumsum(lengths, exclusive=True), lengths)


class VisitPlan:
    """Which shard is visited when, if each epoch visits all in a new order.

    Visits count on through the epochs: visit v belongs to epoch
    v // num_shards. Everything follows from the seed and the number.

    Args:
      cache: which cache.
      batch_size: most rows of a batch.
      seed: int32 `[2]`.
    """

    def __init__(
        self, cache: EventCache, batch_size: int, seed: tf.Tensor
    ) -> None:
        self._seed = seed
        self._counts = batches_of_shards(cache, batch_size)

    def locate(
        self, visit: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Where a visit goes.

        Returns:
          The shard (int32), its number of batches (int64), the step of the
          first of them (int64), and the visit's own seed (int32 `[2]`).
        """
        num_shards = len(self._counts)
        epoch = visit // num_shards
        place = visit % num_shards
        order = self._order(epoch)
        counts = tf.gather(tf.constant(self._counts), order)
        before = tf.cumsum(counts, exclusive=True)
        first_step = epoch * int(self._counts.sum()) + before[place]
        seed = batching.derive_seed(self._epoch_seed(epoch), _INSIDE_SHARDS)
        shard = order[place]
        seed = batching.derive_seed(seed, shard)
        return shard, counts[place], first_step, seed

    def visit_of_step(self, step: int) -> int:
        """The visit that makes the batch of a step."""
        epoch, batch_in_epoch = divmod(step, int(self._counts.sum()))
        order = self._order(tf.constant(epoch, tf.int64)).numpy()
        ends = np.cumsum(self._counts[order])
        place = np.searchsorted(ends, batch_in_epoch, side="right")
        return epoch * len(self._counts) + int(place)

    def _order(self, epoch: tf.Tensor) -> tf.Tensor:
        seed = batching.derive_seed(self._epoch_seed(epoch), _ORDER_OF_SHARDS)
        return batching.permutation(seed, len(self._counts))

    def _epoch_seed(self, epoch: tf.Tensor) -> tf.Tensor:
        return batching.derive_seed(self._seed, epoch)


def batches_of_shards(cache: EventCache, batch_size: int) -> np.ndarray:
    """Batches that hold each example once: int64 `[num_shards]`."""
    sizes = np.array([s.num_examples for s in cache.shards], np.int64)
    return -(-sizes // batch_size)
