r"""How fast MIDI files are read, against note_seq and pretty_midi.

From the bytes of a file to a serialized NoteSequence, one process; pretty_midi
stops at objects of its own. Every file is read by all readers in turn, several
times, and the least processor time of each counts: other work on the machine
disturbs all alike, and little. The notes must be equal: files on which note_seq
differs or fails are counted, and named.

  python benchmarks/reading.py --input_dir=.../maestro_performances \
    --input_dir=.../groove
"""

import collections
import io
import json
import pathlib
import random
import time
import warnings
from collections.abc import Callable
from typing import Any

import pretty_midi
from absl import app, flags
from note_seq import midi_io

from magenta_lite.notes import midi
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

_INPUT_DIR = flags.DEFINE_multi_string(
    "input_dir", None, "A folder of MIDI files; may be given several times."
)
_MAX_FILES = flags.DEFINE_integer(
    "max_files", 50, "A random choice of so many files a folder; 0: all."
)
_REPEATS = flags.DEFINE_integer(
    "repeats", 3, "How often each file is read.", lower_bound=1
)
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_TARGET_RATIO = 25.0
_READERS: dict[str, Callable[[bytes], Any]] = {
    "magenta_lite": midi.read_midi,
    "note_seq": midi_io.midi_to_note_sequence,
    "pretty_midi": lambda data: pretty_midi.PrettyMIDI(io.BytesIO(data)),
}


def _read(name: str, data: bytes) -> tuple[float, Any]:
    """Seconds of processor time, and the bytes of a sequence or None."""
    seconds = float("inf")
    for _ in range(_REPEATS.value):
        start = time.process_time()
        result = _READERS[name](data)
        if name != "pretty_midi":
            result = result.SerializeToString(deterministic=True)
        seconds = min(seconds, time.process_time() - start)
    return seconds, result


def _measure(folder: str) -> dict[str, Any]:
    paths = sorted(pathlib.Path(folder).rglob("*.[mM][iI][dD]*"))
    if _MAX_FILES.value:
        count = min(_MAX_FILES.value, len(paths))
        paths = random.Random(0).sample(paths, count)
    seconds: dict[str, float] = dict.fromkeys(_READERS, 0.0)
    outcomes: collections.Counter[str] = collections.Counter()
    num_notes = 0
    for path in paths:
        data = path.read_bytes()
        try:
            read = {name: _read(name, data) for name in _READERS}
        except (midi_io.MIDIConversionError, NotesError) as error:
            outcomes[f"not read: {type(error).__name__}"] += 1
            print(f"  {path}: {error}")
            continue
        for name, (taken, _) in read.items():
            seconds[name] += taken
        ours, theirs = read["magenta_lite"][1], read["note_seq"][1]
        outcomes["equal" if ours == theirs else "not equal"] += 1
        if ours != theirs:
            print(f"  {path}: not as note_seq reads it")
        num_notes += len(NoteSequence.FromString(ours).notes)
    return {
        "folder": pathlib.Path(folder).name,
        "num_files": len(paths),
        "num_notes": num_notes,
        "outcomes": dict(outcomes),
        "seconds": seconds,
        "ratio_to_note_seq": seconds["note_seq"] / seconds["magenta_lite"],
        "ratio_to_pretty_midi": seconds["pretty_midi"]
        / seconds["magenta_lite"],
    }


def _print_row(row: dict[str, Any]) -> None:
    print(
        f"{row['folder']}: {row['num_files']} files, {row['num_notes']} notes"
    )
    for name, seconds in row["seconds"].items():
        per_file = seconds / row["num_files"] * 1e3
        print(f"  {name:14}{per_file:10.2f} ms a file")
    print(
        f"  {row['ratio_to_note_seq']:.1f}x note_seq (target "
        f"{_TARGET_RATIO:g}x on piano performances), "
        f"{row['ratio_to_pretty_midi']:.1f}x pretty_midi; "
        + ", ".join(f"{key}: {n}" for key, n in row["outcomes"].items())
    )


def main(argv: list[str]) -> None:
    """Measures, prints and writes JSON."""
    del argv
    warnings.simplefilter("ignore")  # pretty_midi warns of odd tracks.
    rows = []
    for folder in _INPUT_DIR.value:
        rows.append(_measure(folder))
        _print_row(rows[-1])
    if _OUTPUT_JSON.value:
        report = {"target_ratio_to_note_seq": _TARGET_RATIO, "folders": rows}
        path = pathlib.Path(_OUTPUT_JSON.value)
        path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    flags.mark_flag_as_required("input_dir")
    app.run(main)
