"""How dense a performance is and which pitches it uses, told to a model.

Both are functions of the events in a window that starts with the event: the
model is told what is to come. The definitions are those of note_seq's
performance controls. Events are those of PerformanceCodec; its padding counts
as nothing.

A **moment** is all events between two shifts of time. The window is the same
for the events of a moment: from its first event up to the shift that reaches
the window's length, that shift included, or to the end of the row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from magenta_lite.encodings.controls import Control, spread
from magenta_lite.encodings.performance_layout import PerformanceLayout
from magenta_lite.errors import UserError

_PITCH_CLASSES = 12


@gin.register
@dataclasses.dataclass(frozen=True)
class NoteDensityControl(Control):
    """Notes a second, encoded as one of some bins.

    Asked for as `notes_per_second`: a number, or a list that is spread over
    the time.

    Attributes:
      window_seconds: how far it looks ahead.
      bin_bounds: notes a second, rising; one bin more than bounds.
      default: what is asked for where nobody asks.
      steps_per_second: of the codec.
      max_shift_steps: of the codec.
    """

    window_seconds: float = 3.0
    bin_bounds: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
    default: float = 15.0
    steps_per_second: int = 100
    max_shift_steps: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "bin_bounds", tuple(self.bin_bounds))
        _check_window(self, self.window_seconds)

    @property
    def depth(self) -> int:
        """One number."""
        return 1

    @property
    def input_depth(self) -> int:
        """One entry for each bin."""
        return len(self.bin_bounds) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """`notes_per_second`."""
        return ("notes_per_second",)

    def values(self, events: tf.Tensor) -> tf.Tensor:
        """Notes a second: float32 `[batch, time, 1]`."""
        window = _Window(self, events)
        is_start = tf.cast(window.layout.is_start(events), tf.int32)
        num_notes = tf.cast(window.sum(is_start), tf.float32)
        seconds = tf.cast(window.num_steps(), tf.float32)
        density = num_notes * self.steps_per_second
        return tf.math.divide_no_nan(density, seconds)[..., None]

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """One-hot bins `[..., bins]` of numbers `[..., 1]`."""
        reached = values >= tf.constant(self.bin_bounds, tf.float32)
        bins = tf.reduce_sum(tf.cast(reached, tf.int32), axis=-1)
        return tf.one_hot(bins, self.input_depth)

    def request(
        self,
        request: Mapping[str, Any],
        num_steps: int,
        steps_per_second: float,
    ) -> np.ndarray:
        """float32 `[num_steps, 1]`; see `Control`."""
        del steps_per_second
        asked = request.get("notes_per_second", self.default)
        values = asked if _is_list(asked) else [asked]
        if not values or not all(_is_amount(value) for value in values):
            raise UserError(
                f"notes_per_second is {asked!r}; use a number of at least 0, "
                "or a list of numbers."
            )
        return spread(np.array(values, np.float32), num_steps)[:, None]


@gin.register
@dataclasses.dataclass(frozen=True)
class PitchHistogramControl(Control):
    """How long each of the twelve pitch classes sounds, C first.

    Asked for as `pitch_class_histogram`: twelve weights, or a list of such
    lists that is spread over the time. What counts is their proportion.

    Attributes:
      window_seconds: how far it looks ahead.
      prior_seconds: added to each pitch class.
      steps_per_second: of the codec.
      max_shift_steps: of the codec.
    """

    window_seconds: float = 5.0
    prior_seconds: float = 0.01
    steps_per_second: int = 100
    max_shift_steps: int = 100

    def __post_init__(self) -> None:
        _check_window(self, self.window_seconds)

    @property
    def depth(self) -> int:
        """Twelve weights."""
        return _PITCH_CLASSES

    @property
    def input_depth(self) -> int:
        """Twelve shares."""
        return _PITCH_CLASSES

    @property
    def names(self) -> tuple[str, ...]:
        """`pitch_class_histogram`."""
        return ("pitch_class_histogram",)

    def values(self, events: tf.Tensor) -> tf.Tensor:
        """Seconds of each pitch class: float32 `[batch, time, 12]`."""
        window = _Window(self, events)
        steps = window.layout.steps(events)
        sounding = _num_sounding(window.layout, events)  # [b, t, 12]
        num_steps = window.sum(sounding * steps[..., None])
        seconds = tf.cast(num_steps, tf.float32) / self.steps_per_second
        return seconds + self.prior_seconds

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """Shares `[..., 12]` that add up to 1; equal ones for no weight."""
        total = tf.reduce_sum(values, axis=-1, keepdims=True)
        shares = tf.math.divide_no_nan(values, total)
        return tf.where(total > 0, shares, 1.0 / _PITCH_CLASSES)

    def request(
        self,
        request: Mapping[str, Any],
        num_steps: int,
        steps_per_second: float,
    ) -> np.ndarray:
        """float32 `[num_steps, 12]`; see `Control`."""
        del steps_per_second
        asked = request.get("pitch_class_histogram", [1.0] * _PITCH_CLASSES)
        is_nested = _is_list(asked) and asked and _is_list(asked[0])
        rows = asked if is_nested else [asked]
        if not all(_is_histogram(row) for row in rows):
            raise UserError(
                f"pitch_class_histogram is {asked!r}; use twelve weights of at "
                "least 0, C first, or a list of such lists."
            )
        return spread(np.array(rows, np.float32), num_steps)


@gin.register
@dataclasses.dataclass(frozen=True)
class OptionalControl(Control):
    """Controls that can be switched off, all together.

    note_seq's `OptionalEventSequenceEncoder`: the input is a 1 and zeros
    where they are off, else a 0 and the encoded controls. Magenta trained on
    every example twice, on and off. Here half of all rows have them off: those
    with an odd sum of their first events. With random windows that is another
    half every time.

    Asked for as `disable_conditioning`: true or false, or a list that is
    spread over the time.

    Attributes:
      parts: the controls; none of them with fields of its own.
      num_deciding: how many events of a row decide.
    """

    parts: tuple[Control, ...]
    num_deciding: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        if any(part.num_fields for part in self.parts):
            raise UserError("OptionalControl: its parts may have no fields")

    @property
    def depth(self) -> int:
        """The switch (1 for off) and the parts."""
        return 1 + sum(part.depth for part in self.parts)

    @property
    def input_depth(self) -> int:
        """The switch and the encoded parts."""
        return 1 + sum(part.input_depth for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """`disable_conditioning` and what the parts understand."""
        names = [name for part in self.parts for name in part.names]
        return ("disable_conditioning", *names)

    def values(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, time, depth]`."""
        first = events[:, : self.num_deciding]
        is_off = tf.reduce_sum(first, axis=1, keepdims=True) % 2  # [b, 1]
        is_off = tf.broadcast_to(is_off, tf.shape(events))[..., None]
        values = [part.values(events) for part in self.parts]
        return tf.concat([tf.cast(is_off, tf.float32), *values], axis=-1)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """float32 `[..., input_depth]` of controls `[..., depth]`."""
        is_off = values[..., :1]
        sizes = [part.depth for part in self.parts]
        split = tf.split(values[..., 1:], sizes, axis=-1)
        encoded = [
            part.encode(value)
            for part, value in zip(self.parts, split, strict=True)
        ]
        shown = tf.concat(encoded, axis=-1) * (1.0 - is_off)
        return tf.concat([is_off, shown], axis=-1)

    def request(
        self,
        request: Mapping[str, Any],
        num_steps: int,
        steps_per_second: float,
    ) -> np.ndarray:
        """float32 `[num_steps, depth]`; see `Control`."""
        asked = request.get("disable_conditioning", False)
        values = asked if _is_list(asked) else [asked]
        if not values or not all(value in (False, True) for value in values):
            raise UserError(
                f"disable_conditioning is {asked!r}; use True or False, or a "
                "list of them."
            )
        is_off = spread(np.array(values, np.float32), num_steps)[:, None]
        parts = [
            part.request(request, num_steps, steps_per_second)
            for part in self.parts
        ]
        return np.concatenate([is_off, *parts], axis=-1).astype(np.float32)


class _Window:
    """For every event the events from its moment to the window's end."""

    def __init__(
        self,
        control: NoteDensityControl | PitchHistogramControl,
        events: tf.Tensor,
    ) -> None:
        self.layout = PerformanceLayout(control.max_shift_steps)
        length = round(control.window_seconds * control.steps_per_second)
        steps = self.layout.steps(events)
        self._ends = tf.cumsum(steps, axis=1)  # [b, t]
        self._begins = self._ends - steps
        # The first event of the moment, and the one behind the window.
        self._first = tf.searchsorted(self._begins, self._begins)
        last = tf.searchsorted(self._ends, self._begins + length)
        self._behind = tf.minimum(last + 1, tf.shape(events)[1])
        self._length = length

    def sum(self, values: tf.Tensor) -> tf.Tensor:
        """Adds up int32 `[batch, time, ...]` over each event's window."""
        padding = [[0, 0], [1, 0]] + [[0, 0]] * (values.shape.rank - 2)
        totals = tf.pad(tf.cumsum(values, axis=1), padding)
        behind = tf.gather(totals, self._behind, batch_dims=1)
        return behind - tf.gather(totals, self._first, batch_dims=1)

    def num_steps(self) -> tf.Tensor:
        """Steps of each window, fewer at the end of the row: `[b, t]`."""
        last = tf.gather(self._ends, self._behind - 1, batch_dims=1)
        return tf.minimum(last - self._begins, self._length)


def _num_sounding(layout: PerformanceLayout, events: tf.Tensor) -> tf.Tensor:
    """How many pitches of each class sound after each event.

    However often a pitch was started, one end ends it.

    Returns:
      int32 `[batch, time, 12]`.
    """
    length = tf.shape(events)[1]
    pitch, is_note = layout.pitch(events), layout.is_note(events)
    is_start = layout.is_start(events)
    # By pitch, then by time; what is no note comes last.
    key = tf.where(is_note, pitch, layout.NUM_PITCHES) * length
    order = tf.argsort(key + tf.range(length), axis=1)
    ordered = tf.gather(pitch, order, batch_dims=1)
    started = tf.gather(is_start, order, batch_dims=1)
    before = tf.pad(started[:, :-1], [[0, 0], [1, 0]])
    same = ordered == tf.pad(ordered[:, :-1], [[0, 0], [1, 0]])
    back = tf.argsort(order, axis=1)
    was_sounding = tf.gather(before & same, back, batch_dims=1)
    change = tf.cast(is_start, tf.int32) - tf.cast(was_sounding, tf.int32)
    change = tf.where(is_note, change, 0)
    classes = tf.one_hot(pitch % _PITCH_CLASSES, _PITCH_CLASSES, dtype=tf.int32)
    return tf.cumsum(classes * change[..., None], axis=1)


def _check_window(control: Control, window_seconds: float) -> None:
    if not window_seconds > 0:
        name = type(control).__name__
        raise UserError(f"{name}: window_seconds must be above 0")


def _is_list(value: object) -> bool:
    is_sequence = isinstance(value, Sequence | np.ndarray)
    return is_sequence and not isinstance(value, str)


def _is_amount(value: object) -> bool:
    is_number = isinstance(value, int | float | np.number)
    return is_number and not isinstance(value, bool) and 0 <= value < np.inf  # type: ignore[operator]


def _is_histogram(row: object) -> bool:
    return (
        _is_list(row)
        and len(row) == _PITCH_CLASSES  # type: ignore[arg-type]
        and all(_is_amount(value) for value in row)  # type: ignore[attr-defined]
    )
