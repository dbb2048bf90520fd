"""Events with a view of what came some bars before, and repeat labels."""

from __future__ import annotations

import dataclasses
from typing import Any

import gin
import tensorflow as tf

from magenta_lite.encodings import history
from magenta_lite.encodings.base import Encoding
from magenta_lite.encodings.one_hot import check_events


@gin.register
@dataclasses.dataclass(frozen=True)
class LookbackEncoding(Encoding):
    """note_seq's `LookbackEventSequenceEncoderDecoder` over any events.

    An input holds, in this order: the one-hot of the event; for each lookback
    the one-hot of the event that lies that far before the next step; the bits
    of the next step's number (-1 or 1); for each lookback whether the event
    repeats the one that lies that far before it.

    Labels are events, then one label for each lookback, "the same again as
    that far before"; of several that fit the last one is used.

    Attributes:
      num_events: how many different events there are.
      lookback_distances: in steps; there may be none.
      binary_counter_bits: bits of the step counter.
      default_event: the event of "nothing happens", taken to lie before the
        first event.
    """

    num_events: int
    lookback_distances: tuple[int, ...] = (16, 32)
    binary_counter_bits: int = 5
    default_event: int = 0

    def __post_init__(self) -> None:
        # Lists come from gin and from JSON; a tuple keeps this hashable.
        distances = tuple(self.lookback_distances)
        object.__setattr__(self, "lookback_distances", distances)
        name = type(self).__name__
        check_events(name, self.num_events, self.default_event)
        history.check_lookbacks(name, distances, self.binary_counter_bits)

    @property
    def input_depth(self) -> int:
        """Event, lookback events, counter and repeat flags."""
        num_lookbacks = len(self.lookback_distances)
        one_hots = self.num_events * (1 + num_lookbacks)
        return one_hots + self.binary_counter_bits + num_lookbacks

    @property
    def num_classes(self) -> int:
        """Events and one repeat for each lookback."""
        return self.num_events + len(self.lookback_distances)

    @property
    def default_label(self) -> int:
        """The default event where it repeats nothing."""
        return self.default_event

    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, time, input_depth]` for events `[batch, time]`."""
        return self._join(
            self._shown(events),
            history.next_positions(events),
            history.repeats(events, self.lookback_distances),
        )

    @property
    def one_hots(self) -> tuple[int, ...]:
        """That of the event, and those of the lookback events."""
        return (self.num_events,) * (1 + len(self.lookback_distances))

    def compact_inputs(self, events: tf.Tensor) -> tf.Tensor:
        """See `Encoding`."""
        rest = self._rest(
            history.next_positions(events),
            history.repeats(events, self.lookback_distances),
        )
        shown = tf.cast(self._shown(events), tf.float32)
        return tf.concat([shown, rest], axis=-1)

    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """int32 `[batch, time]` in `[0, num_classes)`."""
        return history.lookback_labels(
            events,
            events,
            self.lookback_distances,
            self.default_event,
            first_repeat_label=self.num_events,
        )

    def initial_state(self, batch_size: int) -> Any:
        """The last events and the number of events, both int32."""
        return {
            "last_events": history.initial_events(
                batch_size, self.lookback_distances
            ),
            "num_steps": tf.zeros([batch_size], tf.int32),
        }

    def step(
        self, event: tf.Tensor, state: Any, control: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """Takes one event `[batch]` in; see `Encoding.step`."""
        del control
        distances = self.lookback_distances
        repeated = history.raw_events_at(state["last_events"], distances)
        last_events = history.push_event(state["last_events"], event)
        num_steps = state["num_steps"] + 1
        next_events = history.events_at(
            last_events, distances, self.default_event
        )
        inputs = self._join(
            tf.concat([event[:, None], next_events], axis=1),
            num_steps,
            repeated == event[:, None],
        )
        return inputs, {"last_events": last_events, "num_steps": num_steps}

    def event(self, label: tf.Tensor, state: Any) -> tf.Tensor:
        """The event `[batch]` of a label, looked up where it is a repeat."""
        return history.resolve_repeat(
            label,
            label,
            state["last_events"],
            self.lookback_distances,
            self.default_event,
            first_repeat_label=self.num_events,
        )

    def _shown(self, events: tf.Tensor) -> tf.Tensor:
        """The events that inputs show: int32 `[batch, time, 1 + lookbacks]`."""
        shown = [events] + [
            history.shift(events, distance - 1, self.default_event)
            for distance in self.lookback_distances
        ]
        return tf.stack(shown, axis=-1)

    def _join(
        self, shown: tf.Tensor, next_step: tf.Tensor, repeated: tf.Tensor
    ) -> tf.Tensor:
        """One vector of events `[..., 1 + lookbacks]` and the rest."""
        one_hots = tf.one_hot(shown, self.num_events)  # [..., 1 + l, n]
        flat = tf.concat([tf.shape(shown)[:-1], [-1]], axis=0)
        rest = self._rest(next_step, repeated)
        joined = tf.concat([tf.reshape(one_hots, flat), rest], axis=-1)
        return tf.ensure_shape(joined, [*shown.shape[:-1], self.input_depth])

    def _rest(self, next_step: tf.Tensor, repeated: tf.Tensor) -> tf.Tensor:
        """What follows the one-hots: float32 `[..., bits + lookbacks]`."""
        counter = history.binary_counter(next_step, self.binary_counter_bits)
        return tf.concat([counter, tf.cast(repeated, tf.float32)], axis=-1)
