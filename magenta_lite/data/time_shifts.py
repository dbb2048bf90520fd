"""Events whose time passes in shifts, changed and put together again.

Letters in comments: b rows of a batch, t events of the longest row, o events of
the longest row that comes out.
"""

from __future__ import annotations

import tensorflow as tf

from magenta_lite.codecs.base import NoteEvents


class TimeShifts:
    """Tells shifts of time from other events, and makes shifts anew.

    Args:
      events: what a codec says of its events; it has shifts.
      num_events: how many events the codec has.
    """

    def __init__(self, events: NoteEvents, num_events: int) -> None:
        self._shifts = tf.constant(events.shifts, tf.int32)
        steps = tf.range(1, len(events.shifts) + 1)
        self._steps = tf.scatter_nd(self._shifts[:, None], steps, [num_events])

    def steps(self, events: tf.Tensor) -> tf.Tensor:
        """How many steps each event lasts, 0 for all but shifts: `[b, t]`."""
        return tf.gather(self._steps, events)

    def remake(
        self,
        events: tf.Tensor,
        lengths: tf.Tensor,
        factors: tf.Tensor,
        is_kept: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Stretches the time between events, and drops some of them.

        Every event moves to its time multiplied by the factor, rounded; but
        what was apart stays apart by a step at least, so that no note
        vanishes. Neighbouring shifts become one, as long as that may be.

        Args:
          events: int32 `[b, t]`.
          lengths: int32 `[b]`.
          factors: float32 `[b]`, what time is multiplied by.
          is_kept: bool `[b, t]`; it does not matter for shifts.

        Returns:
          int32 `[b, o]`, of any value behind the end, and int32 `[b]`.
        """
        # One place more, for the time at the end of a row.
        events = tf.pad(events, [[0, 0], [0, 1]])
        is_kept = tf.pad(is_kept, [[0, 0], [0, 1]])
        real = tf.sequence_mask(lengths, tf.shape(events)[1])  # [b, t + 1]
        steps = tf.where(real, self.steps(events), 0)
        is_kept &= real & (steps == 0)
        is_end = tf.range(tf.shape(events)[1]) == lengths[:, None]
        marks = is_kept | is_end  # where time is looked at
        gaps = _since_last(_stretched(steps, marks, factors), marks)
        longest = tf.size(self._shifts)
        num_shifts = -(-gaps // longest)
        ends = tf.cumsum(num_shifts + tf.cast(is_kept, tf.int32), axis=1)
        lengths = ends[:, -1]
        places = tf.range(tf.reduce_max(lengths))  # [o]
        places = tf.tile(places[None], [tf.shape(events)[0], 1])
        sources = tf.searchsorted(ends, places, side="right")  # [b, o]
        sources = tf.minimum(sources, tf.shape(events)[1] - 1)
        after = _take(ends, sources) - 1 - places
        after += tf.cast(_take(is_end, sources), tf.int32)
        rest = (_take(gaps, sources) - 1) % longest
        shift = tf.gather(self._shifts, tf.where(after == 1, rest, longest - 1))
        return tf.where(after == 0, _take(events, sources), shift), lengths


def running_max(values: tf.Tensor) -> tf.Tensor:
    """The largest of a row's values so far: `[b, t]`."""

    def double(width: tf.Tensor, values: tf.Tensor) -> tuple:
        # Each place knows the last `width` values; now twice as many.
        before = tf.concat([values[:, :width], values[:, :-width]], axis=1)
        return 2 * width, tf.maximum(values, before)

    _, values = tf.while_loop(
        lambda width, _: width < tf.shape(values)[1],
        double,
        (tf.constant(1), values),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None])),
    )
    return values


def _stretched(
    steps: tf.Tensor, marks: tf.Tensor, factors: tf.Tensor
) -> tf.Tensor:
    """The new time of every event that is marked: int32 `[b, t]`."""
    times = tf.cumsum(steps, axis=1)
    goals = tf.cast(times, tf.float32) * factors[:, None]
    goals = tf.cast(tf.floor(goals + 0.5), tf.int32)
    # How many marked times differ, so far: each needs a step of its own.
    apart = tf.cast((_since_last(times, marks) > 0) & marks, tf.int32)
    apart = tf.cumsum(apart, axis=1)
    return apart + running_max(tf.where(marks, goals - apart, 0))


def _since_last(times: tf.Tensor, marks: tf.Tensor) -> tf.Tensor:
    """Time since the marked event before, 0 at others: int32 `[b, t]`."""
    reached = running_max(tf.where(marks, times, 0))
    before = tf.pad(reached[:, :-1], [[0, 0], [1, 0]])
    return tf.where(marks, times - before, 0)


def _take(values: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    return tf.gather(values, indices, batch_dims=1)
