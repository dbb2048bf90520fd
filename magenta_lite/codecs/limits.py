"""Which notes music may have, if somebody limits it."""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.errors import UserError

_NUM_PITCHES = 128


@dataclasses.dataclass(frozen=True)
class Limits:
    """What new notes may be; None where nothing is limited.

    Attributes:
      min_pitch: lowest MIDI pitch.
      max_pitch: highest MIDI pitch.
      pitch_classes: numbers from 0 (C) to 11.
      drum_classes: MIDI drum pitches; each stands for its whole class.

    Raises:
      UserError: if no pitch is left, or something is no pitch.
    """

    min_pitch: int | None = None
    max_pitch: int | None = None
    pitch_classes: frozenset[int] | None = None
    drum_classes: frozenset[int] | None = None

    def __post_init__(self) -> None:
        if self.limits_pitches and not self.allows(np.arange(128)).any():
            raise UserError(
                "min_pitch, max_pitch and scale leave no pitch from 0 to 127."
            )
        for pitch in self.drum_classes or ():
            if not 0 <= pitch < _NUM_PITCHES:
                raise UserError(
                    f"drum_classes: {pitch} is no MIDI pitch from 0 to 127."
                )

    @property
    def limits_pitches(self) -> bool:
        """Whether the pitches of notes other than drums are limited."""
        bounds = (self.min_pitch, self.max_pitch, self.pitch_classes)
        return any(bound is not None for bound in bounds)

    def allows(self, pitches: np.ndarray) -> np.ndarray:
        """Which MIDI pitches may sound: bool of the same shape."""
        allowed = np.ones(np.shape(pitches), bool)
        if self.min_pitch is not None:
            allowed &= pitches >= self.min_pitch
        if self.max_pitch is not None:
            allowed &= pitches <= self.max_pitch
        if self.pitch_classes is not None:
            allowed &= np.isin(pitches % 12, list(self.pitch_classes))
        return allowed
