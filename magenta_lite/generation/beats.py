"""Whole beats for models of drum performances, cut into clips."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from magenta_lite.codecs.base import Codec
from magenta_lite.codecs.groove import GrooveClipCodec
from magenta_lite.encodings.base import Encoding
from magenta_lite.encodings.groove import GrooveEncoding
from magenta_lite.generation import clip_input
from magenta_lite.generation.clip_input import Clip
from magenta_lite.generation.errors import GenerationError
from magenta_lite.notes.proto import NoteSequence


@dataclasses.dataclass(frozen=True)
class Beat:
    """A beat as a row of clips.

    Attributes:
      clips: one after the other; the last one ends with rests.
      start_step: where the first clip lies: at the bar line before the first
        hit.
      num_steps: how long the beat lasts, in whole bars.
    """

    clips: list[Clip]
    start_step: int
    num_steps: int


def read_beat(codec: Codec, source: NoteSequence | str | os.PathLike) -> Beat:
    """Reads a beat of any length; every note counts as a drum.

    Args:
      codec: of the model.
      source: notes of one tempo, or the path of a file.

    Raises:
      GenerationError: if the model is none of performed drums, or no note is
        of a drum that it knows.
      UserError: if the notes cannot be read.
    """
    if not isinstance(codec, GrooveClipCodec):
        raise GenerationError(
            "this is for models of performed drums (GrooVAE) alone; other "
            "models can reconstruct a clip."
        )
    sequence = clip_input.read_notes(source)
    events, context = codec.encode_primer(sequence)
    if not len(events):
        raise GenerationError(
            "the beat has no drum that this model knows; give it hits at the "
            "pitches of General MIDI's drums, such as 36, 38 and 42."
        )
    length = codec.num_clip_events
    bar = length // clip_input.num_bars(codec)
    num_bars = -(-len(events) // bar)
    rests, _ = codec.encode_primer(NoteSequence(), num_steps=1)
    missing = -len(events) % length
    whole = np.concatenate([events, np.repeat(rests[:1], missing, axis=0)])
    return Beat(
        clips=[
            Clip(part, context.qpm)
            for part in np.split(whole, len(whole) // length)
        ],
        start_step=context.start_step,
        num_steps=num_bars * bar,
    )


def as_tap(
    codec: Codec,
    encoding: Encoding,
    source: NoteSequence | str | os.PathLike,
) -> NoteSequence:
    """A rhythm on any keys as hits of the drum that a model is tapped on.

    Args:
      codec: of the model.
      encoding: of the model.
      source: notes, or the path of a file; their pitches do not matter.

    Raises:
      GenerationError: if the model was not trained on taps.
      UserError: if the notes cannot be read.
    """
    if not (
        isinstance(codec, GrooveClipCodec)
        and isinstance(encoding, GrooveEncoding)
        and encoding.tap_drum is not None
    ):
        raise GenerationError(
            "this model was not trained on tapped rhythms; those of the "
            "recipes groovae_2bar_tap_* were."
        )
    tapped = NoteSequence()
    tapped.CopyFrom(clip_input.read_notes(source))
    for note in tapped.notes:
        note.pitch = codec.primer_classes[encoding.tap_drum][0]
        note.is_drum = True
    return tapped
