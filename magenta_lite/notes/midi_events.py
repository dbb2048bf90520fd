"""The bytes of a MIDI file as arrays of events.

Every message tells where the next one starts, so reading looks like work for a
loop. Here each byte of a track is taken as the start of a channel message, on
arrays; then the true starts are followed (`chain.Chains`) up to the next
message of another kind, and only those are read one by one. Meta messages are
followed like channel messages where they are short.

The format is that of the Standard MIDI Files 1.0; running status holds across
meta events, as many programs write it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from magenta_lite.notes.chain import Chains

_WINDOW_BYTES = 2**18
"""Bounds the memory of the arrays with an entry for each byte."""

_MAX_CHANNEL_EVENT_BYTES = 7  # 4 of time, 1 of status, 2 of data.
_META, _SYSEX, _SYSEX_END = 0xFF, 0xF0, 0xF7
_NUM_SYSTEM_DATA = {0xF1: 1, 0xF2: 2, 0xF3: 1} | dict.fromkeys(
    [0xF6, 0xF8, 0xFA, 0xFB, 0xFC, 0xFE], 0
)


def _data_bytes() -> np.ndarray:
    """uint8 `[256]`: bytes of data behind each status; 0 for others."""
    table = np.zeros(256, np.uint8)
    table[0x80:0xF0] = 2
    table[0xC0:0xE0] = 1
    return table


_DATA_BYTES = _data_bytes()
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0


class MidiError(ValueError):
    """The bytes are no sound MIDI."""


@dataclasses.dataclass(frozen=True)
class MetaEvent:
    """A message about the music: a name, a tempo, ...

    Attributes:
      index: its place among all events of the track.
      tick: when.
      kind: its number, e.g. 0x51 for a tempo.
      data: what it holds.
    """

    index: int
    tick: int
    kind: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class TrackEvents:
    """One track.

    Attributes:
      tick: int64 `[events]`, when each channel message comes, ascending.
      index: int64 `[events]`, its place among all events of the track.
      kind: uint8 `[events]`, the status without the channel: `NOTE_ON`, ...
      channel: uint8 `[events]`, 0 to 15.
      data: uint8 `[events, 2]`; messages of one data byte have 0 behind it.
      metas: the meta events.
    """

    tick: np.ndarray
    index: np.ndarray
    kind: np.ndarray
    channel: np.ndarray
    data: np.ndarray
    metas: list[MetaEvent]


def read_track(data: bytes) -> TrackEvents:
    """The events of one track.

    Args:
      data: what is in its chunk.

    Raises:
      MidiError: if it is broken.
    """
    starts = np.concatenate([np.zeros(0, np.int64), *_event_starts(data)])
    table = np.frombuffer(data + bytes(_MAX_CHANNEL_EVENT_BYTES), np.uint8)
    delta, places = _delta_times(table, starts)
    tick = np.cumsum(delta)
    status = table[places]
    explicit = status >= 0x80
    # A message without a status has that of the last one with one.
    numbers = np.arange(len(starts))
    giver = np.maximum.accumulate(
        np.where(explicit & (status != _META), numbers, 0)
    )
    status = np.where(explicit, status, status[giver])
    metas = [
        MetaEvent(
            number, int(tick[number]), data[place + 1], _meta_data(data, place)
        )
        for number, place in zip(
            *_rows(status == _META, numbers, places), strict=True
        )
    ]
    is_channel = _DATA_BYTES[status] > 0
    numbers, places = numbers[is_channel], (places + explicit)[is_channel]
    status = status[is_channel]
    two = _DATA_BYTES[status] == 2
    values = np.empty([len(places), 2], np.uint8)
    values[:, 0], values[:, 1] = table[places], table[places + 1] * two
    if (values >= 0x80).any():
        raise MidiError("a data byte above 127")
    return TrackEvents(
        tick[is_channel], numbers, status & 0xF0, status & 0x0F, values, metas
    )


def _rows(chosen: np.ndarray, *arrays: np.ndarray) -> list[list[int]]:
    return [array[chosen].tolist() for array in arrays]


def _meta_data(data: bytes, place: int) -> bytes:
    size, place = _read_number(data, place + 2)
    return data[place : place + size]


def _event_starts(data: bytes) -> Iterator[np.ndarray]:
    """Where the events of a track start, in pieces."""
    place, running = 0, 0
    while place < len(data):
        base = place
        jump, status = _channel_jumps(data[base : base + _WINDOW_BYTES])
        chains = Chains(jump)
        while place - base < len(jump):
            if status[place - base] >= 0x80 or _DATA_BYTES[running] == 2:
                starts = chains.follow(place - base)
                given = status[starts[:-1]]
                given = given[_DATA_BYTES[given] > 0]
                if len(given):
                    running = int(given[-1])
                yield starts[:-1] + base
                place = int(starts[-1]) + base
            # Any one event, at the end of the window a plain one, too.
            yield np.array([place])
            place, running = _skip_event(data, place, running)
    if place > len(data):
        raise MidiError("a track that ends within an event")


def _channel_jumps(window: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Where the next event starts, if a channel or meta message starts here.

    Args:
      window: a piece of a track.

    Returns:
      int32 `[bytes]`: the next start; the same place where the message would
      be of another kind, crosses the end, or leaves open how many bytes the
      next one has: that has no status, and this has one byte of data (as the
      next one, then) or is a meta message.
      uint8 `[bytes]`: the byte behind the time, the status if it has one.
    """
    size = len(window)
    table = np.frombuffer(window + bytes(_MAX_CHANNEL_EVENT_BYTES), np.uint8)
    high = table >= 0x80
    longer = high[:size].copy()
    places = np.arange(1, size + 1, dtype=np.int32)
    for byte in (1, 2, 3):
        places += longer
        longer &= high[byte : size + byte]
    status = table[places]
    num_bytes = _DATA_BYTES[status] + np.uint8(1)
    num_bytes[status < 0x80] = 2
    ends = places + num_bytes
    metas = (status == _META).nonzero()[0]
    meta_bytes = table[places[metas] + 2]
    ends[metas] += 2 + meta_bytes
    behind = status[np.minimum(ends, size - 1)]
    stops = (status >= 0xF0) | longer
    stops |= (num_bytes == 2) & (status >= 0x80) & (behind < 0x80)
    stops[metas] = (meta_bytes >= 0x80) | (behind[metas] < 0x80) | longer[metas]
    stops |= ends > size - 1
    here = np.arange(size, dtype=np.int32)
    return np.where(stops, here, ends), status


def _skip_event(data: bytes, place: int, running: int) -> tuple[int, int]:
    """The place behind any event, and the running status from there on."""
    try:
        _, place = _read_number(data, place)
        status = data[place]
        if status < 0x80:
            if not _DATA_BYTES[running]:
                raise MidiError("data without a status")
            return place + int(_DATA_BYTES[running]), running
        place += 1
        if status == _META:
            size, place = _read_number(data, place + 1)
            return place + size, running
        if status in (_SYSEX, _SYSEX_END):
            size, place = _read_number(data, place)
            return place + size, 0
    except IndexError as error:
        raise MidiError("a track that ends within an event") from error
    if status in _NUM_SYSTEM_DATA:
        return place + _NUM_SYSTEM_DATA[status], 0
    if not _DATA_BYTES[status]:
        raise MidiError(f"a status of {status:#x}")
    return place + int(_DATA_BYTES[status]), status


def _read_number(data: bytes, place: int) -> tuple[int, int]:
    """A number of up to four bytes, and the place behind it."""
    value = 0
    for last in range(place + 1, place + 5):
        byte = data[last - 1]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, last
    raise MidiError("a number of more than four bytes")


def _delta_times(
    table: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ticks since the event before, and the places behind: int64 `[events]`."""
    byte = table[starts]
    delta = (byte & 0x7F).astype(np.int64)
    places = starts + 1
    (rows,) = (byte >= 0x80).nonzero()
    while len(rows):
        byte = table[places[rows]]
        delta[rows] = delta[rows] << 7 | byte & 0x7F
        places[rows] += 1
        rows = rows[byte >= 0x80]
    return delta, places
