"""Random changes of training batches, in the graph.

An augmentation is built by gin without a codec; `bind(codec)` returns a
function `(events [batch, time], lengths [batch], seed [2]) -> (events,
lengths)`, all int32, whose result depends on its arguments alone. Positions
behind a row's length hold `codec.pad` before and after.

What changes lengths much draws one factor for the whole batch: rows of a batch
have similar lengths, and a factor per row would fill the batch with padding.

More of them: `time_augmentation`, `note_augmentation`.
"""

from __future__ import annotations

import dataclasses

import gin
import numpy as np
import tensorflow as tf

from magenta_lite.codecs.base import Codec
from magenta_lite.data import batching
from magenta_lite.data.pipeline import AugmentFn
from magenta_lite.errors import UserError


@gin.register
@dataclasses.dataclass(frozen=True)
class RandomTranspose:
    """Moves every row up or down, by one of the shifts that keep it in range.

    Each row draws uniformly among the shifts under which none of its events
    leaves the codec's range; if there is none, it stays as it is.

    Attributes:
      shifts: semitones to choose from; 0 should be one of them.
    """

    shifts: tuple[int, ...] = tuple(range(-5, 7))

    def bind(self, codec: Codec) -> AugmentFn:
        """Returns the augmentation for events of a codec."""
        shifts = tuple(self.shifts)
        size = codec.num_events
        table = codec.transposition_table(shifts)
        unchanged = np.broadcast_to(
            np.arange(size, dtype=np.int32), table.shape[1:]
        )
        # Where no shift fits, the last row is taken.
        table = np.concatenate([table, unchanged[None]])
        table = table.reshape([len(shifts) + 1, -1])  # [s + 1, values]
        num_values = table.shape[1]
        leaves_range = tf.constant(table[:-1] < 0, tf.float32)
        flat_table = tf.constant(table.reshape([-1]))
        sources = _field_sources(codec, shifts)

        def transpose(
            events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            codes = batching.value_codes(events, size)
            present = _values_present(codes, lengths, num_values)
            num_lost = tf.matmul(present, leaves_range, transpose_b=True)
            shift = _choose(num_lost < 0.5, seed)  # [b]
            offset = tf.reshape(shift, [-1] + [1] * (codes.shape.rank - 1))
            moved = tf.gather(flat_table, offset * num_values + codes)
            if sources is not None:
                moved = _move_fields(moved, tf.gather(sources, shift))
            return batching.pad_rows(moved, lengths, codec.pad), lengths

        return transpose


@gin.register
@dataclasses.dataclass(frozen=True)
class RandomCrop:
    """Keeps a stretch of every row.

    A share of the length is drawn for the batch, uniform between
    `min_fraction` and 1, and a place for each row. A row keeps its share
    rounded up, and two events at least.

    Attributes:
      min_fraction: smallest share of a row that is kept, above 0.
      probability: how often a batch is cropped at all.
    """

    min_fraction: float = 0.5
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.min_fraction <= 1:
            raise UserError(
                "RandomCrop.min_fraction must be above 0 and at most 1, not "
                f"{self.min_fraction}."
            )

    def bind(self, codec: Codec) -> AugmentFn:
        """Returns the augmentation for events of a codec."""

        def crop(
            events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            draws = batching.uniform(batching.derive_seed(seed, 0), 2)
            fraction = 1 - draws[0] * (1 - self.min_fraction)
            fraction = tf.where(draws[1] < self.probability, fraction, 1.0)
            kept = tf.math.ceil(tf.cast(lengths, tf.float32) * fraction)
            kept = tf.maximum(tf.cast(kept, tf.int32), 2)
            kept = tf.minimum(kept, lengths)  # [b]
            places = batching.uniform(
                batching.derive_seed(seed, 1), tf.size(lengths)
            )
            room = lengths - kept
            starts = places * tf.cast(room + 1, tf.float32)
            starts = tf.minimum(tf.cast(starts, tf.int32), room)
            inside = tf.range(tf.reduce_max(kept))  # [t]
            indices = starts[:, None] + inside
            indices = tf.minimum(indices, tf.shape(events)[1] - 1)  # [b, t]
            events = tf.gather(events, indices, batch_dims=1)
            return batching.pad_rows(events, kept, codec.pad), kept

        return crop


def _values_present(
    codes: tf.Tensor, lengths: tf.Tensor, num_values: int
) -> tf.Tensor:
    """Which values each row holds: float32 `[batch, num_values]`, 0 or 1.

    Args:
      codes: int32 `[batch, time]` or `[batch, time, fields]`.
      lengths: int32 `[batch]`.
      num_values: codes are below.
    """
    # Padding becomes a copy of the row's first event, which adds nothing.
    real = batching.real_positions(codes, lengths)
    codes = tf.where(real, codes, codes[:, :1])
    flat = tf.reshape(codes, [tf.shape(codes)[0], -1])
    return tf.math.bincount(
        flat,
        minlength=num_values,
        maxlength=num_values,
        dtype=tf.float32,
        axis=-1,
        binary_output=True,
    )


def _field_sources(codec: Codec, shifts: tuple[int, ...]) -> tf.Tensor | None:
    """`Codec.transposed_fields` with one more row that moves nothing."""
    sources = codec.transposed_fields(shifts)
    if sources is None:
        return None
    in_place = np.arange(sources.shape[1], dtype=np.int32)
    return tf.constant(np.concatenate([sources, in_place[None]]), tf.int32)


def _move_fields(events: tf.Tensor, sources: tf.Tensor) -> tf.Tensor:
    """Gives each field another one's value.

    Args:
      events: int32 `[batch, time, fields]`.
      sources: int32 `[batch, fields]`, -1 for a field that becomes 0.
    """
    num_fields = events.shape[-1]
    # A product with one-hot columns: -1 makes a column of zeros.
    moves = tf.one_hot(sources, num_fields, axis=1)  # [b, from, to]
    moved = tf.matmul(tf.cast(events, tf.float32), moves)
    return tf.cast(moved, tf.int32)


def _choose(allowed: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """A random allowed column of each row; the number of columns if none.

    Args:
      allowed: bool `[rows, columns]`.
      seed: int32 `[2]`.

    Returns:
      int32 `[rows]`.
    """
    counts = tf.reduce_sum(tf.cast(allowed, tf.int32), axis=1)  # [r]
    draws = batching.uniform(seed, tf.size(counts))
    rank = tf.cast(draws * tf.cast(counts, tf.float32), tf.int32)
    rank = tf.minimum(rank, counts - 1)[:, None]
    ranks = tf.cumsum(tf.cast(allowed, tf.int32), axis=1) - 1
    chosen = tf.argmax(allowed & (ranks == rank), axis=1, output_type=tf.int32)
    return tf.where(counts > 0, chosen, tf.shape(allowed)[1])
