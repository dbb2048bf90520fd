"""Random music as long as folk melodies, and a plain way to batch it."""

import pathlib

import numpy as np
import tensorflow as tf

from magenta_lite import batch
from magenta_lite.codecs.base import Codec
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.data import cache_files

# 250 events on average, 511 at most.
_LENGTH_SHAPE, _LENGTH_SCALE, _SHORTEST, _LONGEST = 4, 62, 64, 511


def random_cache(
    folder: pathlib.Path, num_melodies: int, codec: Codec | None = None
) -> cache_files.EventCache:
    """Music in which every other event, on average, is the codec's padding.

    Args:
      folder: where the events are written.
      num_melodies: how many.
      codec: whose events; plain ones. Melodies are the default.
    """
    rng = np.random.default_rng(0)
    codec = codec or MelodyCodec()
    writer = cache_files.CacheWriter(
        folder, np.dtype("u2"), (), cache_files.MAX_SHARD_VALUES
    )
    lengths = rng.gamma(_LENGTH_SHAPE, _LENGTH_SCALE, num_melodies)
    for length in np.clip(lengths, _SHORTEST, _LONGEST).astype(int):
        events = rng.integers(0, codec.num_events, length)
        writer.write([np.where(rng.random(length) < 0.5, events, codec.pad)])
    writer.finish({})
    return cache_files.open_cache(folder, {})


def plain_batches(
    cache: cache_files.EventCache, batch_size: int
) -> tf.data.Dataset:
    """The usual pipeline: examples in memory, shuffled, padded."""
    rows = tf.ragged.constant([e.astype(np.int32) for e in cache.examples()])
    dataset = tf.data.Dataset.from_tensor_slices(rows)
    dataset = dataset.shuffle(cache.num_examples, seed=0).repeat()
    dataset = dataset.map(
        lambda events: {batch.EVENTS: events, batch.LENGTHS: tf.size(events)}
    )
    return dataset.padded_batch(batch_size).prefetch(tf.data.AUTOTUNE)
