import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magenta_lite.data import contours

NO_TEMPO = np.zeros(0)


def notes(rows, instrument=0, is_drum=False):
    """Of (start, end, pitch) rows."""
    start, end, pitch = map(np.array, zip(*rows, strict=True))
    return {
        "pitch": pitch.astype(np.int64),
        "start_time": start.astype(np.float64),
        "end_time": end.astype(np.float64),
        "instrument": np.full(len(rows), instrument),
        "is_drum": np.full(len(rows), is_drum),
    }


def together(*tracks):
    return {
        name: np.concatenate([track[name] for track in tracks])
        for name in tracks[0]
    }


def line(pitches, step=0.5, **kwargs):
    rows = [(n * step, (n + 1) * step, p) for n, p in enumerate(pitches)]
    return notes(rows, **kwargs)


def phrases(*tracks, tempo=(NO_TEMPO, NO_TEMPO)):
    return set(contours.phrases(together(*tracks), *tempo).tolist())


TUNE = [60, 62, 64, 65, 67, 65, 64, 62, 60, 67, 72, 71, 69, 67]
BASS = [36, 43, 36, 43, 36, 43, 36]


def test_a_melody_has_a_phrase_for_each_run_of_eight_intervals():
    assert len(phrases(line(TUNE))) == len(TUNE) - 8
    assert len(phrases(line(TUNE[:5]))) == 1
    assert phrases(line(TUNE[:1])) == set()


@given(st.integers(-20, 20), st.sampled_from([0.1, 0.3, 2.0]))
def test_key_and_speed_do_not_count(shift, step):
    moved = line([pitch + shift for pitch in TUNE], step)
    assert phrases(moved) == phrases(line(TUNE))


def test_the_melody_is_the_same_alone_and_above_other_notes():
    below = line([pitch - 12 for pitch in TUNE])
    assert phrases(line(TUNE), below) == phrases(line(TUNE))
    # Notes that begin below one that is held are no part of it.
    held = line(TUNE, step=1.0)
    between = notes([(n + 0.5, n + 0.9, 48 + n % 3) for n in range(len(TUNE))])
    assert phrases(held, between) == phrases(line(TUNE))


def test_notes_that_run_into_the_next_one_do_not_hide_it():
    legato = notes([(n, n + 1.3, p) for n, p in enumerate(TUNE)])
    assert phrases(legato) == phrases(line(TUNE))


def test_each_track_counts_by_itself():
    melody, bass = line(TUNE), line(BASS * 2, instrument=1)
    assert phrases(melody, bass) == phrases(melody) | phrases(bass)


def chords(roots):
    return notes(
        [
            (n, n + 1, root + above)
            for n, root in enumerate(roots)
            for above in (0, 4, 7)
        ]
    )


def test_chords_are_told_apart_by_long_runs_only():
    one = [48, 53, 55, 48] * 5 + [50, 57, 52, 47, 45]
    other = [48, 53, 55, 48] * 5 + [51, 57, 52, 47, 45]
    assert phrases(chords(one)) == phrases(chords([r + 3 for r in one]))
    assert not phrases(chords(one)) & phrases(chords(other))
    assert phrases(chords(one)) & phrases(chords([*other, *one]))


BEAT = [(0, 36), (0, 42), (2, 42), (4, 38), (4, 42), (6, 42), (8, 36), (8, 42)]
BEAT += [(10, 36), (12, 38), (12, 46), (14, 42)]


def drums(qpm, bars=4, beat=BEAT, keys=None):
    step = 60 / qpm / 4
    rows = [
        ((16 * bar + at) * step, (16 * bar + at) * step + 0.05, key)
        for bar in range(bars)
        for at, key in beat
    ]
    if keys:
        rows = [(s, e, keys.get(key, key)) for s, e, key in rows]
    return notes(rows, is_drum=True)


def at_tempo(qpm, **kwargs):
    return phrases(
        drums(qpm, **kwargs), tempo=(np.zeros(1), np.array([float(qpm)]))
    )


def test_a_drum_loop_is_the_same_at_any_tempo_and_on_any_kit():
    assert at_tempo(90) == at_tempo(171.3)
    assert at_tempo(90) == at_tempo(90, keys={36: 35, 38: 40})


def test_a_played_drum_loop_is_the_same_as_the_exact_one():
    exact = drums(100)
    played = dict(exact)
    jitter = np.random.default_rng(1).normal(0, 0.01, len(exact["pitch"]))
    played["start_time"] = np.abs(exact["start_time"] + jitter)
    tempo = (np.zeros(1), np.array([100.0]))
    assert phrases(played, tempo=tempo) == phrases(exact, tempo=tempo)


def test_other_drums_are_another_loop():
    other = [(at, 38 if key == 42 else key) for at, key in BEAT]
    assert not at_tempo(90) & at_tempo(90, beat=other)


def test_drums_and_melodies_never_share_a_phrase():
    assert not phrases(line(TUNE)) & phrases(line(TUNE, is_drum=True))


def test_tempo_changes_are_followed():
    # At 60 until 4 s, then 120: steps of a sixteenth last 0.25 s, then 0.125 s.
    times = [*np.arange(0, 4, 0.25), *np.arange(4, 8, 0.125)]
    rows = [(at, at + 0.05, 36 if n % 3 else 38) for n, at in enumerate(times)]
    even = [(n / 8, n / 8 + 0.05, row[2]) for n, row in enumerate(rows)]
    changing = np.array([0.0, 4.0]), np.array([60.0, 120.0])
    steady = np.zeros(1), np.array([120.0])
    assert phrases(notes(rows, is_drum=True), tempo=changing) == phrases(
        notes(even, is_drum=True), tempo=steady
    )


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_hashes_are_spread_over_all_bits(count):
    mixed = contours.mix(np.arange(count, dtype=np.uint64))
    assert len(np.unique(mixed)) == count
    if count == 40:
        assert 10 < np.sum(mixed > 2**63) < 30
