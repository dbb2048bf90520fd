"""Event caches to batches, as `tf.data` datasets.

All randomness is a function of the run's seed and the number of the batch, so
training can start at any step and see what an uninterrupted run would see.
Shards are visited one after another, in a new order every epoch, so memory
does not grow with the corpus.

The batches of a shard have the same number of rows, plus or minus one, and
`batch_size` at most: 130 examples in batches of 128 are twice 65 rows, not 128
and a noisy 2. Every example comes exactly once per epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import tensorflow as tf

from magenta_lite import batch
from magenta_lite.codecs.base import Codec
from magenta_lite.data import batching
from magenta_lite.data.cache_files import EventCache
from magenta_lite.data.shards import (
    Rows,
    ShardReader,
    VisitPlan,
    batches_of_shards,
)

_ROW_ORDER, _BATCH_ORDER, _WINDOWS = range(3)  # randomness within a visit
_VISITS, _STEPS = range(2)  # randomness of the run

AugmentFn = Callable[
    [tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]
]
FinishFn = Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]


class Augmentation(Protocol):
    """A random change of training batches; see `data.augmentation`."""

    def bind(self, codec: Codec) -> AugmentFn:
        """What changes (events, lengths) under an int32 `[2]` seed."""


def batches_per_epoch(cache: EventCache, batch_size: int) -> int:
    """How many batches of `train_batches` show every example once."""
    return int(batches_of_shards(cache, batch_size).sum())


def train_batches(
    cache: EventCache,
    codec: Codec,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    augmentations: Sequence[Augmentation] = (),
    max_events: int | None = None,
    static_shapes: bool = False,
) -> tf.data.Dataset:
    """Endless shuffled batches; batch i depends on (`seed`, i) alone.

    Rows of a batch have similar lengths. An example longer than `max_events`
    is cropped to a window at a random place, a new one every epoch.

    Args:
      cache: the examples.
      codec: the codec that made them.
      batch_size: most rows of a batch.
      seed: fixes order, windows and augmentations.
      start_step: the number of the first batch.
      augmentations: applied in this order.
      max_events: longest row; None is the longest example's length if
        `static_shapes`, else no limit.
      static_shapes: whether every batch is `[batch_size, max_events]`, filled
        up with padding and with rows of length 0, as TPUs want it.

    Returns:
      Elements as in `magenta_lite.batch`; rows of length 0 count nothing.

    Raises:
      ValueError: if a size is too small or the codec cannot be the cache's.
    """
    max_events = _checked_max_events(cache, max_events, static_shapes)
    finish = _finisher(cache, codec, batch_size, max_events, static_shapes)
    augment = _augmenter(augmentations, codec)
    root = tf.constant([seed % 2**31, seed // 2**31 % 2**31], tf.int32)
    step_root = batching.derive_seed(root, _STEPS)
    plan = VisitPlan(cache, batch_size, batching.derive_seed(root, _VISITS))
    reader = ShardReader(cache)

    def visit(number: tf.Tensor) -> tf.data.Dataset:
        shard, num_batches, first_step, visit_seed = plan.locate(number)
        rows = _training_rows(reader.read(shard), max_events, visit_seed)
        order_seed = batching.derive_seed(visit_seed, _BATCH_ORDER)
        order = batching.permutation(order_seed, num_batches)

        def make(step: tf.Tensor) -> dict[str, tf.Tensor]:
            number = tf.cast(order[step - first_step], tf.int64)
            events, lengths = rows.take(number, num_batches, codec.pad)
            seed = batching.derive_seed(step_root, step)
            return finish(*_by_length(*augment(events, lengths, seed)))

        start = tf.maximum(first_step, start_step)
        steps = tf.data.Dataset.range(start, first_step + num_batches)
        return steps.map(make, num_parallel_calls=tf.data.AUTOTUNE)

    first_visit = plan.visit_of_step(start_step)
    visits = tf.data.Dataset.counter(first_visit)
    return _finished(visits.flat_map(visit), tf.data.INFINITE_CARDINALITY)


def eval_batches(
    cache: EventCache,
    codec: Codec,
    batch_size: int,
    max_events: int | None = None,
    static_shapes: bool = False,
    bucketed: bool = True,
) -> tf.data.Dataset:
    """Batches that show every event once, unchanged, the same at every call.

    An example longer than `max_events` is cut into windows that overlap by
    one event, so that each event but an example's first is predicted once.

    Args:
      cache: the examples.
      codec: the codec that made them.
      batch_size: most rows of a batch.
      max_events: as in `train_batches`.
      static_shapes: as in `train_batches`.
      bucketed: whether rows are sorted by length within a shard, which saves
        padding; False keeps the order of the cache.

    Returns:
      A finite dataset of elements as in `magenta_lite.batch`, whose
      `cardinality()` is known.

    Raises:
      ValueError: if a size is too small or the codec cannot be the cache's.
    """
    max_events = _checked_max_events(cache, max_events, static_shapes)
    finish = _finisher(cache, codec, batch_size, max_events, static_shapes)
    reader = ShardReader(cache)

    def visit(shard: tf.Tensor) -> tf.data.Dataset:
        rows = _evaluation_rows(reader.read(shard), max_events, bucketed)
        num_rows = tf.size(rows.lengths, tf.int64)
        num_batches = (num_rows - 1) // batch_size + 1

        def make(number: tf.Tensor) -> dict[str, tf.Tensor]:
            return finish(*rows.take(number, num_batches, codec.pad))

        numbers = tf.data.Dataset.range(num_batches)
        return numbers.map(make, num_parallel_calls=tf.data.AUTOTUNE)

    shards = tf.data.Dataset.range(len(cache.shards))
    total = _num_eval_batches(cache, batch_size, max_events)
    return _finished(shards.flat_map(visit), total)


def _by_length(
    events: tf.Tensor, lengths: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """A batch's rows, shortest first, so that parts of it need less padding."""
    order = tf.argsort(lengths, stable=True)
    return tf.gather(events, order), tf.gather(lengths, order)


def _training_rows(rows: Rows, max_events: int | None, seed: tf.Tensor) -> Rows:
    """One window of each example, in an order that is good for batches."""
    if max_events is not None:
        starts = batching.random_window_starts(
            rows.lengths, max_events, batching.derive_seed(seed, _WINDOWS)
        )
        lengths = tf.minimum(rows.lengths, max_events)
        rows = Rows(rows.values, rows.starts + starts, lengths)
    order_seed = batching.derive_seed(seed, _ROW_ORDER)
    return rows.reorder(batching.bucketed_order(rows.lengths, order_seed))


def _evaluation_rows(
    rows: Rows, max_events: int | None, bucketed: bool
) -> Rows:
    """All windows of all examples."""
    if max_events is not None:
        examples, starts, lengths = batching.all_windows(
            rows.lengths, max_events
        )
        starts += tf.gather(rows.starts, examples)
        rows = Rows(rows.values, starts, lengths)
    if bucketed:
        rows = rows.reorder(tf.argsort(rows.lengths, stable=True))
    return rows


def _num_eval_batches(
    cache: EventCache, batch_size: int, max_events: int | None
) -> int:
    total = 0
    for shard in cache.shards:
        num_rows = shard.num_examples
        if max_events is not None:
            lengths = cache.read_lengths(shard)
            num_rows = int(batching.num_windows(lengths, max_events).sum())
        total += -(-num_rows // batch_size)
    return total


def _augmenter(
    augmentations: Sequence[Augmentation], codec: Codec
) -> AugmentFn:
    """All augmentations as one function."""
    functions = [augmentation.bind(codec) for augmentation in augmentations]

    def augment(
        events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        for place, function in enumerate(functions):
            events, lengths = function(
                events, lengths, batching.derive_seed(seed, place)
            )
        return events, lengths

    return augment


def _finisher(
    cache: EventCache,
    codec: Codec,
    batch_size: int,
    max_events: int | None,
    static_shapes: bool,
) -> FinishFn:
    """What turns (events, lengths) into an element of the dataset."""
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}.")
    if cache.event_shape != codec.event_shape:
        raise ValueError(
            f"the cache holds events of shape {cache.event_shape}, "
            f"{type(codec).__name__} makes {codec.event_shape}."
        )
    steps_table = tf.constant(codec.steps_table(), tf.int32)

    def finish(events: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        if max_events is not None:  # an augmentation may have stretched rows
            events = events[:, :max_events]
            lengths = tf.minimum(lengths, max_events)
            if static_shapes:
                events, lengths = batching.fill_up(
                    events, lengths, batch_size, max_events, codec.pad
                )
        return {
            batch.EVENTS: events,
            batch.LENGTHS: lengths,
            batch.STEPS: batching.count_steps(events, lengths, steps_table),
        }

    return finish


def _checked_max_events(
    cache: EventCache, max_events: int | None, static_shapes: bool
) -> int | None:
    if max_events is not None and max_events < 2:
        raise ValueError(f"max_events must be at least 2, not {max_events}.")
    if max_events is None and static_shapes:
        return cache.max_length
    return max_events


def _finished(dataset: tf.data.Dataset, num_batches: int) -> tf.data.Dataset:
    """Adds what every pipeline ends with."""
    options = tf.data.Options()
    options.deterministic = True
    # Each worker builds its own pipeline; TensorFlow must not cut files up.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    dataset = dataset.apply(
        tf.data.experimental.assert_cardinality(num_batches)
    )
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)
