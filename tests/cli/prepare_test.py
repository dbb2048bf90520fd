import os
import pathlib
import subprocess
import sys

import pytest
from corpora import fake_music21, melody, midi_bytes, write_midi_folder

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*args, python_path=(), cwd=None):
    """Runs `bin/prepare.py` as a user does."""
    path = os.pathsep.join([*map(str, python_path), str(ROOT)])
    return subprocess.run(
        [sys.executable, str(ROOT / "bin" / "prepare.py"), *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        check=False,
    )


def error_lines(done):
    lines = [
        line
        for line in done.stderr.splitlines()
        if line.startswith("prepare: error:")
    ]
    assert "Traceback" not in done.stderr
    return lines


@pytest.fixture(scope="module")
def ugly_folder(tmp_path_factory):
    """Two good files among bad ones."""
    folder = write_midi_folder(tmp_path_factory.mktemp("ugly"), 2)
    (folder / "empty.mid").write_bytes(b"")
    (folder / "text.mid").write_text("I am a text file " * 10)
    whole = midi_bytes(melody(30))
    (folder / "cut in header.mid").write_bytes(whole[:11])
    (folder / "silent.mid").write_bytes(midi_bytes([]))
    (folder / "readme.txt").write_text("not music")
    (folder / "sub").mkdir()
    (folder / "sub" / "ünïcode.mid").write_bytes(midi_bytes(melody(31)))
    (folder / "sub" / "loop").symlink_to(folder, target_is_directory=True)
    return folder


def test_an_ugly_folder_end_to_end(ugly_folder, tmp_path):
    args = (
        f"--input_dir={ugly_folder}",
        "--name=ugly",
        f"--data_dir={tmp_path / 'data'}",
        "--num_workers=2",
    )
    done = run(*args)
    assert done.returncode == 0, done.stderr
    dataset = tmp_path / "data" / "note_sequence_folder" / "ugly" / "1.0.0"
    out = done.stdout
    assert "read 7 files: 3 sequences, 4 left out" in out
    assert f"dataset: {dataset}" in out
    assert f"left out: {dataset / 'rejects.csv'}" in out
    rows = (dataset / "rejects.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == [
        "id",
        "cut in header.mid",
        "empty.mid",
        "silent.mid",
        "text.mid",
    ]

    again = run(*args)
    assert again.returncode == 0
    assert again.stdout.startswith("ugly is prepared already.")
    assert again.stdout.split("\n", 1)[1] == out
    assert again.stderr == ""


def test_folk_tunes_end_to_end(tmp_path):
    site = fake_music21(tmp_path / "site")
    done = run(
        "--dataset=folk_tunes/essen",
        f"--data_dir={tmp_path / 'data'}",
        python_path=[site],
    )
    assert done.returncode == 0, done.stderr
    assert "read 2 tunes: 2 sequences, 0 left out" in done.stdout
    assert "licence: " in done.stdout
    assert "non-commercial" in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "--dataset=folk_tunes"),
        (("--input_dir=x",), "--name"),
        (("--dataset=a", "--input_dir=b"), "not both"),
        (("--input_dir=gone", "--name=x"), "does not exist"),
        (("--input_dir=.", "--name=x"), "holds no .mid"),
        (("--dataset=nothing",), "known: bach_chorales"),
        (("x",), "unexpected argument"),
    ],
)
def test_misuse_is_one_line_and_status_1(tmp_path, args, says):
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = error_lines(done)
    assert says in line
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


def test_a_folder_of_bad_files_only_is_one_line(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "a.mid").write_bytes(b"nothing of the kind")
    done = run(
        f"--input_dir={folder}", "--name=x", f"--data_dir={tmp_path / 'data'}"
    )
    assert done.returncode == 1
    (line,) = error_lines(done)
    assert "a.mid" in line and "not_midi" in line
    assert not (tmp_path / "data").exists()


def test_help_imports_nothing_slow():
    code = (
        "import sys, magenta_lite.cli.prepare\n"
        "slow = {'tensorflow', 'tensorflow_datasets', 'rich', 'numpy'}\n"
        "print(slow & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout == "set()\n"
    assert "--input_dir" in run("--help").stdout
