"""Performance events as points on circles."""

from __future__ import annotations

import dataclasses

import gin
import numpy as np
import tensorflow as tf

from magenta_lite.encodings.memoryless import MemorylessEncoding
from magenta_lite.encodings.one_hot import check_events
from magenta_lite.encodings.performance_layout import PerformanceLayout

_NOTE_CIRCLE = 144  # twelve octaves, of which MIDI uses 128 pitches
_OCTAVE = 12


@gin.register
@dataclasses.dataclass(frozen=True)
class ModuloEncoding(MemorylessEncoding):
    """note_seq's `ModuloPerformanceEventSequenceEncoderDecoder`.

    Over the events of PerformanceCodec. An input has a part for each of: a
    note that starts, a note that ends, a shift of time, a velocity (if there
    are any). The part of the event's own kind holds a 1 and the cosine and
    sine of its value on a circle; pitches have two circles, of twelve octaves
    and of one. The other parts are 0. Labels are the events.

    Attributes:
      num_events: how many different events there are.
      max_shift_steps: the codec's; what is left over are velocity bins.
    """

    num_events: int
    max_shift_steps: int = 100

    def __post_init__(self) -> None:
        check_events(type(self).__name__, self.num_events, self.default_label)

    @property
    def input_depth(self) -> int:
        """5 for starts and for ends, 3 for shifts and for velocities."""
        return self._table().shape[1]

    @property
    def num_classes(self) -> int:
        """Labels are events."""
        return self.num_events

    @property
    def default_label(self) -> int:
        """The longest shift of time."""
        return self._layout.first_velocity - 1

    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, time, input_depth]` for events `[batch, time]`."""
        return tf.gather(tf.constant(self._table()), events)

    @property
    def _layout(self) -> PerformanceLayout:
        return PerformanceLayout(self.max_shift_steps)

    def _table(self) -> np.ndarray:
        """float32 `[num_events, input_depth]`: the input of every event."""
        pitches = np.arange(PerformanceLayout.NUM_PITCHES)
        note = [_circle(pitches, _NOTE_CIRCLE), _circle(pitches, _OCTAVE)]
        num_velocities = self.num_events - self._layout.first_velocity
        parts = [note, note] + [
            [_circle(np.arange(size), size)]
            for size in (self.max_shift_steps, num_velocities)
            if size > 0
        ]
        blocks = [
            np.concatenate([np.ones([len(part[0]), 1]), *part], axis=1)
            for part in parts
        ]
        width = sum(block.shape[1] for block in blocks)
        table = np.zeros([self.num_events, width], np.float32)
        row = column = 0
        for block in blocks:
            rows, columns = block.shape
            table[row : row + rows, column : column + columns] = block
            row, column = row + rows, column + columns
        return table


def _circle(values: np.ndarray, size: int) -> np.ndarray:
    """Cosine and sine of numbers on a circle: `[values, 2]`."""
    angles = 2 * np.pi * (values % size) / size
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)
