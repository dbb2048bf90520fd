r"""How fast a folder of MIDI files becomes something to train on.

Ours: `prepare` (files to a dataset with splits, near-duplicates together) and
the event cache of every split, in `--num_workers` processes; augmentation then
costs nothing, it is made in the graph. The baseline does with note_seq's own
classes what Magenta's pipelines did, in one process, on a sample of the same
files; both are given per file. Start-up (imports) is measured apart.

  python benchmarks/preparation.py --melodies_dir=.../nottingham/MIDI/melody \
    --drums_dir=.../groove --performances_dir=.../maestro_performances
"""

import dataclasses
import json
import os
import pathlib
import random
import tempfile
import time
from typing import Any

from absl import app, flags

_MELODIES_DIR = flags.DEFINE_string("melodies_dir", None, "Folder of melodies.")
_DRUMS_DIR = flags.DEFINE_string("drums_dir", None, "Folder of drum tracks.")
_PERFORMANCES_DIR = flags.DEFINE_string(
    "performances_dir", None, "Folder of piano performances."
)
_NUM_WORKERS = flags.DEFINE_integer("num_workers", 2, "Processes of ours.")
_BASELINE_SECONDS = flags.DEFINE_float(
    "baseline_seconds", 30.0, "The baseline takes files until it took so long."
)
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")


@dataclasses.dataclass(frozen=True)
class Case:
    """A recipe, and what stands for it in the baseline.

    Attributes:
      recipe: its gin file below `recipes/`.
      folder: the MIDI files.
      extract: the name of a function in `note_seq_preparation`, or None where
        note_seq has nothing of the kind.
      encoder: the name of another.
      target: how many times as fast as the baseline ours is to be.
    """

    recipe: str
    folder: str | None
    extract: str | None
    encoder: str | None
    target: int


def _cases() -> list[Case]:
    melodies, drums = _MELODIES_DIR.value, _DRUMS_DIR.value
    performances = _PERFORMANCES_DIR.value
    cases = [
        Case("melody_rnn/basic_rnn", melodies, "melodies", "basic_encoder", 10),
        Case(
            "melody_rnn/attention_rnn",
            melodies,
            "melodies",
            "attention_encoder",
            10,
        ),
        Case("drums_rnn/drum_kit", drums, "drum_tracks", "drums_encoder", 10),
        Case(
            "performance_rnn/performance_with_dynamics",
            performances,
            "performances",
            "performance_encoder",
            100,
        ),
        Case("polyphony_rnn/polyphony", performances, None, None, 100),
    ]
    return [case for case in cases if case.folder]


def _import_seconds() -> dict[str, float]:
    """What starting costs before the first file; each once a process."""
    start = time.perf_counter()
    import tensorflow  # noqa: F401

    both = time.perf_counter()
    import note_seq_preparation  # noqa: F401

    baseline = time.perf_counter()
    import tensorflow_datasets  # noqa: F401

    from magenta_lite.cli import inspect_dataset  # noqa: F401
    from magenta_lite.data import event_cache, preparation  # noqa: F401

    ours = time.perf_counter()
    return {
        "baseline": baseline - start,
        "ours": both - start + ours - baseline,
    }


def _cpu_seconds() -> float:
    """Processor time so far, of this process and of those that have ended."""
    times = os.times()
    return sum(times[:4])


def _measure_ours(case: Case, folder: pathlib.Path) -> dict[str, float]:
    """Seconds of each stage, of all files."""
    from magenta_lite.cli.inspect_dataset import recipe_parts
    from magenta_lite.data import event_cache, preparation, sources

    codec, _ = recipe_parts([f"recipes/{case.recipe}.gin"])
    start, start_cpu = time.perf_counter(), _cpu_seconds()
    prepared = preparation.prepare_folder(
        case.folder, "corpus", folder, num_workers=_NUM_WORKERS.value
    )
    middle = time.perf_counter()
    dataset = sources.PreparedDataset("corpus", folder)
    caches = [
        event_cache.encode_split(
            dataset, split, codec, folder / "events", _NUM_WORKERS.value, False
        )
        for split in dataset.splits
    ]
    end = time.perf_counter()
    assert prepared.report is not None
    return {
        "files": prepared.report.num_sources,
        "examples": sum(cache.num_examples for cache in caches),
        "events": sum(cache.total_events for cache in caches),
        "prepare_seconds": middle - start,
        "encode_seconds": end - middle,
        "seconds": end - start,
        "cpu_seconds": _cpu_seconds() - start_cpu,
    }


def _measure_baseline(case: Case, folder: pathlib.Path) -> dict[str, float]:
    """Seconds of a random sample of files."""
    import note_seq_preparation as baseline

    assert case.folder and case.extract and case.encoder
    paths = sorted(
        path
        for path in pathlib.Path(case.folder).rglob("*")
        if path.suffix.lower() in (".mid", ".midi")
    )
    random.Random(0).shuffle(paths)
    extract = getattr(baseline, case.extract)
    encoder = getattr(baseline, case.encoder)()
    num_files = num_examples = 0
    start, start_cpu = time.perf_counter(), _cpu_seconds()
    for path in paths:
        num_examples += baseline.prepare(
            [path], extract, encoder, folder / "examples.tfrecord"
        )
        num_files += 1
        if time.perf_counter() - start > _BASELINE_SECONDS.value:
            break
    seconds = time.perf_counter() - start
    return {
        "files": num_files,
        "examples": num_examples,
        "seconds": seconds,
        "cpu_seconds": _cpu_seconds() - start_cpu,
    }


def _measure(case: Case, start_up: dict[str, float]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        ours = _measure_ours(case, pathlib.Path(name))
        result: dict[str, Any] = {"target": case.target, "ours": ours}
        if not case.extract:
            return result
        baseline = _measure_baseline(case, pathlib.Path(name))
    per_file = baseline["seconds"] / baseline["files"]
    cpu_per_file = baseline["cpu_seconds"] / baseline["files"]
    result["baseline"] = baseline
    result["cpu_ratio"] = cpu_per_file * ours["files"] / ours["cpu_seconds"]
    result["ratio"] = per_file * ours["files"] / ours["seconds"]
    result["ratio_with_start_up"] = (
        per_file * ours["files"] + start_up["baseline"]
    ) / (ours["seconds"] + start_up["ours"])
    return result


def _print_row(name: str, result: dict[str, Any]) -> None:
    ours, baseline = result["ours"], result.get("baseline")
    print(
        f"{name}\n  ours: {ours['files']:,} files, {ours['examples']:,} "
        f"examples in {ours['seconds']:.1f} s (prepare "
        f"{ours['prepare_seconds']:.1f}, encode {ours['encode_seconds']:.1f}): "
        f"{ours['files'] / ours['seconds']:.1f} files/s"
    )
    if not baseline:
        print("  note_seq has no such extraction to compare with")
        return
    print(
        f"  note_seq: {baseline['files']:,} files, {baseline['examples']:,} "
        f"examples in {baseline['seconds']:.1f} s: "
        f"{baseline['files'] / baseline['seconds']:.2f} files/s\n"
        f"  ratio {result['ratio']:.1f}x (target {result['target']}x), with "
        f"start-up on both sides {result['ratio_with_start_up']:.1f}x; in "
        f"processor time {result['cpu_ratio']:.1f}x"
    )


def main(argv: list[str]) -> None:
    """Measures, prints and writes JSON."""
    del argv
    cases = _cases()
    if not cases:
        raise app.UsageError("give a folder, e.g. --drums_dir.")
    start_up = _import_seconds()
    print(
        f"start-up: ours {start_up['ours']:.1f} s, note_seq and TensorFlow "
        f"{start_up['baseline']:.1f} s; not counted in seconds below"
    )
    results = {}
    for case in cases:
        results[case.recipe] = _measure(case, start_up)
        _print_row(case.recipe, results[case.recipe])
    if _OUTPUT_JSON.value:
        report = {"start_up_seconds": start_up, "results": results}
        path = pathlib.Path(_OUTPUT_JSON.value)
        path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    app.run(main)
