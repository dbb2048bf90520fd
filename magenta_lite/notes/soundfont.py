"""Reads SoundFont 2 files: which samples sound for a key, and how.

Written after the SoundFont 2.04 specification, as far as playing needs it:
key and velocity ranges, tuning, loops, volume envelope, attenuation and pan.
Filters, modulators, low-frequency oscillators and effect sends are left out.

Why not a library: symusic's synthesiser ignores the root keys that instruments
set for their samples, so that with the SoundFont of pretty_midi a piano plays
8 to 23 semitones too high, another interval for every few keys; others need a
system library or have no wheels for every supported Python.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib

import numpy as np

from magenta_lite.notes.errors import NotesError

DRUM_BANK = 128
"""Where General MIDI SoundFonts keep their drum kits."""

_BAG = np.dtype([("generator", "<u2"), ("modulator", "<u2")])
_RECORDS = {
    b"phdr": np.dtype(
        [
            ("name", "S20"),
            ("preset", "<u2"),
            ("bank", "<u2"),
            ("bag", "<u2"),
            ("unused", "V12"),
        ]
    ),
    b"pbag": _BAG,
    b"pgen": np.dtype([("kind", "<u2"), ("amount", "<i2")]),
    b"inst": np.dtype([("name", "S20"), ("bag", "<u2")]),
    b"ibag": _BAG,
    b"igen": np.dtype([("kind", "<u2"), ("amount", "<i2")]),
    b"shdr": np.dtype(
        [
            ("name", "S20"),
            ("start", "<u4"),
            ("end", "<u4"),
            ("loop_start", "<u4"),
            ("loop_end", "<u4"),
            ("rate", "<u4"),
            ("root", "u1"),
            ("cents", "i1"),
            ("link", "<u2"),
            ("type", "<u2"),
        ]
    ),
}

# Numbers of the generators in the specification, 8.1.2.
_START, _END, _LOOP_START, _LOOP_END, _START_COARSE = 0, 1, 2, 3, 4
_END_COARSE, _LOOP_START_COARSE, _LOOP_END_COARSE = 12, 45, 50
_PAN, _ATTACK, _HOLD, _DECAY, _SUSTAIN, _RELEASE = 17, 34, 35, 36, 37, 38
_INSTRUMENT, _KEYS, _VELOCITIES, _ATTENUATION = 41, 43, 44, 48
_COARSE_TUNE, _FINE_TUNE, _SAMPLE, _MODES, _SCALE, _ROOT = (
    51,
    52,
    53,
    54,
    56,
    58,
)
_SHORTEST = -12000  # In timecents: a millisecond.
_DEFAULTS = {
    _ATTACK: _SHORTEST,
    _HOLD: _SHORTEST,
    _DECAY: _SHORTEST,
    _RELEASE: _SHORTEST,
    _SCALE: 100,
    _ROOT: -1,
}
# What a preset may not add to its instruments' values.
_NOT_ADDED = {_KEYS, _VELOCITIES, _INSTRUMENT, _SAMPLE, _MODES, _ROOT}


@dataclasses.dataclass(frozen=True)
class Voice:
    """One sample as it sounds for one key.

    Attributes:
      samples: float32 `[samples]`, from -1 to 1.
      rate: samples of it to play per second, for the key in question.
      loop: (first, end) of the part to repeat, or None.
      gain: amplitude, 1 = as recorded.
      pan: -0.5 (left) to 0.5 (right).
      attack_seconds: up to full amplitude.
      hold_seconds: at full amplitude.
      decay_seconds: for 100 dB down.
      sustain: amplitude that the decay ends at, 0 to 1.
      release_seconds: for 100 dB down after the note's end.
    """

    samples: np.ndarray
    rate: float
    loop: tuple[int, int] | None
    gain: float
    pan: float
    attack_seconds: float
    hold_seconds: float
    decay_seconds: float
    sustain: float
    release_seconds: float


class SoundFont:
    """A SoundFont 2 file in memory.

    Attributes:
      path: the file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        """Reads the file.

        Args:
          path: a `.sf2` file.

        Raises:
          NotesError: if it cannot be read or is no SoundFont 2.
        """
        self.path = pathlib.Path(path)
        try:
            data = self.path.read_bytes()
            chunks = _chunks(data)
            self._samples = np.frombuffer(chunks[b"smpl"], "<i2")
            self._records = {
                name: np.frombuffer(chunks[name], dtype)
                for name, dtype in _RECORDS.items()
            }
        except (OSError, KeyError, ValueError) as error:
            raise NotesError(
                "broken_soundfont",
                f"{path}: is not a readable SoundFont 2 file: {error}.",
            ) from error
        heads = self._records[b"phdr"][:-1]
        self._presets = {
            (int(head["bank"]), int(head["preset"])): number
            for number, head in reversed(list(enumerate(heads)))
        }

    @functools.lru_cache(maxsize=4096)  # noqa: B019 - lives as long as it does
    def voices(
        self, program: int, is_drum: bool, key: int, velocity: int
    ) -> tuple[Voice, ...]:
        """What sounds when a key is struck.

        Args:
          program: General MIDI program or drum kit, 0 to 127; if the font
            lacks it, 0 plays.
          is_drum: whether to take a drum kit.
          key: 0 to 127.
          velocity: 1 to 127.

        Returns:
          The voices to play together, e.g. left and right; may be empty.
        """
        bank = DRUM_BANK if is_drum else 0
        number = self._presets.get((bank, program))
        if number is None:
            number = self._presets.get((bank, 0), 0)
        voices = []
        for preset in self._zones(b"phdr", number, _INSTRUMENT):
            if not _sounds(preset, key, velocity):
                continue
            for zone in self._zones(b"inst", preset[_INSTRUMENT], _SAMPLE):
                if _sounds(zone, key, velocity):
                    values = _DEFAULTS | zone
                    for kind in preset.keys() - _NOT_ADDED:
                        values[kind] = values.get(kind, 0) + preset[kind]
                    voices.append(self._voice(values, key))
        return tuple(voices)

    @functools.lru_cache(maxsize=1024)  # noqa: B019 - lives as long as it does
    def _zones(self, table: bytes, number: int, last: int) -> list[dict]:
        """The zones of a preset or instrument as {generator: amount}.

        Args:
          table: b"phdr" or b"inst".
          number: of the preset or instrument.
          last: the generator that every zone ends with but the global one.
        """
        kind = b"p" if table == b"phdr" else b"i"
        heads, bags = self._records[table], self._records[kind + b"bag"]
        generators = self._records[kind + b"gen"]
        shared: dict[int, int] = {}
        zones = []
        for bag in range(heads["bag"][number], heads["bag"][number + 1]):
            part = generators[
                bags["generator"][bag] : bags["generator"][bag + 1]
            ]
            own = dict(
                zip(part["kind"].tolist(), part["amount"].tolist(), strict=True)
            )
            if last in own:
                zones.append(shared | own)
            elif not zones:
                shared = own
        return zones

    def _voice(self, values: dict[int, int], key: int) -> Voice:
        head = self._records[b"shdr"][values[_SAMPLE]]

        def place(field: str, fine: int, coarse: int) -> int:
            offset = values.get(fine, 0) + 32768 * values.get(coarse, 0)
            return int(head[field]) + offset

        start = place("start", _START, _START_COARSE)
        end = place("end", _END, _END_COARSE)
        loop = (
            place("loop_start", _LOOP_START, _LOOP_START_COARSE) - start,
            place("loop_end", _LOOP_END, _LOOP_END_COARSE) - start,
        )
        looped = values.get(_MODES, 0) & 1 and 0 <= loop[0] < loop[1] <= (
            end - start
        )
        root = values[_ROOT] if values[_ROOT] >= 0 else int(head["root"])
        cents = (
            values[_SCALE] * (key - root)
            + 100 * values.get(_COARSE_TUNE, 0)
            + values.get(_FINE_TUNE, 0)
            + int(head["cents"])
        )
        return Voice(
            samples=self._samples[start:end].astype(np.float32) / 32768,
            rate=float(head["rate"]) * 2.0 ** (cents / 1200),
            loop=loop if looped else None,
            gain=_centibels(values.get(_ATTENUATION, 0)),
            pan=min(max(values.get(_PAN, 0) / 1000, -0.5), 0.5),
            attack_seconds=_seconds(values[_ATTACK]),
            hold_seconds=_seconds(values[_HOLD]),
            decay_seconds=_seconds(values[_DECAY]),
            sustain=_centibels(values.get(_SUSTAIN, 0)),
            release_seconds=_seconds(values[_RELEASE]),
        )


def _chunks(data: bytes) -> dict[bytes, memoryview]:
    """The chunks of a RIFF file by name, those in lists included."""
    if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        raise ValueError("it has no RIFF sfbk header")
    found = {}
    view = memoryview(data)
    place = 12
    while place + 8 <= len(data):
        name = bytes(view[place : place + 4])
        size = int.from_bytes(view[place + 4 : place + 8], "little")
        if name == b"LIST":
            place += 12  # Go on with what the list holds.
            continue
        found[name] = view[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    return found


def _sounds(zone: dict[int, int], key: int, velocity: int) -> bool:
    """Whether a zone's ranges, low byte to high byte, hold both."""
    return all(
        zone[kind] & 0xFF <= value <= (zone[kind] >> 8) & 0xFF
        for kind, value in ((_KEYS, key), (_VELOCITIES, velocity))
        if kind in zone
    )


def _seconds(timecents: int) -> float:
    return 2.0 ** (min(timecents, 8000) / 1200)


def _centibels(amount: int) -> float:
    return 10.0 ** (-max(amount, 0) / 200)
