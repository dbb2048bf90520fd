"""Sequences as sound, through the General MIDI SoundFont that pip brings.

pretty_midi ships the instruments; it is not imported, nor is anything else
that is slow, so that rendering starts in a moment. Programs, drums and
velocities are heard; pitch bends, pedals and other controls are not.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import os
import pathlib

import numpy as np

from magenta_lite.notes.atomic import temporary_file
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.notes.soundfont import SoundFont, Voice

DEFAULT_SAMPLE_RATE = 44100
"""Of compact discs, in Hz."""

PEAK = 0.89
"""The loudest sample, 1 dB below full scale."""

MAX_SECONDS = 3600.0
"""Longer sequences are refused; an hour takes 1.3 GB while it is rendered."""

TAIL_SECONDS = 1.0
"""What follows the last note, for it to die away."""

_FADE_SECONDS = 0.25
_DECIBELS_PER_STAGE = 100.0  # What decay and release times are given for.
_SILENCE = 1e-4
_CLICK_SECONDS = 0.004
_NATURAL_LOG_PER_DECIBEL = np.log(10) / 20


def synthesize(
    sequence: NoteSequence, sample_rate: int = DEFAULT_SAMPLE_RATE
) -> np.ndarray:
    """Plays a sequence: programs as General MIDI instruments, drums as drums.

    Args:
      sequence: times in seconds.
      sample_rate: in Hz.

    Returns:
      float32 `[samples, 2]`, left and right, within -`PEAK` to `PEAK`, from
      0 s to `TAIL_SECONDS` after the last note. Loudness is relative: the
      loudest sample is at `PEAK`.

    Raises:
      NotesError: if the sequence is too long, or holds notes that MIDI has
        not.
    """
    last = max((note.end_time for note in sequence.notes), default=0.0)
    if last > MAX_SECONDS:
        raise NotesError(
            "too_long",
            f"the sequence takes {last:.0f} s; sound is rendered up to "
            f"{MAX_SECONDS:.0f} s.",
        )
    num_samples = round((last + TAIL_SECONDS) * sample_rate)
    audio = np.zeros((num_samples, 2), np.float32)
    play = functools.lru_cache(maxsize=256)(_play)
    for note in sequence.notes:
        _check(note)
        start = round(note.start_time * sample_rate)
        sound = play(
            note.program,
            note.is_drum,
            note.pitch,
            max(note.velocity, 1),
            round((note.end_time - note.start_time) * sample_rate),
            sample_rate,
        )[: num_samples - start]
        audio[start : start + len(sound)] += sound
    fade = min(round(_FADE_SECONDS * sample_rate), num_samples)
    audio[num_samples - fade :] *= np.linspace(1, 0, fade)[:, None]
    loudest = np.abs(audio).max(initial=0)
    return audio * np.float32(PEAK / loudest) if loudest > 0 else audio


def write_wav(
    sequence: NoteSequence,
    path: str | os.PathLike,
    sample_rate: int = DEFAULT_SAMPLE_RATE,
) -> None:
    """Renders a sequence to a 16-bit stereo WAV file, whole or not at all.

    Args:
      sequence: times in seconds.
      path: where to; an existing file is replaced.
      sample_rate: in Hz.

    Raises:
      NotesError: if the file cannot be written or the sequence not played.
    """
    # Imported here: it loads a C library that few commands need.
    import soundfile

    encoded = io.BytesIO()
    soundfile.write(
        encoded,
        synthesize(sequence, sample_rate),
        sample_rate,
        subtype="PCM_16",
        format="WAV",
    )
    with temporary_file(path) as temporary:
        temporary.write_bytes(encoded.getbuffer())


def _check(note: NoteSequence.Note) -> None:
    valid = (
        0 <= note.pitch < 128
        and 0 <= note.velocity < 128
        and 0 <= note.program < 128
        and 0 <= note.start_time <= note.end_time
    )
    if not valid:
        raise NotesError(
            "bad_note",
            f"a note of pitch {note.pitch}, velocity {note.velocity}, program "
            f"{note.program}, from {note.start_time} to {note.end_time} s "
            "cannot be played.",
        )


def _play(
    program: int,
    is_drum: bool,
    pitch: int,
    velocity: int,
    num_held: int,
    sample_rate: int,
) -> np.ndarray:
    """One note, its release included: float32 `[samples, 2]`."""
    sounds = []
    for voice in _sound_font().voices(program, is_drum, pitch, velocity):
        envelope = _envelope(voice, num_held, sample_rate)
        wave = _wave(voice, len(envelope), sample_rate)
        # Velocity counts with its square, as the specification has it.
        gain = voice.gain * (velocity / 127) ** 2
        angle = (voice.pan + 0.5) * np.pi / 2
        sides = np.array([np.cos(angle), np.sin(angle)], np.float32)
        mono = wave * envelope[: len(wave)] * np.float32(gain)
        sounds.append(mono[:, None] * sides)
    played = np.zeros((max(map(len, sounds), default=0), 2), np.float32)
    for sound in sounds:
        played[: len(sound)] += sound
    return played


def _wave(voice: Voice, num_samples: int, sample_rate: int) -> np.ndarray:
    """A voice at its pitch, interpolated: float32, at most `num_samples`."""
    place = np.arange(num_samples) * (voice.rate / sample_rate)
    if voice.loop is None:
        place = place[: np.searchsorted(place, len(voice.samples) - 1)]
    else:
        first, end = voice.loop
        beyond = np.searchsorted(place, end)
        place[beyond:] = first + (place[beyond:] - first) % (end - first)
    below = place.astype(np.int64)
    part = (place - below).astype(np.float32)
    # The spec puts the first samples of a loop behind its end once more.
    above = np.minimum(below + 1, len(voice.samples) - 1)
    return voice.samples[below] * (1 - part) + voice.samples[above] * part


def _envelope(voice: Voice, num_held: int, sample_rate: int) -> np.ndarray:
    """Amplitude over time while a key is held and after: float32."""
    seconds = np.arange(num_held) / sample_rate
    attack = max(voice.attack_seconds, _CLICK_SECONDS / 4)
    falling = np.maximum(seconds - attack - voice.hold_seconds, 0)
    held = np.minimum(seconds / attack, 1) * np.maximum(
        _decayed(falling, voice.decay_seconds), voice.sustain
    )
    level = held[-1] if num_held else 1.0
    release = max(voice.release_seconds, _CLICK_SECONDS * 4)
    audible = release * -20 * np.log10(_SILENCE) / _DECIBELS_PER_STAGE
    released = np.arange(round(min(audible, 5.0) * sample_rate)) / sample_rate
    return np.concatenate([held, level * _decayed(released, release)]).astype(
        np.float32
    )


def _decayed(seconds: np.ndarray, stage_seconds: float) -> np.ndarray:
    """Amplitude that far into a stage that loses 100 dB."""
    decibels = seconds * (_DECIBELS_PER_STAGE / stage_seconds)
    return np.exp(-_NATURAL_LOG_PER_DECIBEL * decibels)


@functools.cache
def _sound_font() -> SoundFont:
    package = importlib.util.find_spec("pretty_midi")
    folders = package.submodule_search_locations if package else None
    for folder in folders or ():
        fonts = sorted(pathlib.Path(folder).glob("*.sf2"))
        if fonts:
            return SoundFont(fonts[0])
    raise NotesError(
        "missing",
        "pretty_midi, which brings the SoundFont, is not installed; run "
        "`pip install pretty_midi`.",
    )
