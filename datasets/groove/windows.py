"""Cuts a performance into windows of some bars, as TFDS does.

A window starts at each bar. It holds the notes that lie in it from start to
end: a hit that rings across its last bar line is not part of it, nor is one
that came early, before its first. Of what changes a state (the pedal of the
hi-hat, tempo, signatures) it holds the changes in between, and at its start the
last one before, which is still in force.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from magenta_lite.notes.proto import NoteSequence


def count_bars(sequence: NoteSequence, bar_seconds: float) -> int:
    """How many bars a performance has; a half at the end counts as one.

    The end is that of its last event, controllers included.
    """
    ends = [sequence.total_time]
    for events in (sequence.control_changes, sequence.pitch_bends):
        ends += [event.time for event in events]
    return round(max(ends) / bar_seconds)


def cut_windows(
    sequence: NoteSequence, bar_seconds: float, num_bars: int
) -> list[NoteSequence]:
    """All windows of a performance, each starting at time 0.

    Args:
      sequence: the performance.
      bar_seconds: how long a bar lasts.
      num_bars: how many bars a window holds.

    Returns:
      One sequence for each bar that has enough bars behind it. `total_time` is
      that of the whole window, however early its last note ends, and
      `subsequence_info` says where in the performance it lies.
    """
    num_windows = count_bars(sequence, bar_seconds) - num_bars + 1
    starts = np.array([note.start_time for note in sequence.notes])
    ends = np.array([note.end_time for note in sequence.notes])
    states = _states(sequence)
    windows = []
    for bar in range(num_windows):
        first, last = bar * bar_seconds, (bar + num_bars) * bar_seconds
        window = NoteSequence(
            ticks_per_quarter=sequence.ticks_per_quarter,
            source_info=sequence.source_info,
            instrument_infos=sequence.instrument_infos,
            total_time=last - first,
        )
        window.subsequence_info.start_time_offset = first
        window.subsequence_info.end_time_offset = max(
            sequence.total_time - last, 0.0
        )
        for index in np.flatnonzero((starts >= first) & (ends <= last)):
            note = window.notes.add()
            note.CopyFrom(sequence.notes[index])
            note.start_time -= first
            note.end_time -= first
        for name, state in states.items():
            state.copy_into(getattr(window, name), first, last)
        windows.append(window)
    return windows


class _State:
    """Events of one sort, each in force until the next of its kind.

    Args:
      events: in any order, with a `time` in seconds.
      kind_fn: events of different kinds do not end each other.
    """

    def __init__(
        self, events: Sequence[Any], kind_fn: Callable[[Any], Any]
    ) -> None:
        by_time = sorted(events, key=lambda event: event.time)
        self._events = by_time
        self._times = np.array([event.time for event in by_time])
        kinds = [kind_fn(event) for event in by_time]
        self._until = np.full(len(by_time), np.inf)
        following: dict[Any, float] = {}
        for place in reversed(range(len(by_time))):
            self._until[place] = following.get(kinds[place], np.inf)
            following[kinds[place]] = by_time[place].time

    def copy_into(self, target: Any, first: float, last: float) -> None:
        """Adds what is in force anywhere in [first, last), moved to 0."""
        kept = (self._times < last) & (self._until > first)
        for index in np.flatnonzero(kept):
            event = target.add()
            event.CopyFrom(self._events[index])
            event.time = max(event.time - first, 0.0)


def _states(sequence: NoteSequence) -> dict[str, _State]:
    """All fields of a sequence whose events are in force for some time."""

    def only(event: Any) -> int:
        return 0

    def instrument(event: Any) -> int:
        return event.instrument

    def controller(event: Any) -> tuple[int, int]:
        return event.instrument, event.control_number

    return {
        "tempos": _State(sequence.tempos, only),
        "time_signatures": _State(sequence.time_signatures, only),
        "key_signatures": _State(sequence.key_signatures, only),
        "control_changes": _State(sequence.control_changes, controller),
        "pitch_bends": _State(sequence.pitch_bends, instrument),
    }
