"""A disk that is full, for real: needs the right to mount one."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from magenta_lite.training.run_dir import load_run

ROOT = pathlib.Path(__file__).resolve().parents[2]
DISK_BYTES = 32 * 2**20
LEFT_BYTES = 24 * 2**10
"""Less than a checkpoint of the toy takes."""


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", place]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def train(run_dir, data_dir, num_steps):
    return subprocess.run(
        [
            sys.executable,
            ROOT / "bin" / "train.py",
            "--gin_file=recipes/melody_rnn/basic_rnn.gin",
            "--gin_file=runs/smoke.gin",
            f"--gin_param=NUM_STEPS={num_steps}",
            "--dataset=synthetic",
            f"--run_dir={run_dir}",
            f"--data_dir={data_dir}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_checkpoint_survives_a_full_disk(small_disk, tmp_path):
    run_dir, data_dir = small_disk / "run", tmp_path / "data"
    done = train(run_dir, data_dir, 2)
    assert done.returncode == 0, done.stderr
    before = load_run(run_dir, "latest")

    filler = small_disk / "filler"
    with (
        pytest.raises(OSError, match="No space"),
        filler.open("wb", buffering=0) as file,
    ):
        while file.write(bytes(2**12)):
            pass
    filler.open("r+b").truncate(filler.stat().st_size - LEFT_BYTES)
    full = train(run_dir, data_dir, 6)
    assert full.returncode == 1
    assert "Traceback" not in full.stderr
    (line,) = [x for x in full.stderr.splitlines() if "space" in x]
    assert str(run_dir) in line

    # What was there is there, and once there is space the run goes on.
    after = load_run(run_dir, "latest")
    assert after.step == before.step == 2
    for one, other in zip(
        before.model.weights, after.model.weights, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    filler.unlink()
    again = train(run_dir, data_dir, 6)
    assert again.returncode == 0, again.stderr
    assert load_run(run_dir, "latest").step == 6
