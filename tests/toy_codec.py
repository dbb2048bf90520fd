"""A codec and data sets small enough to work out results by hand."""

import collections
import dataclasses

import numpy as np

from magenta_lite.codecs.base import Codec, Extraction
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence


@dataclasses.dataclass(frozen=True)
class ToyCodec(Codec):
    """Event 0 is "hold", event 1 + p is pitch p; pitches 0 to `pitches` - 1.

    A note of velocity v becomes its pitch and v holds. A piece without notes
    is rejected, one that starts with pitch 127 is a typed error.
    """

    pitches: int = 9

    @property
    def num_events(self):
        return self.pitches + 1

    @property
    def reject_reasons(self):
        return {"no_notes": "a tune without notes"}

    def extract(self, sequence):
        if sequence.notes and sequence.notes[0].pitch == 127:
            raise UserError("pitch 127 is not for us.")
        if not sequence.notes:
            return Extraction([], collections.Counter(no_notes=1))
        events = []
        for note in sequence.notes:
            events += [note.pitch + 1] + [0] * note.velocity
        return Extraction([np.array(events, np.int32)], collections.Counter())

    def encode_primer(self, sequence, num_steps=None):
        raise NotImplementedError

    def decode(self, events, context=None):
        raise NotImplementedError

    def steps_per_second(self, qpm):
        return qpm / 60

    def transposition_table(self, shifts):
        table = np.full([len(shifts), self.num_events], -1, np.int32)
        table[:, 0] = 0
        for row, shift in enumerate(shifts):
            for pitch in range(self.pitches):
                if 0 <= pitch + shift < self.pitches:
                    table[row, 1 + pitch] = 1 + pitch + shift
        return table


@dataclasses.dataclass(frozen=True)
class LongEventsCodec(ToyCodec):
    """Event e lasts e steps."""

    def steps_table(self):
        return np.arange(self.num_events, dtype=np.int32)


@dataclasses.dataclass(frozen=True)
class PairCodec(ToyCodec):
    """Events are vectors (event, event)."""

    @property
    def event_shape(self):
        return (2,)

    def extract(self, sequence):
        found = super().extract(sequence)
        pairs = [np.stack([e, e], axis=1) for e in found.events]
        return Extraction(pairs, found.rejects)

    def transposition_table(self, shifts):
        table = super().transposition_table(shifts)
        return np.stack([table, table], axis=1)


@dataclasses.dataclass(frozen=True)
class BrokenCodec(ToyCodec):
    """Makes events that it does not have."""

    def extract(self, sequence):
        found = super().extract(sequence)
        return Extraction([e + 100 for e in found.events], found.rejects)


def sequence_of(notes):
    """A NoteSequence of (pitch, holds) pairs."""
    sequence = NoteSequence()
    for pitch, holds in notes:
        sequence.notes.add(pitch=pitch, velocity=holds)
    return sequence


class ToyDataset:
    """NoteSequences in memory; counts how often they are read."""

    name = "toy"
    splits = ("train",)

    def __init__(self, sequences, fingerprint="1"):
        self._records = [s.SerializeToString() for s in sequences]
        self._fingerprint = fingerprint
        self.reads = 0

    def sequences(self, split):
        self.reads += 1
        for number, record in enumerate(self._records):
            yield f"{split}/{number}", record

    def num_sequences(self, split):
        return len(self._records)

    def fingerprint(self, split):
        return self._fingerprint


def dataset_of_lengths(lengths, pitches=9):
    """One example of each length; example i starts with pitch i % pitches."""
    return ToyDataset(
        [
            sequence_of([((i + t) % pitches, 0) for t in range(length)])
            for i, length in enumerate(lengths)
        ],
        fingerprint=str(lengths),
    )
