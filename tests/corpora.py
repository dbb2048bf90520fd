"""Small corpora made on the spot: MIDI files, and a stand-in for music21."""

import pathlib
import shutil

from magenta_lite.paths import datasets_dir

DUMMY_TUNES = datasets_dir() / "folk_tunes" / "dummy_data"


def midi_bytes(pitches, ticks=120):
    """A format-0 file with one note after the other (a quarter is 480)."""
    track = b""
    for pitch in pitches:
        track += bytes([0, 0x90, pitch, 90, ticks, 0x80, pitch, 0])
    track += b"\x00\xff\x2f\x00"
    return (
        b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk"
        + len(track).to_bytes(4, "big")
        + track
    )


def melody(number):
    """Eight pitches that differ from those of any other number below 120."""
    return [60, 62, 60 + number % 12, 64, 60 + number // 12, 65, 67, 60]


def write_midi_folder(folder, num_files):
    """A folder of good files, one melody each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(num_files):
        path = folder / f"tune_{number:03d}.mid"
        path.write_bytes(midi_bytes(melody(number)))
    return folder


def fake_music21(folder):
    """A folder for sys.path whose package music21 holds our dummy tunes."""
    package = pathlib.Path(folder) / "music21"
    shutil.copytree(DUMMY_TUNES, package / "corpus")
    (package / "__init__.py").write_text(
        'raise ImportError("nobody needs to import music21")\n'
    )
    return folder
