"""Runs the README: its shell and Python blocks, word for word, at toy size.

The blocks run in one folder, in the order of the page, as a reader would run
them. The `python` on their PATH adds the overlay `runs/smoke.gin` to every
training command, so that each takes seconds.
"""

import os
import pathlib
import re
import stat
import subprocess
import sys

import pytest
from cli_flags import flags_of

from magenta_lite.notes import midi
from magenta_lite.notes.proto import NoteSequence

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()

SMALL_PYTHON = f"""\
#!/bin/sh
case "$1" in
  bin/train.py) exec "{sys.executable}" "$@" --gin_file=runs/smoke.gin ;;
  *) exec "{sys.executable}" "$@" ;;
esac
"""


def blocks(language: str) -> list[str]:
    """The fenced blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def shell_blocks() -> list[str]:
    return [block for block in blocks("sh") if "make " not in block]


def make_commands() -> list[str]:
    lines = "".join(blocks("sh")).splitlines()
    return [line for line in lines if line.startswith("make ")]


def scale(start_pitch: int) -> NoteSequence:
    """Eight bars of a C major scale in quarters, to and fro."""
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=120)
    sequence.time_signatures.add(numerator=4, denominator=4)
    steps = [0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2] * 3
    for number, step in enumerate(steps[:32]):
        sequence.notes.add(
            pitch=start_pitch + step,
            velocity=80,
            start_time=number * 0.5,
            end_time=number * 0.5 + 0.5,
        )
    sequence.total_time = 16
    return sequence


@pytest.fixture
def reader(tmp_path):
    """A folder as the README assumes it, and a shell that runs in it."""
    for name in ("bin", "gin"):
        (tmp_path / name).symlink_to(ROOT / name)
    python = tmp_path / "path" / "python"
    python.parent.mkdir()
    python.write_text(SMALL_PYTHON)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    music = tmp_path / "my_music" / "scales"
    music.mkdir(parents=True)
    for number in range(30):
        shifted = scale(50 + number % 12)
        for note in shifted.notes[number % 7 :: 3]:
            note.pitch += number // 12 + 1
        midi.write_midi(shifted, music / f"{number}.mid")

    def call(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ
            | {
                "HOME": str(tmp_path),
                "PATH": f"{python.parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return call


@pytest.mark.slow
def test_every_command_and_every_line_of_python_runs(reader, tmp_path):
    for block in shell_blocks():
        reader("bash", "-euo", "pipefail", "-c", block)
    assert (tmp_path / "mine.mag").stat().st_size > 0
    assert len(list((tmp_path / "new_music").glob("*.mid"))) == 4
    for block in blocks("python"):
        reader("python", "-c", block)
    assert (tmp_path / "melody_1.mid").read_bytes().startswith(b"MThd")


def test_readme_has_something_to_run():
    assert len(shell_blocks()) >= 2
    assert blocks("python")
    assert make_commands() == ["make demo", "make test"]


def dry_run(target: str) -> str:
    done = subprocess.run(
        ["make", "--dry-run", target],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.replace("\\\n", " ")


@pytest.mark.parametrize("command", make_commands())
def test_make_commands_exist(command):
    assert "python" in dry_run(command.split()[1])


def test_make_demo_runs_commands_and_flags_that_exist():
    commands = re.findall(r"python (bin/(\w+)\.py) (.*)", dry_run("demo"))
    assert [name for _, name, _ in commands] == [
        "prepare",
        "train",
        "evaluate",
        "export",
        "generate",
    ]
    for script, name, flags in commands:
        assert (ROOT / script).exists()
        used = re.findall(r"--(\w+)", flags)
        unknown = set(used) - flags_of(name)
        assert not unknown, f"{script} has no --{sorted(unknown)}"


@pytest.mark.parametrize("page", ["README.md", "WORKSPACE.md"])
def test_links_and_named_files_exist(page):
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    recipes = re.findall(r"--gin_file=(\S+\.gin)", text)
    named = linked + [f"gin/{recipe}" for recipe in recipes]
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing
