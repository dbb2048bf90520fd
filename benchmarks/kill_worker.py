"""Kills one of two workers in the middle of a step, and starts it again.

The other one starts again by itself; the last weights must be those of two
workers that nobody disturbed.

  python benchmarks/kill_worker.py
"""

import json
import os
import pathlib
import random
import sys
import tempfile

import forks
import kill_and_resume
from absl import app, flags

_KILLS = flags.DEFINE_integer("worker_kills", 2, "How often to kill.")
_STEPS = flags.DEFINE_integer("steps_between", 6, "Steps between kills.")
_JSON = flags.DEFINE_string("worker_json", None, "Where to write.")


def _start(
    index: int, environment: dict[str, str], run_dir: pathlib.Path
) -> int:
    num_steps = (_KILLS.value + 2) * _STEPS.value
    arguments = kill_and_resume.arguments(run_dir, num_steps)
    return forks.fork(
        lambda: forks.train([*arguments, "--strategy=multi_worker"]),
        run_dir.with_name(f"{run_dir.name}{index}.log"),
        environment,
    )


def _check(pids: list[int], run_dir: pathlib.Path) -> None:
    for index, pid in enumerate(pids):
        if status := forks.wait(pid):
            log = run_dir.with_name(f"{run_dir.name}{index}.log")
            raise RuntimeError(f"{index}: {status}: {log.read_text()[-3000:]}")


def _disturbed(run_dir: pathlib.Path) -> list[dict[str, int]]:
    """Kills workers in turn, beginning with the one that does not write."""
    environments = forks.cluster(2)
    pids = [_start(i, e, run_dir) for i, e in enumerate(environments)]
    kills = []
    for number in range(_KILLS.value):
        lines = forks.metrics(run_dir)
        goal = (lines[-1]["step"] if lines else 0) + _STEPS.value
        if not forks.wait_for_step(pids[0], run_dir, goal):
            _check(pids, run_dir)
        victim = (number + 1) % 2
        forks.kill(pids[victim])
        forks.wait(pids[victim])
        kills.append({"worker": victim, "step": goal})
        print(f"killed worker {victim} at step {goal}", flush=True)
        pids[victim] = _start(victim, environments[victim], run_dir)
    _check(pids, run_dir)
    return kills


def main(argv: list[str]) -> None:
    """Trains twice and compares."""
    del argv
    os.environ["PYTHONPATH"] = os.fspath(forks.TRAIN.parents[1])
    random.seed(0)
    forks.import_all()
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        whole, parts = top / "whole", top / "parts"
        pids = [_start(i, e, whole) for i, e in enumerate(forks.cluster(2))]
        _check(pids, whole)
        kills = _disturbed(parts)
        log = top / "log"
        equal = not forks.wait(
            forks.fork(lambda: kill_and_resume.compare(whole, parts), log)
        )
        if not equal:
            print(log.read_text()[-2000:])
    result = {"kills": kills, "equal": equal}
    print(result)
    if _JSON.value:
        pathlib.Path(_JSON.value).write_text(json.dumps(result) + "\n")
    sys.exit(not equal)


if __name__ == "__main__":
    app.run(main)
