"""A folder of everything that is wrong with strangers' music files."""

import os
import random

from corpora import melody, midi_bytes

_NUM_HUGE_NOTES = 1_000_001
_UNREADABLE = "/proc/self/mem"  # Nobody can read it from its start.
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(200)


def write_ugly_folder(folder):
    """Fills a folder.

    Returns:
      By id what should become of it: "" if it is good music, else the reason.
    """
    folder.mkdir(parents=True)
    good = midi_bytes(melody(1))
    random_bytes = random.Random(1).randbytes(3000)
    contents = {
        "good.mid": (good, ""),
        "GOOD AS WELL.MIDI": (midi_bytes(melody(2)), ""),
        "sub/ünïcode ♫ 音楽.mid": (midi_bytes(melody(3)), ""),
        "type_1.mid": (_format_1(midi_bytes(melody(4))), ""),
        "type_2.mid": (_format(_format_1(good), 2), "midi_type_2"),
        "empty.mid": (b"", "not_midi"),
        "cut_in_header.mid": (good[:11], "not_midi"),
        "cut_in_track.mid": (good[:-20], "broken_midi"),
        "random.mid": (random_bytes, "not_midi"),
        "random_events.mid": (good[:22] + random_bytes, "broken_midi"),
        "picture.mid": (_JPEG, "not_midi"),
        "really_midi.xml": (good, "broken_musicxml"),
        "really_midi.mxl": (good, "broken_musicxml"),
        "really_midi.abc": (good, "broken_abc"),
        "really_xml.mid": (b"<?xml version='1.0'?><score/>", "not_midi"),
        "silent.mid": (midi_bytes([]), "no_notes"),
        "smpte.mid": (good[:12] + b"\xe7\x28" + good[14:], "smpte_time"),
        "no_resolution.mid": (good[:12] + bytes(2) + good[14:], "broken_midi"),
        "a_year.mid": (_a_year(), "too_long"),
        "million_notes.mid": (_many_notes(_NUM_HUGE_NOTES), "too_many_notes"),
        ".hidden.mid": (good, None),
        "._good.mid": (b"of macOS", None),
        "readme.txt": (b"not music", None),
        "folder.mid/inside.mid": (midi_bytes(melody(5)), ""),
    }
    fates = {"folder.mid": "not_a_file"}
    for name, (content, fate) in contents.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        if fate is not None:
            fates[name] = fate
    with (folder / "huge.mid").open("wb") as file:
        file.write(good)
        file.truncate(2**26)  # Takes no room on the disk.
    (folder / "locked.mid").write_bytes(midi_bytes(melody(8)))
    (folder / "locked.mid").chmod(0)
    fates["locked.mid"] = "unreadable"
    if os.access(folder / "locked.mid", os.R_OK):  # Nobody is locked out: root.
        fates["locked.mid"] = ""
    if os.path.exists(_UNREADABLE):
        (folder / "unreadable.mid").symlink_to(_UNREADABLE)
        fates["unreadable.mid"] = "unreadable"
    (folder / "to_nowhere.mid").symlink_to(folder / "nowhere.mid")
    (folder / "sub" / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.mid")
    fates |= {
        "huge.mid": "too_large",
        "to_nowhere.mid": "not_a_file",
        "pipe.mid": "not_a_file",
    }
    return fates | _write_names_that_are_no_text(folder)


def _write_names_that_are_no_text(folder):
    """Latin-1 in a name, and a name that looks the same when it is shown."""
    raw = os.fsencode(folder) + b"/caf\xe9.mid"
    try:
        with open(raw, "wb") as file:
            file.write(midi_bytes(melody(6)))
    except OSError:
        return {}  # This file system takes UTF-8 only.
    (folder / "caf\\xe9.mid").write_bytes(midi_bytes(melody(7)))
    return {"caf\\xe9.mid": "", "caf\\xe9.mid 71091452": ""}


def _format(data, number):
    return data[:8] + number.to_bytes(2, "big") + data[10:]


def _format_1(data):
    """The only track of a file, and an empty one before it."""
    tempo = b"\x00\xff\x51\x03\x07\xa1\x20\x00\xff\x2f\x00"
    track = b"MTrk" + len(tempo).to_bytes(4, "big") + tempo
    head = _format(data, 1)[:10] + b"\x00\x02" + data[12:14]
    return head + track + data[14:]


def _many_notes(count):
    return _one_track(b"\x00\x90\x3c\x40\x01\x80\x3c\x00" * count)


def _a_year():
    """Two notes, as far from each other as can be said at once."""
    note = b"\x90\x3c\x40\x01\x80\x3c\x00"
    return _one_track(b"\x00" + note + b"\xff\xff\xff\x7f" + note)


def _one_track(events):
    events += b"\x00\xff\x2f\x00"
    head = midi_bytes([])[:18]
    return head + len(events).to_bytes(4, "big") + events
