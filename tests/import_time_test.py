"""What a command loads before it knows what to do: nothing slow.

Wall time depends on the machine; the modules that were imported do not.
"""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

HEAVY = {
    "bokeh",
    "keras",
    "librosa",
    "matplotlib",
    "music21",
    "note_seq",
    "pandas",
    "pretty_midi",
    "scipy",
    "soundfile",
    "symusic",
    "tensorflow",
    "tensorflow_datasets",
}

FLAGS = {
    "prepare": ["input_dir", "dataset", "data_dir", "name", "num_workers"],
    "train": [
        "gin_file",
        "gin_param",
        "run_dir",
        "data_dir",
        "dataset",
        "strategy",
        "warm_start_bundle",
    ],
    "evaluate": [
        "run_dir",
        "bundle_file",
        "dataset",
        "split",
        "data_dir",
        "output_json",
    ],
    "inspect_dataset": [
        "gin_file",
        "gin_param",
        "dataset",
        "split",
        "data_dir",
        "output_csv",
        "output_png",
    ],
    "inspect_bundle": ["config", "attention_length", "json"],
    "export": [
        "run_dir",
        "from",
        "config",
        "bundle_file",
        "bundle_description",
    ],
    "generate": [
        "bundle_file",
        "output_dir",
        "num_outputs",
        "num_steps",
        "primer_melody",
        "primer_midi",
        "qpm",
        "temperature",
        "top_k",
        "top_p",
        "beam_size",
        "branch_factor",
        "steps_per_iteration",
        "seed",
        "formats",
    ],
}


def help_of(command: str) -> tuple[str, set[str]]:
    """What `--help` prints, and the top-level modules that it imported."""
    shown = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            str(ROOT / "bin" / f"{command}.py"),
            "--help",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        check=False,
    )
    lines = [
        line.rsplit("|", 1)[1].strip()
        for line in shown.stderr.splitlines()
        if line.startswith("import time:")
    ]
    return shown.stdout, {name.split(".")[0] for name in lines}


@pytest.mark.parametrize("command", sorted(FLAGS))
def test_help_lists_every_flag_and_loads_nothing_slow(command):
    text, modules = help_of(command)
    assert "absl" in modules  # the list of modules was read
    assert not modules & HEAVY
    missing = [
        flag
        for flag in FLAGS[command]
        if f"--{flag}:" not in text and f"--[no]{flag}:" not in text
    ]
    assert not missing


def test_every_command_is_listed_here():
    commands = {path.stem for path in (ROOT / "bin").glob("*.py")}
    assert set(FLAGS) <= commands
