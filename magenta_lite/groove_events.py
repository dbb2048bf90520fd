"""How hits, velocities and offsets of drums lie in integer events.

Read by both wings: codecs write such events, encodings turn them into numbers.
An event is a vector of five groups of fields, each with a field for every drum:
hit (0 or 1), velocity in two digits, offset in two digits, the high one first.
A digit is from 0 to 1023, so that tables over the values of a field stay small
while velocities and offsets are exact to a millionth.
"""

NUM_GROUPS = 5
"""Hits, velocities (high, low), offsets (high, low)."""

DIGIT = 1024
"""How many values a digit has."""

VELOCITY_UNITS = 127 * 8192
"""Units of a velocity of 1; each of MIDI's 127 velocities is exact."""

OFFSET_UNITS = 2**19 - 1
"""Units of an offset of 1; what stands in an event is `OFFSET_UNITS` more."""


def field_sizes(num_drums: int) -> tuple[int, ...]:
    """How many values each field of an event has."""
    digits = (NUM_GROUPS - 1) * num_drums
    return (2,) * num_drums + (DIGIT,) * digits
