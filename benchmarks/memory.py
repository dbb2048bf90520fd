r"""Whether preparing takes more memory when there is more to prepare.

Makes a folder of MIDI files, one four times and one sixteen times as large,
prepares each (files to a dataset in splits, near-duplicates together) and
encodes it for `basic_rnn`, each in a process of its own. What counts is the
peak of resident memory: of the command, and of the largest of its workers;
what importing the same code takes is the baseline. Linux only.

  python benchmarks/memory.py
  python benchmarks/memory.py --num_files=4000 --num_notes=400
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
from absl import app, flags

_NUM_FILES = flags.DEFINE_integer(
    "num_files", 1000, "MIDI files of the smallest corpus.", lower_bound=1
)
_NUM_NOTES = flags.DEFINE_integer(
    "num_notes", 200, "Notes of each file.", lower_bound=1
)
_NUM_WORKERS = flags.DEFINE_integer("num_workers", 2, "Processes that read.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")
_CHILD = flags.DEFINE_string("child", None, "Internal: measure this folder.")

_FACTORS = (1, 4, 16)
_TARGET_GROWTH = 0.1
_HEADER = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x00\x60MTrk"
_END_OF_TRACK = b"\x00\xff\x2f\x00"
_FILES_A_FOLDER = 1000
_LOOK_SECONDS = 0.2


def _write_corpus(folder: pathlib.Path, num_files: int) -> None:
    """Melodies that walk at random; no two of them are alike."""
    rng = np.random.default_rng(0)
    for number in range(num_files):
        steps = rng.integers(-4, 5, _NUM_NOTES.value)
        pitches = 48 + np.abs(np.cumsum(steps) % 60 - 30)
        ticks = rng.choice([24, 48], _NUM_NOTES.value)
        notes = np.zeros([_NUM_NOTES.value, 8], np.uint8)
        notes[:, [1, 3, 5]] = 0x90, 90, 0x80
        notes[:, [2, 6]] = pitches[:, None]
        notes[:, 4] = ticks
        track = notes.tobytes() + _END_OF_TRACK
        place = folder / f"{number // _FILES_A_FOLDER}"
        place.mkdir(parents=True, exist_ok=True)
        size = len(track).to_bytes(4, "big")
        (place / f"{number}.mid").write_bytes(_HEADER + size + track)


def _peak_bytes(process: int | str) -> int:
    """The most memory that a process has had; 0 if it has ended."""
    try:
        status = pathlib.Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    # Not `getrusage`: it counts what a process was before it was its own.
    (line,) = re.findall(r"^VmHWM:\s+(\d+) kB", status, re.M) or ["0"]
    return int(line) * 1024


class _Workers(threading.Thread):
    """Looks at this process's children until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stopped = threading.Event()
        self._last_peaks: dict[str, int] = {}

    @property
    def peak_bytes(self) -> int:
        """The largest peak among them."""
        return max(self._last_peaks.values(), default=0)

    def run(self) -> None:
        """Notes their peaks; the last one: a new process is its parent's."""
        while not self.stopped.wait(_LOOK_SECONDS):
            for child in self._children():
                peak = _peak_bytes(child)
                if peak:
                    self._last_peaks[child] = peak

    def _children(self) -> list[str]:
        tasks = pathlib.Path("/proc/self/task").glob("*/children")
        return " ".join(task.read_text() for task in tasks).split()


def _measure_here(folder: str) -> dict[str, float]:
    """Prepares and encodes a folder in this process."""
    import tensorflow_datasets  # noqa: F401

    from magenta_lite.cli.inspect_dataset import recipe_parts
    from magenta_lite.data import event_cache, preparation, sources

    codec, _ = recipe_parts(["recipes/melody_rnn/basic_rnn.gin"])
    baseline = _peak_bytes("self")
    workers = _Workers()
    workers.start()
    start = time.perf_counter()
    num_sequences = num_examples = 0
    with tempfile.TemporaryDirectory() as data_dir:
        preparation.prepare_folder(
            folder, "corpus", data_dir, num_workers=_NUM_WORKERS.value
        )
        dataset = sources.PreparedDataset("corpus", data_dir)
        for split in dataset.splits:
            num_sequences += dataset.num_sequences(split)
            num_examples += event_cache.encode_split(
                *(dataset, split, codec, f"{data_dir}/events"),
                num_workers=_NUM_WORKERS.value,
                progress=False,
            ).num_examples
    workers.stopped.set()
    return {
        "num_sequences": num_sequences,
        "num_examples": num_examples,
        "seconds": time.perf_counter() - start,
        "imported_bytes": baseline,
        "command_bytes": _peak_bytes("self"),
        "worker_bytes": workers.peak_bytes,
    }


def _measure(num_files: int) -> dict[str, float]:
    """The same in a fresh process, over a corpus made for it."""
    with tempfile.TemporaryDirectory() as folder:
        _write_corpus(pathlib.Path(folder), num_files)
        command = [
            *(sys.executable, __file__, f"--child={folder}"),
            f"--num_workers={_NUM_WORKERS.value}",
        ]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: list[str]) -> None:
    """Measures, prints and writes JSON."""
    del argv
    if _CHILD.value:
        print(json.dumps(_measure_here(_CHILD.value)))
        return
    rows = []
    for factor in _FACTORS:
        row = _measure(_NUM_FILES.value * factor) | {"factor": factor}
        rows.append(row)
        print(
            f"{factor:3}x: {row['num_sequences']:8,} sequences, "
            f"{row['num_examples']:8,} examples in {row['seconds']:6.0f} s; "
            f"command {row['command_bytes'] / 2**20:6.0f} MiB "
            f"({row['imported_bytes'] / 2**20:.0f} of it imports), largest "
            f"worker {row['worker_bytes'] / 2**20:4.0f} MiB",
            flush=True,
        )
    growth = {
        name: rows[-1][name] / rows[0][name] - 1
        for name in ("command_bytes", "worker_bytes")
    }
    print(
        f"{_FACTORS[-1]}x the corpus takes {growth['command_bytes']:+.1%} in "
        f"the command and {growth['worker_bytes']:+.1%} in the largest worker "
        f"(target: below {_TARGET_GROWTH:+.0%})"
    )
    if _OUTPUT_JSON.value:
        report = {"rows": rows, "growth": growth, "target": _TARGET_GROWTH}
        path = pathlib.Path(_OUTPUT_JSON.value)
        path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    app.run(main)
