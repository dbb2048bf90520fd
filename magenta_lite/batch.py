"""Names, dtypes and shapes of the batches that `data` makes for models."""

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
