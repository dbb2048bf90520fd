"""Melodies with lookbacks, contour, meter and an estimate of the key."""

from __future__ import annotations

import dataclasses
from typing import Any

import gin
import tensorflow as tf

from magenta_lite.encodings import history
from magenta_lite.encodings.base import Encoding
from magenta_lite.errors import UserError

_NO_EVENT = 0
_NOTE_OFF = 1
_FIRST_NOTE = 2
_SILENT = -1
_STEPS_PER_BAR = 16
_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
# [13, 12]: the major keys that each pitch class lies in; none for "no note".
_KEYS = [
    [float((note - key) % 12 in _MAJOR_SCALE) for key in range(12)]
    for note in range(12)
] + [[0.0] * 12]


@gin.register
@dataclasses.dataclass(frozen=True)
class KeyMelodyEncoding(Encoding):
    """note_seq's `KeyMelodyEncoderDecoder` over the events of MelodyCodec.

    An input holds, in this order: the one-hot of the pitch that sounds;
    whether one sounds; whether none does; whether the event starts it; 1 if
    the last change of pitch went up, -1 if down; for each lookback whether
    the event repeats the one that far before; the bits of the next step's
    number (-1 or 1); whether the next step starts a bar of 16; the major keys
    that hold most notes so far; those that hold most of the last three
    different pitches.

    Labels are pitches, then no-event, note-off and one repeat for each
    lookback; of several repeats that fit the last one is used.

    Attributes:
      num_events: no-event, note-off and the pitches.
      min_pitch: MIDI pitch of event 2.
      lookback_distances: in steps; there may be none.
      binary_counter_bits: bits of the step counter.
    """

    num_events: int
    min_pitch: int = 48
    lookback_distances: tuple[int, ...] = (16, 32)
    binary_counter_bits: int = 7

    def __post_init__(self) -> None:
        distances = tuple(self.lookback_distances)
        object.__setattr__(self, "lookback_distances", distances)
        name = type(self).__name__
        if self.num_events <= _FIRST_NOTE or self.min_pitch < 0:
            raise UserError(
                f"{name}: num_events must be above 2, min_pitch at least 0"
            )
        history.check_lookbacks(name, distances, self.binary_counter_bits)

    @property
    def input_depth(self) -> int:
        """Pitches, 5 flags, 24 keys, repeat flags and counter."""
        fixed = 2 + 1 + 1 + 1 + 12 + 12
        lookbacks = len(self.lookback_distances)
        return self._num_pitches + fixed + lookbacks + self.binary_counter_bits

    @property
    def num_classes(self) -> int:
        """Events and one repeat for each lookback."""
        return self.num_events + len(self.lookback_distances)

    @property
    def default_label(self) -> int:
        """No-event where it repeats nothing."""
        return self._num_pitches

    @property
    def _num_pitches(self) -> int:
        return self.num_events - _FIRST_NOTE

    def inputs(self, events: tf.Tensor) -> tf.Tensor:
        """float32 `[batch, time, input_depth]` for events `[batch, time]`."""
        is_note = events >= _FIRST_NOTE
        pitch = events - _FIRST_NOTE
        sounding = _last(
            tf.where(is_note, pitch, _SILENT), events != _NO_EVENT, _SILENT
        )
        attack = _last(is_note, events != _NOTE_OFF, False)

        # The last three different pitches: at a change, what was last becomes
        # second, and what was second becomes third unless it is now last.
        newest = _last(pitch, is_note, _SILENT)
        previous = history.shift(newest, 1, _SILENT)
        changed = is_note & (previous != _SILENT) & (pitch != previous)
        direction = _last(tf.sign(pitch - previous), changed, 0)
        second = _last(previous, changed, _SILENT)
        old_second = history.shift(second, 1, _SILENT)
        displaced = changed & (old_second != _SILENT) & (old_second != pitch)
        third = _last(old_second, displaced, _SILENT)

        key_counts = tf.cumsum(self._keys(tf.where(is_note, pitch, -1)), axis=1)
        return self._join(
            sounding=sounding,
            attack=attack,
            direction=direction,
            repeated=history.repeats(events, self.lookback_distances),
            next_step=history.next_positions(events),
            key_counts=key_counts,
            last_pitches=tf.stack([newest, second, third], axis=-1),
        )

    def labels(self, events: tf.Tensor) -> tf.Tensor:
        """int32 `[batch, time]` in `[0, num_classes)`."""
        # Pitches come first among the labels and last among the events.
        own_labels = (events - _FIRST_NOTE) % self.num_events
        return history.lookback_labels(
            events,
            own_labels,
            self.lookback_distances,
            _NO_EVENT,
            first_repeat_label=self.num_events,
        )

    def initial_state(self, batch_size: int) -> Any:
        """What the input at the next step depends on: `[batch, ...]` each."""
        return {
            "last_events": history.initial_events(
                batch_size, self.lookback_distances
            ),
            "num_steps": tf.zeros([batch_size], tf.int32),
            "sounding": tf.fill([batch_size], _SILENT),
            "attack": tf.zeros([batch_size], tf.bool),
            "direction": tf.zeros([batch_size], tf.int32),
            "last_pitches": tf.fill([batch_size, 3], _SILENT),
            "key_counts": tf.zeros([batch_size, 12]),
        }

    def step(
        self, event: tf.Tensor, state: Any, control: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, Any]:
        """Takes one event `[batch]` in; see `Encoding.step`."""
        del control
        is_note = event >= _FIRST_NOTE
        pitch = event - _FIRST_NOTE
        changes_sound = event != _NO_EVENT
        now_sounding = tf.where(is_note, pitch, _SILENT)
        newest = state["last_pitches"][:, 0]
        changed = is_note & (newest != _SILENT) & (pitch != newest)
        repeated = history.raw_events_at(
            state["last_events"], self.lookback_distances
        )
        state = {
            "last_events": history.push_event(state["last_events"], event),
            "num_steps": state["num_steps"] + 1,
            "sounding": tf.where(
                changes_sound, now_sounding, state["sounding"]
            ),
            "attack": is_note | ((event == _NOTE_OFF) & state["attack"]),
            "direction": tf.where(
                changed, tf.sign(pitch - newest), state["direction"]
            ),
            "last_pitches": _push_pitch(state["last_pitches"], pitch, is_note),
            "key_counts": state["key_counts"]
            + self._keys(tf.where(is_note, pitch, _SILENT)),
        }
        inputs = self._join(
            sounding=state["sounding"],
            attack=state["attack"],
            direction=state["direction"],
            repeated=repeated == event[:, None],
            next_step=state["num_steps"],
            key_counts=state["key_counts"],
            last_pitches=state["last_pitches"],
        )
        return inputs, state

    def event(self, label: tf.Tensor, state: Any) -> tf.Tensor:
        """The event `[batch]` of a label, looked up where it is a repeat."""
        return history.resolve_repeat(
            label,
            (label + _FIRST_NOTE) % self.num_events,
            state["last_events"],
            self.lookback_distances,
            _NO_EVENT,
            first_repeat_label=self.num_events,
        )

    def _keys(self, pitch: tf.Tensor) -> tf.Tensor:
        """The keys `[..., 12]` that pitches lie in; none for -1."""
        pitch_class = (pitch + self.min_pitch) % 12
        row = tf.where(pitch == _SILENT, 12, pitch_class)
        return tf.gather(tf.constant(_KEYS), row)

    def _join(
        self,
        sounding: tf.Tensor,
        attack: tf.Tensor,
        direction: tf.Tensor,
        repeated: tf.Tensor,
        next_step: tf.Tensor,
        key_counts: tf.Tensor,
        last_pitches: tf.Tensor,
    ) -> tf.Tensor:
        """One vector `[..., input_depth]` of its parts `[...]`."""
        # note_seq takes MIDI pitch 0, alone of all, for silence.
        audible = sounding >= (1 if self.min_pitch == 0 else 0)
        flags = tf.stack([audible, ~audible, attack], axis=-1)
        starts_bar = next_step[..., None] % _STEPS_PER_BAR == 0
        recent_counts = tf.reduce_sum(self._keys(last_pitches), axis=-2)
        parts = [
            tf.one_hot(tf.where(audible, sounding, -1), self._num_pitches),
            flags,
            direction[..., None],
            repeated,
            history.binary_counter(next_step, self.binary_counter_bits),
            starts_bar,
            _is_largest(key_counts),
            _is_largest(recent_counts),
        ]
        return tf.concat([tf.cast(p, tf.float32) for p in parts], axis=-1)


def _is_largest(counts: tf.Tensor) -> tf.Tensor:
    return counts == tf.reduce_max(counts, axis=-1, keepdims=True)


def _push_pitch(
    last_pitches: tf.Tensor, pitch: tf.Tensor, is_note: tf.Tensor
) -> tf.Tensor:
    """The last three different pitches `[batch, 3]`, newest first."""
    first, second, third = tf.unstack(last_pitches, axis=1)
    same_first = pitch == first
    new_second = tf.where(same_first, second, first)
    keeps_third = same_first | (pitch == second)
    new_third = tf.where(keeps_third, third, second)
    pushed = tf.stack([pitch, new_second, new_third], axis=1)
    return tf.where(is_note[:, None], pushed, last_pitches)


def _last(values: tf.Tensor, chosen: tf.Tensor, default: Any) -> tf.Tensor:
    """At each step the value of the last chosen step up to it.

    Args:
      values: `[batch, time]`.
      chosen: bool `[batch, time]`.
      default: where no step was chosen yet.

    Returns:
      `[batch, time]`.
    """
    num_chosen = tf.cumsum(tf.cast(chosen, tf.int32), axis=1)
    # The first step with this count is the one that was chosen last.
    step = tf.searchsorted(num_chosen, num_chosen, side="left")
    found = tf.gather(values, step, batch_dims=1)
    return tf.where(num_chosen > 0, found, tf.cast(default, values.dtype))
