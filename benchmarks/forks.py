"""Starts many training processes without paying for TensorFlow each time.

Importing takes most of a toy run's time. A process that has imported all but
used nothing of TensorFlow may fork: every child then begins where the command
would parse its flags.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence

TRAIN = pathlib.Path(__file__).resolve().parents[1] / "bin" / "train.py"


def import_all() -> None:
    """Imports what training needs; must come before the first fork."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from magenta_lite.cli import config, training_job  # noqa: F401

    for name in config.gin_names():  # and what recipes import
        if name.startswith("recipes/"):
            config.parse([name], entry="train")


def train(arguments: Sequence[str]) -> int:
    """What bin/train.py does with these arguments; its exit status."""
    from absl import flags

    from magenta_lite.cli import train as command

    sys.argv = [str(TRAIN), *arguments]
    flag_values = flags.FlagValues()
    command.define_flags(flag_values)
    flag_values(sys.argv)
    return command.main([], flag_values)


def fork(
    function: Callable[[], int],
    log: pathlib.Path,
    environment: dict[str, str] | None = None,
    cores: set[int] | None = None,
) -> int:
    """Runs a function in a new process; its output goes to a file.

    Returns:
      The process id; see `wait`.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.environ.update(environment or {})
        if cores:
            os.sched_setaffinity(0, cores)
        status = function()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def wait(pid: int) -> int:
    """The exit status, or minus the signal that ended the process."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def ended(pid: int) -> bool:
    """Whether the process has ended; `wait` must still be called."""
    return (
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        is not None
    )


def kill(pid: int) -> None:
    """SIGKILL."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def cluster(num_workers: int) -> list[dict[str, str]]:
    """TF_CONFIG of each of some workers on this machine."""
    with contextlib.ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.socket()) for _ in range(num_workers)
        ]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    return [
        {
            "TF_CONFIG": json.dumps(
                {
                    "cluster": {"worker": hosts},
                    "task": {"type": "worker", "index": index},
                }
            )
        }
        for index in range(num_workers)
    ]


def metrics(run_dir: pathlib.Path, split: str = "train") -> list[dict]:
    """The lines of metrics.jsonl so far."""
    file = run_dir / "metrics.jsonl"
    if not file.exists():
        return []
    lines = []
    for line in file.read_text().splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    return [line for line in lines if line["split"] == split]


def wait_for_step(pid: int, run_dir: pathlib.Path, step: int) -> bool:
    """Whether a run got to a step before its process ended."""
    while not ended(pid):
        lines = metrics(run_dir)
        if lines and lines[-1]["step"] >= step:
            return True
        time.sleep(0.02)
    return False
