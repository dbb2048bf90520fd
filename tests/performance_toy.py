"""A performance codec small enough to work out results by hand."""

import dataclasses

import numpy as np
from toy_codec import ToyCodec

from magenta_lite.codecs.base import NoteEvents

PAD, VELOCITY = 3, 11


def on(pitch):
    return pitch


def off(pitch):
    return 3 + pitch


def shift(steps):
    return 5 + steps


@dataclasses.dataclass(frozen=True)
class ToyPerformanceCodec(ToyCodec):
    """Events 0 to 2 start, 3 to 5 end pitches; 6 to 10 last 1 to 5 steps.

    11 to 14 are velocities. Padding is the end of pitch 0.
    """

    @property
    def num_events(self):
        return 15

    @property
    def pad(self):
        return PAD

    def steps_table(self):
        table = np.zeros([15], np.int32)
        table[6:11] = range(1, 6)
        return table

    def velocity_table(self, shifts):
        table = np.tile(np.arange(15, dtype=np.int32), [len(shifts), 1])
        moved = table[:, 11:] + np.array(shifts)[:, None]
        table[:, 11:] = moved.clip(11, 14)
        return table

    def note_events(self):
        events = np.arange(15, dtype=np.int32)
        return NoteEvents(
            starts=np.where(events < 3, events, -1),
            ends=np.where((events >= 3) & (events < 6), events - 3, -1),
            shifts=events[6:11],
        )


@dataclasses.dataclass(frozen=True)
class ToyGridCodec(ToyCodec):
    """ToyCodec that says that 0 is a rest and all else starts a note."""

    def note_events(self):
        events = np.arange(self.num_events, dtype=np.int32)
        starts = np.where(events > 0, events, -1)
        return NoteEvents(starts, np.full_like(events, -1), rest=0)
