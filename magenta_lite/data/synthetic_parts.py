"""What goes with a made-up melody: chords, piano, bass, drums, pedal.

Each part draws from a random stream of its own, so that a change of one leaves
the others as they are. Times in bars and quarters become seconds at the end.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from magenta_lite.notes.proto import NoteSequence

PIANO_PROGRAM = 0
BASS_PROGRAM = 33  # electric bass, plucked
PIANO, BASS, DRUMS = 1, 2, 9  # instruments; the melody is 0

_NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_QUALITIES = {(4, 7): "", (3, 7): "m", (3, 6): "dim", (4, 8): "aug"}
_LOWEST_CHORD_PITCH, _LOWEST_BASS_PITCH = 52, 33
_SUSTAIN_PEDAL = 64

# One character an eighth note. `k` bass drum, `s` snare, `.` neither.
_DRUM_PATTERNS = {
    (2, 4): ("k.s.", "kks.", "k.sk"),
    (3, 4): ("k.s.s.", "k...s.", "k.s.sk"),
    (4, 4): ("k.s.k.s.", "k.s.kks.", "kks..ks.", "k...s..k"),
    (6, 8): ("k..s..", "k.ks..", "k..s.k"),
}
_BASS_DRUM, _SNARE, _CRASH = 36, 38, 49
_CYMBALS = (42, 46, 51)  # closed and open hi-hat, ride
_TOMS = (50, 48, 45, 43)
_DRUM_SECONDS = 0.1
_MAX_LATENESS_SECONDS = 0.02
_BARS_BETWEEN_FILLS = 4


def add_parts(
    sequence: NoteSequence,
    tonic: int,
    scale: tuple[int, ...],
    num_bars: int,
    stream: Callable[[str], random.Random],
    bass_program: int = BASS_PROGRAM,
) -> None:
    """Adds the other parts, and dynamics, to a melody of one tempo and meter.

    Args:
      sequence: the melody, in whole bars.
      tonic: MIDI pitch of the scale's first degree.
      scale: semitones of the seven degrees above the tonic.
      num_bars: bars of the melody.
      stream: the random stream of a part, by the part's name.
      bass_program: what plays the bass; the piano's makes all of it one
        instrument, but for the drums.
    """
    bar_seconds = sequence.total_time / num_bars
    chords = _chords(sequence, tonic, scale, num_bars)
    melody = list(sequence.notes)
    _add_symbols(sequence, chords, bar_seconds)
    _add_piano(sequence, chords, bar_seconds, stream("piano"))
    _add_bass(sequence, chords, bar_seconds, bass_program, stream("bass"))
    _add_drums(sequence, num_bars, bar_seconds, stream("drums"))
    rng = stream("dynamics")
    for note in melody:
        # Each four bars swell and fade.
        phrase = note.start_time / bar_seconds / _BARS_BETWEEN_FILLS % 1
        note.velocity = int(70 + 80 * phrase * (1 - phrase)) + rng.randint(0, 9)


def _chords(
    sequence: NoteSequence, tonic: int, scale: tuple[int, ...], num_bars: int
) -> list[tuple[int, int, int]]:
    """Of each bar the triad that holds most of its melody, as pitches."""
    bar_seconds = sequence.total_time / num_bars
    held = [[0.0] * 12 for _ in range(num_bars)]
    for note in sequence.notes:
        bar = int(note.start_time / bar_seconds + 1e-6)
        held[bar][note.pitch % 12] += note.end_time - note.start_time
    wide = [*scale, *(12 + step for step in scale)]
    triads = [
        (tonic + wide[d], tonic + wide[d + 2], tonic + wide[d + 4])
        for d in range(len(scale))
    ]
    return [
        max(triads, key=lambda triad: sum(bar[p % 12] for p in triad))
        for bar in held
    ]


def _add_symbols(
    sequence: NoteSequence,
    chords: list[tuple[int, int, int]],
    bar_seconds: float,
) -> None:
    for bar, (root, third, fifth) in enumerate(chords):
        quality = _QUALITIES[third - root, fifth - root]
        sequence.text_annotations.add(
            time=bar * bar_seconds,
            text=_NAMES[root % 12] + quality,
            annotation_type=NoteSequence.TextAnnotation.CHORD_SYMBOL,
        )


def _add_piano(
    sequence: NoteSequence,
    chords: list[tuple[int, int, int]],
    bar_seconds: float,
    rng: random.Random,
) -> None:
    """Chords, once or twice a bar, some after the root; with pedal."""
    num_strokes = rng.choice((1, 2, 2))
    after_root = rng.random() < 0.4
    stroke_seconds = bar_seconds / num_strokes
    delay_seconds = 30 / sequence.tempos[0].qpm if after_root else 0.0
    for stroke in range(num_strokes * len(chords)):
        start = stroke * stroke_seconds
        velocity = 65 if stroke % num_strokes else 75
        pitches = sorted(
            _LOWEST_CHORD_PITCH + (pitch - _LOWEST_CHORD_PITCH) % 12
            for pitch in chords[stroke // num_strokes]
        )
        for place, pitch in enumerate(pitches):
            sequence.notes.add(
                pitch=pitch,
                velocity=velocity + rng.randint(-6, 6),
                start_time=start + min(place, 1) * delay_seconds,
                end_time=start + stroke_seconds,
                instrument=PIANO,
                program=PIANO_PROGRAM,
            )
    for bar in range(len(chords)):
        for share, value in ((0.05, 127), (0.9, 0)):
            sequence.control_changes.add(
                time=(bar + share) * bar_seconds,
                control_number=_SUSTAIN_PEDAL,
                control_value=value,
                instrument=PIANO,
                program=PIANO_PROGRAM,
            )


def _add_bass(
    sequence: NoteSequence,
    chords: list[tuple[int, int, int]],
    bar_seconds: float,
    program: int,
    rng: random.Random,
) -> None:
    """Root and fifth of each chord, the last of four bars walking."""
    for bar, (root, third, fifth) in enumerate(chords):
        walks = bar % _BARS_BETWEEN_FILLS == _BARS_BETWEEN_FILLS - 1
        degrees = (root, third, fifth, third) if walks else (root, fifth)
        seconds = bar_seconds / len(degrees)
        for place, pitch in enumerate(degrees):
            low = _LOWEST_BASS_PITCH
            sequence.notes.add(
                pitch=low + (pitch - low) % 12,
                velocity=rng.randint(75, 95),
                start_time=bar * bar_seconds + place * seconds,
                end_time=bar * bar_seconds + (place + 1) * seconds,
                instrument=BASS,
                program=program,
            )


def _add_drums(
    sequence: NoteSequence,
    num_bars: int,
    bar_seconds: float,
    rng: random.Random,
) -> None:
    """A groove, played a little late, with a fill every four bars."""
    (meter,) = sequence.time_signatures
    pattern = rng.choice(_DRUM_PATTERNS[meter.numerator, meter.denominator])
    cymbal = rng.choice(_CYMBALS)

    def hit(pitch: int, start: float, velocity: int) -> None:
        start += rng.uniform(0, _MAX_LATENESS_SECONDS)
        sequence.notes.add(
            pitch=pitch,
            velocity=velocity + rng.randint(-8, 8),
            start_time=start,
            end_time=start + _DRUM_SECONDS,
            instrument=DRUMS,
            is_drum=True,
        )

    eighth = bar_seconds / len(pattern)
    for bar in range(num_bars):
        start = bar * bar_seconds
        has_fill = bar % _BARS_BETWEEN_FILLS == _BARS_BETWEEN_FILLS - 1
        num_fill = len(_TOMS) if has_fill else 0  # sixteenths
        if bar % _BARS_BETWEEN_FILLS == 0:
            hit(_CRASH, start, 100)
        for place, drum in enumerate(pattern[: len(pattern) - num_fill // 2]):
            hit(cymbal, start + place * eighth, 60 if place % 2 else 75)
            if drum != ".":
                pitch = _BASS_DRUM if drum == "k" else _SNARE
                hit(pitch, start + place * eighth, 95)
        for place in range(num_fill):
            back = (num_fill - place) / 2 * eighth
            hit(_TOMS[place], start + bar_seconds - back, 85)
