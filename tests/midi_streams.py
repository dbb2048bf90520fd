"""MIDI files of random messages, the unlikely ones included."""

import io
import random

import mido

_META = {
    "tempo": lambda chance: mido.MetaMessage(
        "set_tempo", tempo=chance.randint(10_000, 3_000_000)
    ),
    "meter": lambda chance: mido.MetaMessage(
        "time_signature",
        numerator=chance.randint(1, 12),
        denominator=2 ** chance.randint(0, 5),
    ),
    "key": lambda chance: mido.MetaMessage(
        "key_signature", key=chance.choice(["C", "F#", "Am", "Ebm", "Gb"])
    ),
    "text": lambda chance: mido.MetaMessage(
        "text", text="x" * chance.choice([0, 3, 200])
    ),
    "name": lambda chance: mido.MetaMessage(
        "track_name", name=f"part {chance.randint(0, 9)}"
    ),
    "sysex": lambda chance: mido.Message("sysex", data=(1, 2, 3)),
}
_CONDUCTOR = {"tempo", "meter", "key"}
_MIXES = (
    ["note_on", "note_off", "control_change", "pitchwheel", "program_change"],
    ["note_on", "note_off", "aftertouch"],
    ["note_on", "note_off"],
    ["aftertouch", "program_change", "note_on", "note_off"],
    ["note_on", "note_off", "polytouch", *_META],
    ["note_on", "note_off", "control_change", "program_change", *_META],
)


def _message(chance: random.Random, kind: str, pitches, channels, programs):
    if kind in _META:
        return _META[kind](chance)
    values = {
        "note_on": {"velocity": chance.randint(0, 127)},
        "note_off": {"velocity": chance.randint(0, 127)},
        "polytouch": {"value": 5},
        "aftertouch": {"value": 5},
        "control_change": {
            "control": chance.choice([7, 64]),
            "value": chance.randint(0, 127),
        },
        "pitchwheel": {"pitch": chance.randint(-8192, 8191)},
        "program_change": {"program": chance.choice(programs)},
    }[kind]
    if kind in ("note_on", "note_off", "polytouch"):
        values["note"] = chance.choice(pitches)
    return mido.Message(kind, channel=chance.choice(channels), **values)


def random_midi(seed: int) -> bytes:
    """A file that note_seq reads: signatures and tempos on its first track.

    Args:
      seed: decides everything: how many tracks, channels and pitches, which
        messages.
    """
    chance = random.Random(seed)
    num_tracks = chance.choice([1, 1, 2, 4])
    file = mido.MidiFile(
        ticks_per_beat=chance.choice([48, 96, 480]),
        type=chance.choice([0, 1]) if num_tracks == 1 else 1,
    )
    mix = chance.choice(_MIXES)
    pitches = chance.choice([(60,), (60, 61), range(128)])
    channels = chance.choice([(0,), (0, 9), range(16)])
    programs = chance.choice([(0,), (0, 5), range(128)])
    num_messages = chance.choice([5, 30, 200])
    for number in range(num_tracks):
        track = mido.MidiTrack()
        file.tracks.append(track)
        kinds = [one for one in mix if not number or one not in _CONDUCTOR]
        for _ in range(num_messages):
            message = _message(
                chance, chance.choice(kinds), pitches, channels, programs
            )
            message.time = chance.choice([0, 0, 5, 10, 130, 4_000])
            track.append(message)
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()
