"""Tasks for the tests of the process pool: importable by name in a worker."""

import dataclasses
import os
import sys
import time

from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.notes.proto import NoteSequence


def square(number):
    return number * number


def misbehave(word):
    if word == "hang":
        time.sleep(1000)
    if word == "crash":
        os.abort()
    if word == "eat":
        bytearray(2**42)
    if word == "raise":
        raise ValueError("no such note")
    return word.upper()


def has_tensorflow(_):
    return "tensorflow" in sys.modules


def print_and_return(number):
    print("noise")
    os.write(2, b"noise")
    return number


@dataclasses.dataclass(frozen=True)
class Word:
    id: str


def word_sequence(word):
    """A note for each letter: words that differ in a letter are no versions."""
    sequence = NoteSequence(id=word, total_time=len(word) / 2)
    for place, letter in enumerate(word):
        sequence.notes.add(
            pitch=ord(letter),
            start_time=place / 2,
            end_time=place / 2 + 0.5,
            velocity=80,
        )
    return sequence


def read_word(word):
    """A word as a piece of one note a letter; "mute" words are rejected."""
    if word.id == "crash":
        os.abort()
    if word.id.startswith("mute"):
        return [Reject(word.id, "mute", "makes no sound")]
    return [
        Piece(
            id=word.id,
            sequence=word_sequence(word.id).SerializeToString(),
            group=word.id.lower(),
            metadata={"upper": word.id.upper()},
            num_notes=len(word.id),
            seconds=0.5,
        )
    ]
