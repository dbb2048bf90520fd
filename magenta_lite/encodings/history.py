"""What encodings with lookbacks share: repeats, counters, last events."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from magenta_lite.errors import UserError

_BEFORE_START = -1


def check_lookbacks(
    name: str, distances: Sequence[int], counter_bits: int
) -> None:
    """Raises UserError unless distances are positive and bits not negative."""
    if any(distance < 1 for distance in distances):
        raise UserError(f"{name}: lookback_distances must be at least 1")
    if not 0 <= counter_bits <= 30:
        raise UserError(f"{name}: binary_counter_bits must be in 0 to 30")


def shift(events: tf.Tensor, distance: int, fill: int) -> tf.Tensor:
    """Events `[batch, time]` moved `distance` later, `fill` before them."""
    length = tf.shape(events)[1]
    padded = tf.pad(events, [[0, 0], [distance, 0]], constant_values=fill)
    shifted = padded[:, :length]
    return tf.ensure_shape(shifted, events.shape)


def repeats(events: tf.Tensor, distances: Sequence[int]) -> tf.Tensor:
    """Whether each event equals the one that lies each distance before it.

    Args:
      events: int32 `[batch, time]`.
      distances: in steps; there may be none.

    Returns:
      bool `[batch, time, len(distances)]`, false where nothing lies there.
    """
    flags = [events == shift(events, d, _BEFORE_START) for d in distances]
    return _stack_last(flags, tf.shape(events), tf.bool)


def binary_counter(position: tf.Tensor, num_bits: int) -> tf.Tensor:
    """Bits of a number, lowest first: 1.0 where set, else -1.0.

    Args:
      position: int32 `[...]`, not negative.
      num_bits: how many bits.

    Returns:
      float32 `[..., num_bits]`.
    """
    bits = tf.bitwise.right_shift(position[..., None], tf.range(num_bits))
    return tf.cast(2 * (bits % 2) - 1, tf.float32)


def next_positions(events: tf.Tensor) -> tf.Tensor:
    """The step after each event: int32 `[batch, time]` of 1, 2, ..."""
    return tf.broadcast_to(tf.range(tf.shape(events)[1]) + 1, tf.shape(events))


def lookback_labels(
    events: tf.Tensor,
    own_labels: tf.Tensor,
    distances: Sequence[int],
    default_event: int,
    first_repeat_label: int,
) -> tf.Tensor:
    """Labels in which a repeat stands for the event that it repeats.

    The repeat at the last of the distances that fits wins. Before there are
    that many events, the default event counts as its repeat.

    Args:
      events: int32 `[batch, time]`.
      own_labels: int32 `[batch, time]`, the labels without repeats.
      distances: in steps.
      default_event: the event taken to lie before the first.
      first_repeat_label: label of a repeat at the first distance.

    Returns:
      int32 `[batch, time]`.
    """
    labels = own_labels
    for i, distance in enumerate(distances):
        is_last = i == len(distances) - 1
        fill = default_event if is_last else _BEFORE_START
        repeated = events == shift(events, distance, fill)
        labels = tf.where(repeated, first_repeat_label + i, labels)
    return labels


def initial_events(batch_size: int, distances: Sequence[int]) -> tf.Tensor:
    """The last events before there is any: `[batch, max(distances)]`.

    Kept oldest first and shifted by one at every step, which costs less than
    a gather from a ring for the few dozen events that there are.
    """
    width = max(distances, default=0)
    return tf.fill([batch_size, width], _BEFORE_START)


def push_event(last_events: tf.Tensor, event: tf.Tensor) -> tf.Tensor:
    """The last events `[batch, width]` after one more event `[batch]`."""
    width = last_events.shape[1]
    longer = tf.concat([last_events, event[:, None]], axis=1)
    return longer[:, longer.shape[1] - width :]


def events_at(
    last_events: tf.Tensor, distances: Sequence[int], default_event: int
) -> tf.Tensor:
    """The events that lie each distance before the next step.

    Args:
      last_events: int32 `[batch, max(distances)]`.
      distances: in steps.
      default_event: stands where there is no event yet.

    Returns:
      int32 `[batch, len(distances)]`.
    """
    found = raw_events_at(last_events, distances)
    return tf.where(found == _BEFORE_START, default_event, found)


def raw_events_at(
    last_events: tf.Tensor, distances: Sequence[int]
) -> tf.Tensor:
    """As `events_at`, with -1 where there is no event yet."""
    width = last_events.shape[1]
    columns = [last_events[:, width - d] for d in distances]
    return _stack_last(columns, tf.shape(last_events)[:1], tf.int32)


def resolve_repeat(
    label: tf.Tensor,
    own_event: tf.Tensor,
    last_events: tf.Tensor,
    distances: Sequence[int],
    default_event: int,
    first_repeat_label: int,
) -> tf.Tensor:
    """The event of a label: its own, or the one that it repeats.

    Args:
      label: int32 `[batch]`.
      own_event: int32 `[batch]`, the event if the label is no repeat.
      last_events: int32 `[batch, max(distances)]`.
      distances: in steps.
      default_event: the event taken to lie before the first.
      first_repeat_label: label of a repeat at the first distance.

    Returns:
      int32 `[batch]`.
    """
    repeated = events_at(last_events, distances, default_event)
    event = own_event
    for i in range(len(distances)):
        event = tf.where(label == first_repeat_label + i, repeated[:, i], event)
    return event


def _stack_last(
    columns: list[tf.Tensor], shape: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    """Stacks on a new last axis, which may be empty."""
    if columns:
        return tf.stack(columns, axis=-1)
    return tf.zeros(tf.concat([shape, [0]], axis=0), dtype)
