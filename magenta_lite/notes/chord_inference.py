"""Names the chords of music that has none written.

The model is that of note_seq's `infer_chords_for_sequence`: keys and chords are
hidden states, the pitch classes that sound in each half bar or bar point in
the direction of the chord's tones, and the likeliest path of states is found.
The two give the same chords; this one takes the transitions apart (a key that
changes forgets the chord) instead of a table of all pairs of states.
"""

from __future__ import annotations

import functools

import numpy as np

from magenta_lite.chord_symbols import NO_CHORD
from magenta_lite.notes.chords import ChordChanges
from magenta_lite.notes.quantize import QuantizedNotes

_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_KINDS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "+": (0, 4, 8),
    "dim": (0, 3, 6),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
}
_FIGURES = (NO_CHORD, *(root + kind for root in _ROOTS for kind in _KINDS))
_NUM_KEYS, _NUM_CHORDS = 12, len(_FIGURES)
_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)

# Chords in a bar; elsewhere one.
_CHORDS_PER_BAR = {(4, 4): 2, (6, 8): 2}

_KEY_CHANGE = 0.001
_CHORD_CHANGE = 0.5
_OUT_OF_KEY = 0.01
_CONCENTRATION = 100.0

# Sound effects and drums of General MIDI, numbered from 0.
_UNPITCHED = (*range(96, 104), *range(112, 128))


def infer_chords(notes: QuantizedNotes) -> ChordChanges:
    """The likeliest chords, two in a bar of 4/4 or 6/8, elsewhere one.

    Args:
      notes: of one section; drums and sound effects do not count.

    Returns:
      Where the chord changes; nothing if there is no note with a pitch.
    """
    pitched = ~notes.notes.is_drum & ~np.isin(notes.notes.program, _UNPITCHED)
    if not pitched.any():
        return ChordChanges(np.zeros([0], np.int64), ())
    chords_per_bar = _CHORDS_PER_BAR.get(notes.time_signature, 1)
    steps = notes.steps_per_bar / chords_per_bar
    if steps % 1:
        steps = notes.steps_per_bar
    frame_seconds = steps / (notes.steps_per_quarter * notes.qpm / 60.0)
    total_seconds = float(notes.notes.end_seconds.max())
    num_frames = max(1, int(np.ceil(total_seconds / frame_seconds)))
    vectors = _pitch_vectors(
        notes.notes.pitch[pitched] % 12,
        notes.notes.start_seconds[pitched],
        notes.notes.end_seconds[pitched],
        frame_seconds * np.arange(1, num_frames),
    )
    chords = _likeliest(_CONCENTRATION * vectors @ _tones(unit=True).T)
    changes = np.flatnonzero(np.diff(chords, prepend=-1))
    return ChordChanges(
        (changes * steps).astype(np.int64),
        tuple(_FIGURES[chord] for chord in chords[changes].tolist()),
    )


def _pitch_vectors(
    pitch_classes: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    borders: np.ndarray,
) -> np.ndarray:
    """How long pitch classes sound in each frame, as unit vectors.

    Args:
      pitch_classes: int `[notes]`.
      starts: seconds, `[notes]`.
      ends: seconds, `[notes]`.
      borders: seconds between frames, `[frames - 1]`.

    Returns:
      float64 `[frames, 12]`; zeros where nothing sounds.
    """
    first = np.searchsorted(borders, starts, side="right")
    last = np.maximum(np.searchsorted(borders, ends, side="left"), first)
    # One row for each frame that a note touches.
    counts = last - first + 1
    note = np.repeat(np.arange(len(starts)), counts)
    before = np.cumsum(counts) - counts
    frame = np.arange(len(note)) - np.repeat(before - first, counts)
    edges = np.concatenate([[-np.inf], borders, [np.inf]])
    seconds = np.minimum(ends[note], edges[frame + 1])
    seconds -= np.maximum(starts[note], edges[frame])
    vectors = np.zeros([len(borders) + 1, 12])
    np.add.at(vectors, (frame, pitch_classes[note]), seconds)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=vectors, where=norms > 0)


def _likeliest(chord_scores: np.ndarray) -> np.ndarray:
    """The likeliest chord of each frame (Viterbi): int64 `[frames]`.

    Args:
      chord_scores: float64 `[frames, chords]`, log-likelihoods.
    """
    chord_in_key, same_key, new_key = _log_tables()
    score = chord_in_key - np.log(_NUM_KEYS) + chord_scores[0]  # [k, c]
    states = np.arange(_NUM_KEYS * _NUM_CHORDS)
    key_of = states // _NUM_CHORDS
    others = ~np.eye(_NUM_KEYS, dtype=bool)
    parents = np.zeros([len(chord_scores), len(states)], np.int64)
    for frame in range(1, len(chord_scores)):
        stays = score[:, :, None] + same_key  # [key, from, to]
        from_chord = stays.argmax(axis=1)
        stay = np.take_along_axis(stays, from_chord[:, None], axis=1).ravel()
        stay_parent = key_of * _NUM_CHORDS + from_chord.ravel()
        # A change of key comes from the best state of the best other key.
        best = np.where(others, score.max(axis=1), -np.inf)  # [to, from]
        from_key = best.argmax(axis=1)
        move = (best.max(axis=1)[:, None] + new_key).ravel()
        move_parent = from_key * _NUM_CHORDS + score.argmax(axis=1)[from_key]
        moves = move > stay
        parents[frame] = np.where(moves, move_parent[key_of], stay_parent)
        score = np.where(moves, move, stay).reshape(score.shape)
        score = score + chord_scores[frame]
    path = [int(score.argmax())]
    for frame in range(len(chord_scores) - 1, 0, -1):
        path.append(int(parents[frame, path[-1]]))
    return np.array(path[::-1]) % _NUM_CHORDS


@functools.cache
def _tones(unit: bool = False) -> np.ndarray:
    """Which pitch classes chords have: float64 `[chords, 12]`."""
    tones = np.zeros([_NUM_CHORDS, 12])
    for root in range(12):
        for kind, semitones in enumerate(_KINDS.values()):
            row = 1 + root * len(_KINDS) + kind
            tones[row, (root + np.array(semitones)) % 12] = 1
    if unit:
        tones[1:] /= np.linalg.norm(tones[1:], axis=1, keepdims=True)
    return tones


@functools.cache
def _log_tables() -> tuple[np.ndarray, ...]:
    """Log-probabilities of chords in keys and of changes.

    Returns:
      `[keys, chords]`: a chord, given its key; `[keys, chords, chords]`: from
      chord to chord within a key; `[keys, chords]`: to a chord of another key.
    """
    scale = np.zeros([_NUM_KEYS, 12])
    for key in range(_NUM_KEYS):
        scale[key, (key + np.array(_MAJOR_SCALE)) % 12] = 1
    inside = scale @ _tones().T
    outside = (1 - scale) @ _tones().T
    chords = (1 - _OUT_OF_KEY) ** inside * _OUT_OF_KEY**outside
    chords /= chords.sum(axis=1, keepdims=True)
    # What the last chord would have got is shared out among the others.
    shared = chords[:, :, None] / (_NUM_CHORDS - 1)
    changed = _CHORD_CHANGE * (chords[:, None] + shared)
    stays = np.eye(_NUM_CHORDS, dtype=bool)
    same_key = (1 - _KEY_CHANGE) * np.where(stays, 1 - _CHORD_CHANGE, changed)
    new_key = _KEY_CHANGE / (_NUM_KEYS - 1) * chords
    return np.log(chords), np.log(same_key), np.log(new_key)
