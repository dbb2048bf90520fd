"""Primers of all kinds as the events that a model continues."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from magenta_lite.codecs.base import Codec, DecodeContext
from magenta_lite.generation.errors import GenerationError, PrimerError
from magenta_lite.notes import primers
from magenta_lite.notes.primers import Primer
from magenta_lite.notes.proto import NoteSequence

PrimerLike: TypeAlias = (
    Primer | NoteSequence | str | os.PathLike | Sequence[int] | None
)

DEFAULT_QPM = 120.0


def as_primer(primer: PrimerLike, codec: Codec, qpm: float | None) -> Primer:
    """What people hand in as a primer.

    Args:
      primer: notes; the path of a file; a melody as a list; or None for the
        codec's own.
      codec: its steps are those of a list.
      qpm: tempo of a list in quarter notes a minute; 120 if None.

    Raises:
      UserError: if a file cannot be read, or holds no notes, or a list is no
        melody.
    """
    if isinstance(primer, Primer):
        return primer
    if isinstance(primer, str | os.PathLike):
        return Primer(_read_file(Path(primer)))
    if isinstance(primer, NoteSequence):
        return Primer(primer)
    if primer is None:
        return Primer(codec.default_primer(qpm or DEFAULT_QPM))
    return primers.melody(
        list(cast(Sequence[int], primer)),
        qpm or DEFAULT_QPM,
        steps_per_quarter(codec),
    )


def steps_per_quarter(codec: Codec) -> int:
    """The grid of lists: the codec's, or sixteenths if it has none."""
    return getattr(codec, "steps_per_quarter", 4)


def encode_primer(
    codec: Codec, primer: Primer
) -> tuple[np.ndarray, DecodeContext]:
    """Encodes a primer; there is one event at least.

    Args:
      codec: makes the events.
      primer: may hold no notes; then there is as little silence as the codec
        can start with.

    Returns:
      int32 events `[time, *event_shape]` and how to decode them.

    Raises:
      PrimerError: if there are notes, but none that this codec knows.
      UserError: if they cannot be encoded.
    """
    sequence = primer.sequence
    events, context = codec.encode_primer(sequence)
    holds_nothing = bool(sequence.notes) and is_silent(codec, events)
    if holds_nothing:
        raise PrimerError(
            "the primer holds nothing that this model can continue."
        )
    if primer.seconds is not None:
        rate = codec.steps_per_second(context.qpm)
        num_steps = round(primer.seconds * rate)
        return codec.encode_primer(sequence, max(1, num_steps))
    if len(events):
        return events, context
    # A model starts from an event: one step of silence.
    return codec.encode_primer(sequence, num_steps=1)


def without_notes(primer: Primer) -> Primer:
    """A primer of the same tempo and meter that holds nothing."""
    sequence = NoteSequence()
    sequence.tempos.extend(primer.sequence.tempos)
    sequence.time_signatures.extend(primer.sequence.time_signatures)
    return Primer(sequence)


def is_silent(codec: Codec, events: np.ndarray) -> bool:
    """Whether events hold no note."""
    return not len(events) or not codec.decode(events).notes


def _read_file(path: Path) -> NoteSequence:
    """The first piece in a file; it must hold notes or chord symbols."""
    from magenta_lite.notes import chords, files

    sequences = files.read_file(path)
    has_notes = bool(sequences) and bool(sequences[0].notes)
    if not has_notes and not (sequences and chords.has_chords(sequences[0])):
        raise GenerationError(f"primer {path} holds no notes.")
    return sequences[0]
