"""Random music of several instruments, with every kind of disorder."""

import numpy as np

from magenta_lite.notes.proto import NoteSequence

_PROGRAMS = (0, 24, 33, 38, 41)
_DRUM_PITCHES = (36, 35, 38, 42, 46, 50, 49, 51, 22, 58, 1, 127)


def random_band(seed, num_bars=12, off_grid=0.3, changes=True):
    """Melodies, bass, drums and others in 4/4, some of them silent at times."""
    rng = np.random.default_rng(seed)
    qpm = float(rng.choice([120.0, 97.0, 61.3]))
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=4, denominator=4)
    step = 15.0 / qpm
    for instrument in range(rng.integers(2, 6)):
        is_drum = instrument == 2 or rng.random() < 0.2
        program = 0 if is_drum else int(rng.choice(_PROGRAMS))
        _play(sequence, rng, instrument, program, is_drum, num_bars, step)
    for note in sequence.notes:
        if rng.random() < off_grid:
            late = float(rng.uniform(-0.6, 0.6)) * step
            note.start_time = max(0.0, note.start_time + late)
            note.end_time = max(note.start_time + 0.01, note.end_time + late)
    for place in range(4):
        sequence.control_changes.add(
            time=float(rng.uniform(0, num_bars * 16 * step)),
            control_number=64,
            control_value=127 * (place % 2 == 0),
            instrument=1,
        )
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0)
    if changes and rng.random() < 0.3:
        middle = sequence.total_time / 2
        sequence.tempos.add(time=middle, qpm=100.0)
        sequence.time_signatures.add(
            time=middle, numerator=int(rng.choice([3, 4])), denominator=4
        )
    return sequence


def _play(sequence, rng, instrument, program, is_drum, num_bars, step):
    place = int(rng.integers(0, 20))
    density = rng.choice([1, 2, 4])
    while place < num_bars * 16:
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            pitch = rng.integers(15, 115)
            if is_drum:
                pitch = rng.choice(_DRUM_PITCHES)
            elif rng.random() < 0.7:
                pitch = rng.integers(60, 64)
            sequence.notes.add(
                pitch=int(pitch),
                velocity=int(rng.choice([1, 40, 80, 100, 127])),
                start_time=place * step,
                end_time=(place + int(rng.choice([1, 1, 2, 6, 20]))) * step,
                instrument=instrument,
                program=program,
                is_drum=bool(is_drum),
            )
        wait = rng.choice([1, 2, 4, 4, 8]) * density
        place += int(wait) if rng.random() > 0.03 else 70
