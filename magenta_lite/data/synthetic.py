"""Made-up tunes: a data set for trying things out where there is no data."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator

import gin

from magenta_lite.data import synthetic_parts
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

_VERSION = 3  # raise it when the same seed gives other tunes
_MELODY_STREAM = "1"  # melodies are those of version 1
_QPM = 120.0
_TICKS_PER_QUARTER = 220

# Time signature -> rhythms of one bar, in quarter notes.
_RHYTHMS: dict[tuple[int, int], tuple[tuple[float, ...], ...]] = {
    (2, 4): ((1, 1), (0.5, 0.5, 1), (0.25,) * 4 + (0.5, 0.5), (0.5,) * 4),
    (3, 4): ((1, 1, 1), (2, 1), (1, 0.5, 0.5, 1), (1.5, 0.5, 1), (0.5,) * 6),
    (4, 4): ((1,) * 4, (0.5,) * 8, (1, 0.5, 0.5, 1, 1), (1.5, 0.5, 1, 1)),
    (6, 8): ((0.5,) * 6, (1, 0.5, 1, 0.5), (1.5, 0.5, 0.5, 0.5), (1.5, 1.5)),
}
_SCALES = (
    (0, 2, 4, 5, 7, 9, 11),  # major
    (0, 2, 3, 5, 7, 8, 10),  # natural minor
    (0, 2, 3, 5, 7, 9, 10),  # dorian
    (0, 2, 4, 5, 7, 9, 10),  # mixolydian
)
_LOWEST_TONIC, _HIGHEST_TONIC = 55, 66
_FORMS = ("AABA", "ABAB", "AABB", "ABAC", "AABC")
_SECTION_BARS = 4
_BASS_PROGRAMS = (synthetic_parts.BASS_PROGRAM, synthetic_parts.PIANO_PROGRAM)


@gin.register
@dataclasses.dataclass(frozen=True)
class SyntheticDataset:
    """Tunes of scales, arpeggios and repeated sections in several meters.

    16 bars each: a melody (instrument 0), with chord symbols, a polyphonic
    piano with sustain pedal, bass and drums, so that every recipe finds
    something to train on. In every second tune the bass is a piano's, too, for
    models that take one program only. One tune after another from a seed: tune
    i of a split does not depend on how many there are. It has the same methods
    as a prepared data set.

    Attributes:
      num_tunes: tunes of the training split; the others have a
        quarter of it.
      seed: other seeds give other tunes.
      meters: time signatures to choose from, of 2/4, 3/4, 4/4 and 6/8.
    """

    num_tunes: int = 256
    seed: int = 0
    meters: tuple[tuple[int, int], ...] = tuple(sorted(_RHYTHMS))

    def __post_init__(self) -> None:
        # Lists come from gin; tuples keep this hashable.
        meters = tuple(sorted(tuple(meter) for meter in self.meters))
        object.__setattr__(self, "meters", meters)
        if not meters or set(meters) - set(_RHYTHMS):
            raise UserError(
                f"SyntheticDataset: meters {meters} are not among "
                f"{sorted(_RHYTHMS)}"
            )

    @property
    def name(self) -> str:
        """Says what the data set is."""
        return "synthetic"

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return ("train", "validation", "test")

    def num_sequences(self, split: str) -> int:
        """How many tunes a split has.

        Raises:
          KeyError: if there is no such split.
        """
        if split not in self.splits:
            raise KeyError(split)
        if split == "train":
            return self.num_tunes
        return max(1, self.num_tunes // 4)

    def fingerprint(self, split: str) -> str:
        """Changes whenever the tunes of the split do."""
        size = self.num_sequences(split)
        kind = f"synthetic-{_VERSION}-{self.seed}-{split}-{size}"
        if set(self.meters) == set(_RHYTHMS):
            return kind
        return f"{kind}-{self.meters}"

    def sequences(self, split: str) -> Iterator[tuple[str, bytes]]:
        """Id and serialized NoteSequence of every tune."""
        for number in range(self.num_sequences(split)):
            name = f"synthetic/{split}/{number:05d}"
            program = _BASS_PROGRAMS[number % len(_BASS_PROGRAMS)]
            streams = _streams(f"{self.seed}/{name}")
            sequence = _tune(streams, program, self.meters)
            sequence.id = name
            yield name, sequence.SerializeToString(deterministic=True)


def _streams(key: str) -> Callable[[str], random.Random]:
    """What gives each part of a tune its own random stream."""
    return lambda part: random.Random(f"{part}/{key}")


def _tune(
    stream: Callable[[str], random.Random],
    bass_program: int,
    meters: tuple[tuple[int, int], ...],
) -> NoteSequence:
    """A tune of four sections, some of them repeated."""
    rng = stream(_MELODY_STREAM)
    meter = rng.choice(meters)
    scale = rng.choice(_SCALES)
    tonic = rng.randint(_LOWEST_TONIC, _HIGHEST_TONIC)
    form = rng.choice(_FORMS)
    sections = {label: _section(rng, meter) for label in sorted(set(form))}
    notes = [note for label in form for note in sections[label]]
    sequence = NoteSequence(ticks_per_quarter=_TICKS_PER_QUARTER)
    sequence.tempos.add(qpm=_QPM)
    sequence.time_signatures.add(numerator=meter[0], denominator=meter[1])
    start_seconds = 0.0
    for degree, quarters in notes:
        end_seconds = start_seconds + quarters * 60 / _QPM
        octave, step = divmod(degree, len(scale))
        sequence.notes.add(
            pitch=tonic + 12 * octave + scale[step],
            start_time=start_seconds,
            end_time=end_seconds,
        )
        start_seconds = end_seconds
    sequence.total_time = start_seconds
    num_bars = _SECTION_BARS * len(form)
    synthetic_parts.add_parts(
        sequence, tonic, scale, num_bars, stream, bass_program
    )
    return sequence


def _section(
    rng: random.Random, meter: tuple[int, int]
) -> list[tuple[int, float]]:
    """Four bars as (degree of the scale, quarter notes) pairs."""
    rhythms = rng.sample(_RHYTHMS[meter], 2)
    degree = rng.choice((0, 2, 4, 7))
    notes = []
    for bar in range(_SECTION_BARS):
        # Runs walk the scale; arpeggios leap by thirds.
        stride = rng.choice((-2, -1, 1, 1, 2))
        for quarters in rhythms[bar % 2]:
            notes.append((degree, quarters))
            if not 0 <= degree + stride <= 9:
                stride = -stride
            degree += stride
    # A cadence: the section comes to rest on the tonic or the fifth.
    _, last_quarters = notes[-1]
    notes[-1] = (rng.choice((0, 4, 7)), last_quarters)
    return notes
