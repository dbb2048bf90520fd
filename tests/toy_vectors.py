"""Encodings of vector events small enough to work out by hand."""

import dataclasses

import numpy as np
import tensorflow as tf

from magenta_lite.encodings.base import Encoding
from magenta_lite.encodings.controls import Control, spread
from magenta_lite.encodings.heads import Categoricals
from magenta_lite.errors import UserError


@dataclasses.dataclass(frozen=True)
class PairEncoding(Encoding):
    """Events (a, b): one-hots side by side; predicts both fields."""

    field_sizes: tuple[int, ...]

    def __post_init__(self):
        object.__setattr__(self, "field_sizes", tuple(self.field_sizes))

    @property
    def input_depth(self):
        return sum(self.field_sizes)

    @property
    def head(self):
        return Categoricals(self.field_sizes)

    @property
    def default_label(self):
        return None

    def inputs(self, events):
        columns = [
            tf.one_hot(events[..., i], size)
            for i, size in enumerate(self.field_sizes)
        ]
        return tf.concat(columns, axis=-1)

    def labels(self, events):
        return events

    def initial_state(self, batch_size):
        return ()

    def step(self, event, state, control=None):
        return self.inputs(event), state

    def event(self, label, state):
        return label


@dataclasses.dataclass(frozen=True)
class FieldControl(Control):
    """One field of the event, as a one-hot; asked for as "field"."""

    size: int

    @property
    def depth(self):
        return 1

    @property
    def input_depth(self):
        return self.size

    @property
    def names(self):
        return ("field",)

    @property
    def num_fields(self):
        return 1

    def values(self, events):
        return tf.cast(events, tf.float32)

    def encode(self, values):
        return tf.one_hot(tf.cast(values[..., 0], tf.int32), self.size)

    def request(self, request, num_steps, steps_per_second):
        asked = np.asarray(request.get("field", [0]))
        if asked.max() >= self.size:
            raise UserError(f"field must be below {self.size}")
        return spread(asked, num_steps)[:, None].astype(np.float32)


@dataclasses.dataclass(frozen=True)
class CountControl(Control):
    """How many of the events from here on are not 0: looks ahead."""

    @property
    def depth(self):
        return 1

    @property
    def input_depth(self):
        return 2

    @property
    def names(self):
        return ("count",)

    def values(self, events):
        is_event = tf.cast(events != 0, tf.float32)
        return tf.cumsum(is_event, axis=1, reverse=True)[..., None]

    def encode(self, values):
        return tf.concat([values, -values], axis=-1)

    def request(self, request, num_steps, steps_per_second):
        asked = request.get("count", 3.0)
        return np.full([num_steps, 1], asked, np.float32)
