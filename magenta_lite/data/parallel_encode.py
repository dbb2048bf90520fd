"""Serialized NoteSequences to events, in parallel processes, in order.

Worker processes import this module: it must never import TensorFlow.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools
import time
from collections.abc import Iterable, Iterator

import numpy as np
from google.protobuf.message import DecodeError

from magenta_lite.codecs.base import Codec
from magenta_lite.data import worker_pool
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

WORTH_SECONDS = 0.8
"""With so much left to do, processes that take 0.3 s to start pay off."""

_TRIAL_SECONDS = 0.1
_LARGE_BYTES = 2**20
"""A larger sequence may take long or much memory: it is left to a process."""

_CHUNK_SIZE = 64

MIN_EVENTS = 2
"""Shorter examples hold nothing to predict."""


REASONS = {
    "damaged_record": "no NoteSequence in the prepared data; prepare it again",
    "fewer_than_two_events": "too short to hold anything to predict",
    "nothing_found": "the codec found nothing of its kind",
    "timed_out": "took minutes to encode; leave the file out",
    "crashed": "crashed the process that encoded it; leave the file out",
    "out_of_memory": "took gigabytes to encode; leave the file out",
}
"""What each reason that is counted here means, and what to do."""


@dataclasses.dataclass(frozen=True)
class Encoded:
    """What a codec made of one sequence.

    Attributes:
      examples: integer events `[time, *event_shape]` of each usable part.
      rejects: number of parts left out, by reason.
    """

    examples: list[np.ndarray]
    rejects: collections.Counter


def event_dtype(num_events: int) -> np.dtype:
    """The smallest little-endian integer that holds every event."""
    for name in ("<u1", "<u2"):
        if num_events - 1 <= np.iinfo(name).max:
            return np.dtype(name)
    return np.dtype("<i4")


def encode_sequence(codec: Codec, serialized: bytes) -> Encoded:
    """Encodes a serialized NoteSequence; counts what cannot be used.

    Args:
      codec: what makes events of it.
      serialized: a NoteSequence.

    Raises:
      ValueError: if the codec breaks its word on the range or the shape of
        its events.
    """
    try:
        sequence = NoteSequence.FromString(serialized)
    except DecodeError:
        return _rejected("damaged_record")
    try:
        extraction = codec.extract(sequence)
    except UserError as error:
        reasons = getattr(error, "rejects", None)
        reason = getattr(error, "reason", type(error).__name__)
        return Encoded([], collections.Counter(reasons or [reason]))
    rejects = collections.Counter(extraction.rejects)
    examples = [_checked(codec, e) for e in extraction.events if _is_long(e)]
    if num_short := len(extraction.events) - len(examples):
        rejects["fewer_than_two_events"] += num_short
    if not examples and not rejects:
        rejects["nothing_found"] += 1
    return Encoded(examples, rejects)


def encode_in_order(
    codec: Codec,
    sequences: Iterable[bytes],
    num_sequences: int,
    num_workers: int,
) -> Iterator[Encoded]:
    """Encodes a stream of sequences; results are in the stream's order.

    The first ones are encoded here; processes start when they show that there
    is much to do. A sequence that then kills its worker or takes minutes counts
    as a reject.

    Args:
      codec: what makes events of them; is pickled into the workers.
      sequences: serialized NoteSequences, read only a little ahead.
      num_sequences: how many there are.
      num_workers: processes; with 1, or if there is little to do, everything
        happens in this one.

    Raises:
      RuntimeError: if the codec fails in a way that is not a `UserError`.
    """
    encode = functools.partial(encode_sequence, codec)
    sequences = iter(sequences)
    start = time.monotonic()
    for num_done, record in enumerate(sequences):
        seconds = time.monotonic() - start
        if num_workers > 1 and (
            len(record) > _LARGE_BYTES
            or _pays_off(seconds, num_done, num_sequences)
        ):
            sequences = itertools.chain([record], sequences)
            break
        yield encode(record)
    else:
        return
    for result in worker_pool.map_in_processes(
        encode, sequences, num_workers, chunk_size=_CHUNK_SIZE
    ):
        if not isinstance(result, worker_pool.Failure):
            yield result
        elif result.reason == "reader_error":
            # A bug in the codec; hiding it among the rejects helps nobody.
            raise RuntimeError(f"{type(codec).__name__}: {result.message}")
        else:
            yield _rejected(result.reason)


def _pays_off(seconds: float, num_done: int, num_sequences: int) -> bool:
    """Whether to start processes for the rest, by how long the first took."""
    if seconds < _TRIAL_SECONDS or not num_done:
        return False
    return seconds / num_done * (num_sequences - num_done) > WORTH_SECONDS


def _rejected(reason: str) -> Encoded:
    return Encoded([], collections.Counter([reason]))


def _is_long(events: np.ndarray) -> bool:
    return len(events) >= MIN_EVENTS


def _checked(codec: Codec, events: np.ndarray) -> np.ndarray:
    """The events in the cache's dtype, if they are what the codec says."""
    events = np.asarray(events)
    if events.shape[1:] == codec.event_shape:
        sizes = codec.field_sizes
        too_high = events >= (sizes if codec.event_shape else sizes[0])
        if not (too_high | (events < 0)).any():
            return events.astype(event_dtype(codec.num_events))
    raise ValueError(
        f"{type(codec).__name__} made events {events.shape} in "
        f"[{events.min()}, {events.max()}], but says "
        f"[time, *{codec.event_shape}] below {codec.field_sizes}."
    )
