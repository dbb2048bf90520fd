"""Random changes of drums in training batches; see `data.augmentation`."""

from __future__ import annotations

import dataclasses

import gin
import tensorflow as tf

from magenta_lite.codecs.base import Codec
from magenta_lite.data import batching
from magenta_lite.data.pipeline import AugmentFn
from magenta_lite.errors import UserError


@gin.register
@dataclasses.dataclass(frozen=True)
class RandomDrumSwap:
    """Plays a rhythm on other drums of its kind: the hi-hat's on the ride.

    Each row draws whether it is changed, and then an order of the drums of
    each group: all hits of the one become hits of the other.

    Attributes:
      groups: classes of drums that may stand for each other. Of the nine that
        `codecs.drums` tells apart: the hi-hat closed and open and the ride
        cymbal; the three toms.
      probability: how likely a row is changed.
    """

    groups: tuple[tuple[int, ...], ...] = ((2, 3, 8), (4, 5, 6))
    probability: float = 0.5

    def bind(self, codec: Codec) -> AugmentFn:
        """Returns the augmentation for events of a codec.

        Raises:
          UserError: if its events are no sets of drums, or it has not the
            classes of `groups`, each at most once.
        """
        num_classes = _num_drums(codec, type(self).__name__)
        moved = sorted(c for group in self.groups for c in group)
        if moved != sorted(set(moved) & set(range(num_classes))):
            raise UserError(
                f"RandomDrumSwap.groups: {self.groups} must name classes from "
                f"0 to {num_classes - 1}, each at most once."
            )

        def swap(
            events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            num_rows = tf.size(lengths)
            draws = batching.uniform(seed, num_rows * (num_classes + 1))
            draws = tf.reshape(draws, [num_rows, num_classes + 1])
            sources = self._sources(draws[:, 1:])  # [b, classes]
            is_changed = draws[:, :1] < self.probability
            sources = tf.where(is_changed, sources, tf.range(num_classes))
            hits = tf.gather(
                _hits(events, codec), sources, axis=2, batch_dims=1
            )
            events = _events(hits, codec)
            return batching.pad_rows(events, lengths, codec.pad), lengths

        return swap

    def _sources(self, draws: tf.Tensor) -> tf.Tensor:
        """Whose hits each class gets: int32 `[batch, classes]`."""
        columns = [
            tf.fill(tf.shape(draws)[:1], i) for i in range(draws.shape[1])
        ]
        for group in self.groups:
            own = tf.gather(draws, group, axis=1)
            order = tf.gather(tf.constant(group), tf.argsort(own, axis=1))
            for place, number in enumerate(group):
                columns[number] = order[:, place]
        return tf.stack(columns, axis=1)


@gin.register
@dataclasses.dataclass(frozen=True)
class RandomHitDropout:
    """Leaves hits of drums out.

    Each row draws its own share, uniform between none and `max_rate`.

    Attributes:
      max_rate: the largest share of a row's hits that go.
    """

    max_rate: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.max_rate < 1:
            raise UserError(
                "RandomHitDropout.max_rate must be 0 or more and below 1, not "
                f"{self.max_rate}."
            )

    def bind(self, codec: Codec) -> AugmentFn:
        """Returns the augmentation for events of a codec.

        Raises:
          UserError: if its events are no sets of drums.
        """
        _num_drums(codec, type(self).__name__)

        def drop(
            events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            hits = _hits(events, codec)
            rates = batching.uniform(
                batching.derive_seed(seed, 0), tf.size(lengths)
            )
            draws = batching.uniform(
                batching.derive_seed(seed, 1), tf.size(hits)
            )
            stays = tf.reshape(draws, tf.shape(hits)) >= (
                self.max_rate * rates[:, tf.newaxis, tf.newaxis]
            )
            events = _events(hits * tf.cast(stays, tf.int32), codec)
            return batching.pad_rows(events, lengths, codec.pad), lengths

        return drop


def _num_drums(codec: Codec, name: str) -> int:
    """How many drums an event is a set of; raises UserError if it is none."""
    if not codec.num_drums():
        raise UserError(
            f"{name} needs events that are sets of drums, not those of "
            f"{type(codec).__name__}; leave it out of train.augmentations."
        )
    return codec.num_drums()


def _hits(events: tf.Tensor, codec: Codec) -> tf.Tensor:
    """Events as int32 `[batch, time, classes]` of 0 and 1."""
    if codec.event_shape:  # Rolls are that already.
        return events
    bits = tf.bitwise.right_shift(
        events[..., tf.newaxis], tf.range(codec.num_drums())
    )
    return tf.bitwise.bitwise_and(bits, 1)


def _events(hits: tf.Tensor, codec: Codec) -> tf.Tensor:
    """The reverse of `_hits`."""
    if codec.event_shape:
        return hits
    return tf.reduce_sum(
        tf.bitwise.left_shift(hits, tf.range(hits.shape[-1])), axis=-1
    )
