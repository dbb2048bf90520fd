"""What music is told beside its primer: controls, imposed events, limits."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

_MIN_SIZE = 128
_NOTHING = -1


class GuidanceTensors(NamedTuple):
    """A `Guidance` inside the graph; None where nothing is told.

    Attributes:
      controls: float32 `[size, control_depth]`, or `[batch, size,
        control_depth]` where rows differ.
      forced_events: int32 `[size, *event_shape]`.
      allowed_events: bool `[num_events]` or `[fields, num_events]`.
    """

    controls: tf.Tensor | None
    forced_events: tf.Tensor | None
    allowed_events: tf.Tensor | None

    def control_at(self, steps: tf.Tensor) -> tf.Tensor | None:
        """The control of time steps `[batch]`: `[batch, control_depth]`."""
        if self.controls is None:
            return None
        if self.controls.shape.rank == 2:
            return _at(self.controls, steps)
        last = self.controls.shape[1] - 1
        return tf.gather(self.controls, tf.minimum(steps, last), batch_dims=1)

    def forced_at(self, steps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What is imposed on time steps `[batch]`.

        Returns:
          Events int32 `[batch, *event_shape]`, and bool `[batch]`: where there
          is one.
        """
        events = _at(self.forced_events, steps)
        flat = tf.reshape(events, [tf.shape(steps)[0], -1])
        return events, tf.reduce_all(flat != _NOTHING, axis=1)


@dataclasses.dataclass(frozen=True)
class Guidance:
    """What music is told beside its primer; None where nothing is.

    Step 0 is where the primer starts.

    Attributes:
      controls: float32 `[num_steps, control_depth]`: the control of what
        starts at each time step; the last one goes on. With one more axis in
        front for rows that are told different things.
      forced_events: int32 `[num_steps, *event_shape]`: what comes first at
        each time step, -1 where nothing is imposed.
      allowed_events: bool `[num_events]`, or `[fields, num_events]` where
        events are vectors: which may be drawn.
    """

    controls: np.ndarray | None = None
    forced_events: np.ndarray | None = None
    allowed_events: np.ndarray | None = None

    @property
    def shapes(self) -> tuple[tuple[int, ...] | None, ...]:
        """What a compiled loop depends on."""
        return tuple(
            None if array is None else array.shape for array in self._arrays()
        )

    def padded(self) -> Guidance:
        """As long as the next power of two, so that few lengths compile."""
        return dataclasses.replace(
            self,
            controls=_lengthen(self.controls, -2, repeat_last=True),
            forced_events=_lengthen(self.forced_events, 0, repeat_last=False),
        )

    def tensors(self) -> GuidanceTensors:
        """The same for the graph."""
        dtypes = (tf.float32, tf.int32, tf.bool)
        return GuidanceTensors(
            *(
                None if array is None else tf.constant(array, dtype)
                for array, dtype in zip(self._arrays(), dtypes, strict=True)
            )
        )

    def _arrays(self) -> tuple[np.ndarray | None, ...]:
        return self.controls, self.forced_events, self.allowed_events


def rounded_up(size: int) -> int:
    """The next power of two, 128 at least: lengths that share a graph."""
    return max(_MIN_SIZE, 1 << (size - 1).bit_length())


def _lengthen(
    array: np.ndarray | None, axis: int, repeat_last: bool
) -> np.ndarray | None:
    if array is None:
        return None
    size = array.shape[axis]
    last = np.take(array, [size - 1], axis)
    fill = last if repeat_last else np.full_like(last, _NOTHING)
    added = np.repeat(fill, rounded_up(size) - size, axis)
    return np.concatenate([array, added], axis)


def _at(table: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Rows of a table at time steps; the last one goes on."""
    return tf.gather(table, tf.minimum(steps, table.shape[0] - 1))
