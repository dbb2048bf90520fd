"""Names, dtypes and shapes of the batches that `data` makes for models."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

EVENTS = "events"
"""int32 `[batch, time, *event_shape]`, padded with the codec's `pad`."""

LENGTHS = "lengths"
"""int32 `[batch]`: how many events of each row are real."""

STEPS = "steps"
"""int32 `[batch]`: time steps that events 1 and later of each row last.

Divides a row's summed loss into a loss per step; event 0 is never predicted.
"""

TRAINING_STEP = "training_step"
"""int32 scalar: optimisation steps taken so far, for what changes with them.

The training step adds it to the batches that `data` makes; a model that is
evaluated finds none.
"""

ROWS = "rows"
"""int32 `[batch]`: the number that each row has in the whole batch.

Only in parts of a batch, whose numbers follow each other; a whole batch has
none and starts at 0. What is random about a row is a function of this number:
see `magenta_lite.layers.row_random`.
"""

CUT = "cut"
"""int32 scalar: how many events of padding were cut off each row of a part.

What is random about the events of a row is drawn for these, too, so that it
does not depend on the rows beside it.
"""

_COUNTS = (LENGTHS, STEPS)


def spec(
    batch_size: int | None = None,
    max_events: int | None = None,
    event_shape: tuple[int, ...] = (),
) -> dict[str, tf.TensorSpec]:
    """The signature of a batch; None leaves a size open."""
    return {
        EVENTS: tf.TensorSpec([batch_size, max_events, *event_shape], tf.int32),
        LENGTHS: tf.TensorSpec([batch_size], tf.int32),
        STEPS: tf.TensorSpec([batch_size], tf.int32),
    }


def first_row(batch: Mapping[str, tf.Tensor]) -> tf.Tensor | int:
    """The number that the first row of a batch, or of a part of one, has."""
    return batch[ROWS][0] if ROWS in batch else 0


def num_cut(batch: Mapping[str, tf.Tensor]) -> tf.Tensor | int:
    """How many events of padding were cut off the rows of a part."""
    return batch.get(CUT, 0)


def trim(part: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A part of a batch without padding behind its longest row.

    Args:
      part: see `take_part`.

    Returns:
      The part with events `[batch, longest, *event_shape]`, and `CUT`.
    """
    events = part[EVENTS]
    num_events = tf.shape(events)[1]
    # Two at least, as nothing is predicted of fewer.
    longest = tf.maximum(tf.reduce_max(part[LENGTHS]), 2)
    kept = tf.minimum(longest, num_events)
    return {**part, EVENTS: events[:, :kept], CUT: num_events - kept}


def take_part(
    batch: Mapping[str, tf.Tensor],
    number: tf.Tensor | int,
    rows_of_part: tf.Tensor | int,
) -> dict[str, tf.Tensor]:
    """One of the equal parts that a batch is cut into, in order.

    Args:
      batch: whole, or itself a part.
      number: which part, from 0.
      rows_of_part: how many rows a part has.

    Returns:
      A batch of `rows_of_part` rows. Those past the end of `batch` have length
      0 and count nothing.
    """
    size = tf.shape(batch[LENGTHS])[0]
    places = number * rows_of_part + tf.range(rows_of_part)
    known = tf.minimum(places, size - 1)
    part = {name: tf.gather(values, known) for name, values in batch.items()}
    for name in _COUNTS:
        part[name] = tf.where(places < size, part[name], 0)
    part[ROWS] = first_row(batch) + places
    return part
