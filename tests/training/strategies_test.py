"""What choosing a strategy says when the machines are not there."""

import os
import subprocess
import sys

import pytest

CHOOSE = (
    "import sys\n"
    "from magenta_lite.errors import UserError\n"
    "from magenta_lite.training.strategies import make_strategy\n"
    "try:\n"
    "    make_strategy(sys.argv[1])\n"
    "except UserError as error:\n"
    "    print(error)\n"
)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("tpu", "there is no TPU here; set TPU_NAME, or choose another"),
        ("multi_worker", "needs the environment variable TF_CONFIG"),
    ],
)
def test_missing_machines_are_told_in_one_line(kind, advice):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("TPU_NAME", "TF_CONFIG")
    }
    # In a process of its own: looking for a TPU changes the runtime.
    done = subprocess.run(
        [sys.executable, "-c", CHOOSE, kind],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    assert advice in line
