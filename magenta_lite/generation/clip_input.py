"""Music that people hand in, as clips that a latent model reads."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from magenta_lite.codecs.clips import QUARTERS_PER_BAR, ClipCodec
from magenta_lite.generation.errors import GenerationError
from magenta_lite.notes import files
from magenta_lite.notes.proto import NoteSequence

DEFAULT_QPM = 120.0
_NEEDS = {
    True: "with drums, which lie on MIDI channel 10",
    False: "with a melody, not drums",
    None: "with the instruments that it knows",
}


@dataclasses.dataclass(frozen=True)
class Clip:
    """A stretch of music of the length that a model reads.

    Attributes:
      events: int32 `[num_clip_events, *event_shape]`.
      qpm: tempo in quarters a minute.
    """

    events: np.ndarray
    qpm: float = DEFAULT_QPM


ClipLike: TypeAlias = Clip | NoteSequence | str | os.PathLike
"""A clip; or notes, or the path of a file, whose first clip is meant."""


def read_notes(source: NoteSequence | str | os.PathLike) -> NoteSequence:
    """Notes as they are, or the first piece of a file.

    Raises:
      GenerationError: if there are no notes.
      UserError: if the file cannot be read.
    """
    if isinstance(source, NoteSequence):
        sequence, name = source, "the input"
    else:
        path = Path(source).expanduser()
        sequence, name = files.read_file(path)[0], str(path)
    if not sequence.notes:
        raise GenerationError(f"{name} holds no notes; choose another one.")
    return sequence


def find_clips(
    codec: ClipCodec,
    source: NoteSequence | str | os.PathLike,
    name: str = "the input",
) -> list[Clip]:
    """Every different clip of a piece, cut at bars.

    Args:
      codec: of the model.
      source: notes, or the path of a MIDI, MusicXML or ABC file.
      name: of notes, for messages.

    Returns:
      One at least, in the order in which they are found: by section, voice
      and bar.

    Raises:
      GenerationError: if there is none; it says why and what to do.
      UserError: if the file cannot be read.
    """
    sequence = read_notes(source)
    found = codec.find_clips(sequence)
    if not found.events:
        if not isinstance(source, NoteSequence):
            name = str(source)
        raise GenerationError(_why_none(codec, found.rejects, name))
    qpm = qpm_of(sequence)
    return [Clip(events, qpm) for events in found.events]


def as_clip(codec: ClipCodec, source: ClipLike) -> Clip:
    """A clip as it is, else the first one of a piece; see `find_clips`.

    Raises:
      GenerationError: if there is none, or it has another length.
    """
    clip = source
    if not isinstance(clip, Clip):
        return find_clips(codec, source)[0]  # type: ignore[arg-type]
    shape = (codec.num_clip_events, *codec.event_shape)
    if clip.events.shape != shape:
        raise GenerationError(
            f"a clip has the shape {clip.events.shape}; this model reads clips "
            f"of the shape {shape}."
        )
    return clip


def qpm_of(sequence: NoteSequence) -> float:
    """The first tempo."""
    return sequence.tempos[0].qpm if sequence.tempos else DEFAULT_QPM


def num_bars(codec: ClipCodec) -> int:
    """How many bars of four quarters a clip has."""
    bars_per_second = 1 / QUARTERS_PER_BAR  # at a quarter a second
    seconds = codec.num_clip_events / codec.steps_per_second(60.0)
    return max(1, round(seconds * bars_per_second))


def _why_none(codec: ClipCodec, rejects: Mapping[str, int], name: str) -> str:
    """One line: what was found instead of a clip, and what would be one."""
    # What a training could do about it comes after the semicolon.
    said = [codec.reject_reasons.get(r, r).split(";")[0] for r in rejects]
    bars = num_bars(codec)
    length = f"{bars} bars" if bars > 1 else "1 bar"
    primer = codec.default_primer().notes
    needs = _NEEDS[primer[0].is_drum if primer else None]
    return (
        f"{name} holds no clip for this model: {'; '.join(said)}. Give it at "
        f"least {length} in 4/4 {needs}."
    )
