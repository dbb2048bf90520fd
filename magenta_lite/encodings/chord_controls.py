"""The chord that goes with the next event, told to a model.

Chords come as fields of the event, those of `magenta_lite/chord_fields.py`. A
model of triads and one of chord tones read the same fields.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from magenta_lite import chord_fields
from magenta_lite.chord_symbols import NUM_TRIADS
from magenta_lite.encodings.controls import Control, spread
from magenta_lite.errors import UserError

REQUEST = "backing_chords"
DEFAULT_CHORDS = ("C", "G", "Am", "F", "C", "G", "F", "C")
"""What Magenta's Improv RNN plays over if nobody says."""

_PITCH_CLASSES = chord_fields.PITCH_CLASSES


class ChordControl(Control):
    """A chord, asked for as `backing_chords`.

    That is a text such as "C G Am F", or a list of chord symbols; they are
    spread over the time.
    """

    @property
    def depth(self) -> int:
        """The fields of a chord."""
        return chord_fields.NUM_FIELDS

    @property
    def num_fields(self) -> int:
        """All of them are fields of the event."""
        return chord_fields.NUM_FIELDS

    @property
    def names(self) -> tuple[str, ...]:
        """`backing_chords`."""
        return (REQUEST,)

    def values(self, events: tf.Tensor) -> tf.Tensor:
        """The fields themselves: float32 `[batch, time, depth]`."""
        return tf.cast(events, tf.float32)

    def encode(self, values: tf.Tensor) -> tf.Tensor:
        """float32 `[..., input_depth]` of chords `[..., depth]`."""
        return self._encode(tf.cast(tf.round(values), tf.int32))

    def request(
        self,
        request: Mapping[str, Any],
        num_steps: int,
        steps_per_second: float,
    ) -> np.ndarray:
        """float32 `[num_steps, depth]`; see `Control`."""
        del steps_per_second
        asked = request.get(REQUEST, DEFAULT_CHORDS)
        figures = asked.split() if isinstance(asked, str) else asked
        if not isinstance(figures, list | tuple) or not figures:
            raise UserError(
                f"{REQUEST} is {asked!r}; use chord symbols such as 'C G Am F'."
            )
        chords = [self._fields_of(figure) for figure in figures]
        return spread(np.array(chords, np.float32), num_steps)

    def _fields_of(self, figure: object) -> tuple[int, ...]:
        """The fields of a symbol that this control can tell."""
        try:
            return chord_fields.from_figure(str(figure))
        except UserError as error:
            raise UserError(f"{REQUEST}: {error}.") from None

    @abc.abstractmethod
    def _encode(self, fields: tf.Tensor) -> tf.Tensor:
        """float32 `[..., input_depth]` of int32 `[..., depth]`."""


@gin.register
@dataclasses.dataclass(frozen=True)
class TriadControl(ChordControl):
    """The triad as a one-hot of 49: none, major, minor, augmented, diminished.

    note_seq's `TriadChordOneHotEncoding`. A seventh or a bass is not told; a
    chord that is no triad is none.
    """

    @property
    def input_depth(self) -> int:
        """No chord and twelve triads of each kind."""
        return NUM_TRIADS

    def _encode(self, fields: tf.Tensor) -> tf.Tensor:
        root = fields[..., chord_fields.ROOT]
        quality = fields[..., chord_fields.QUALITY]
        triad = root + _PITCH_CLASSES * (quality - 1)
        is_triad = (root > 0) & (quality > 0)
        return tf.one_hot(tf.where(is_triad, triad, 0), NUM_TRIADS)

    def _fields_of(self, figure: object) -> tuple[int, ...]:
        fields = super()._fields_of(figure)
        if not chord_fields.has_triad(fields):
            raise UserError(
                f"{REQUEST}: {figure} is no triad; this model knows major, "
                "minor, augmented and diminished chords, such as C, Am7, "
                "Gaug, Bdim."
            )
        return fields


@gin.register
@dataclasses.dataclass(frozen=True)
class ChordTonesControl(ChordControl):
    """No chord, then one-hot root, all tones, one-hot bass: 37 numbers.

    note_seq's `PitchChordsEncoderDecoder`.
    """

    @property
    def input_depth(self) -> int:
        """A flag and three times the twelve pitch classes."""
        return 1 + 3 * _PITCH_CLASSES

    def _encode(self, fields: tf.Tensor) -> tf.Tensor:
        root = fields[..., chord_fields.ROOT, None]
        bass = fields[..., chord_fields.BASS, None]
        bits = fields[..., chord_fields.LOWER_TONES, None] + (
            fields[..., chord_fields.UPPER_TONES, None] * 2**6
        )
        classes = tf.range(_PITCH_CLASSES)
        # Tones count from the root, inputs from C.
        above_root = (classes - root + 1) % _PITCH_CLASSES
        sounds = tf.bitwise.right_shift(bits, above_root) % 2
        is_chord = root > 0
        parts = [
            ~is_chord,
            classes == root - 1,
            (sounds > 0) & is_chord,
            (classes == bass - 1) & is_chord,
        ]
        return tf.cast(tf.concat(parts, axis=-1), tf.float32)
