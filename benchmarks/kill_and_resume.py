"""Kills a training at random moments and takes it up again, over and over.

The last weights must be those of a run that nobody disturbed, bit for bit;
every checkpoint that is kept must be readable after every kill, and the disk
must not fill. Every other step is followed by an evaluation and checkpoints, so
that kills meet them half-written. At last SIGTERM comes once, and how long the
run takes to save and end is printed.

  python benchmarks/kill_and_resume.py --num_kills=50
"""

import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

import forks
from absl import app, flags

_NUM_KILLS = flags.DEFINE_integer("num_kills", 50, "How often to kill.")
_STEPS_PER_KILL = flags.DEFINE_integer(
    "steps_per_kill", 6, "Steps between kills, on average."
)
_SEED = flags.DEFINE_integer("seed", 0, "Of the moments of the kills.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")


def arguments(run_dir: pathlib.Path, num_steps: int) -> list[str]:
    """Of a toy run that saves after every other step."""
    return [
        "--gin_file=recipes/melody_rnn/basic_rnn.gin",
        "--gin_file=runs/smoke.gin",
        f"--gin_param=NUM_STEPS={num_steps}",
        "--gin_param=EVAL_EVERY=2",
        "--gin_param=PATIENCE=None",
        f"--run_dir={run_dir}",
        f"--data_dir={run_dir.parent / 'data'}",
    ]


def _train(run_dir: pathlib.Path, num_steps: int) -> int:
    from magenta_lite.cli import samples

    samples.make_sample_fn = lambda *args: None
    return forks.train(arguments(run_dir, num_steps))


def _check(run_dir: pathlib.Path) -> int:
    """Reads every value of every checkpoint that the run keeps.

    TensorFlow lists a new one before it removes the oldest, and lists them anew
    after that: one listed beyond those that are kept may be half gone.
    """
    import tensorflow as tf

    for kind, num_kept in (("latest", 3), ("best", 1)):
        state = tf.train.get_checkpoint_state(
            str(run_dir / "checkpoints" / kind)
        )
        listed = list(state.all_model_checkpoint_paths) if state else []
        for prefix in listed[-num_kept:]:
            reader = tf.train.load_checkpoint(prefix)
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)
    return 0


def compare(run_dir: pathlib.Path, other: pathlib.Path) -> int:
    """Fails unless the last checkpoints and all losses are equal."""
    import numpy as np
    import tensorflow as tf

    readers = [
        tf.train.load_checkpoint(str(path / "checkpoints" / "latest"))
        for path in (run_dir, other)
    ]
    names = [sorted(r.get_variable_to_shape_map()) for r in readers]
    assert names[0] == names[1]
    for name in names[0]:
        # How often a checkpoint was saved is no part of the training.
        if not name.startswith(("_CHECKPOINTABLE", "save_counter")):
            a, b = (r.get_tensor(name) for r in readers)
            np.testing.assert_array_equal(a, b, err_msg=name)
    for split in ("train", "validation"):
        a, b = (
            [(m["step"], m["loss"]) for m in forks.metrics(path, split)]
            for path in (run_dir, other)
        )
        assert a == b, (split, a, b)
    return 0


def _bytes_of(folder: pathlib.Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def _kill_once(
    run_dir: pathlib.Path, num_steps: int, log: pathlib.Path
) -> dict[str, float]:
    """Starts the command, kills it, and looks at what it leaves."""
    lines = forks.metrics(run_dir)
    first = lines[-1]["step"] if lines else 0
    pid = forks.fork(lambda: _train(run_dir, num_steps), log)
    if random.random() < 0.1:  # while it starts
        time.sleep(random.uniform(0, 3))
    else:
        more = random.randint(1, 2 * _STEPS_PER_KILL.value - 1)
        forks.wait_for_step(pid, run_dir, min(first + more, num_steps - 1))
        time.sleep(random.uniform(0, 0.1))
    forks.kill(pid)
    status = forks.wait(pid)
    if status != -9:
        raise RuntimeError(f"ended with {status}: {log.read_text()[-2000:]}")
    readable = forks.wait(forks.fork(lambda: _check(run_dir), log)) == 0
    lines = forks.metrics(run_dir)
    return {
        "killed_at_step": lines[-1]["step"] if lines else 0,
        "checkpoints_readable": readable,
        "checkpoint_bytes": _bytes_of(run_dir / "checkpoints"),
        "run_bytes": _bytes_of(run_dir),
    }


def _terminate(
    run_dir: pathlib.Path, num_steps: int, log: pathlib.Path
) -> float:
    """Sends SIGTERM to a run; the seconds until it has saved and ended."""
    first = forks.metrics(run_dir)[-1]["step"]
    pid = forks.fork(lambda: _train(run_dir, num_steps), log)
    forks.wait_for_step(pid, run_dir, first + 1)
    since = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    status = forks.wait(pid)
    if status not in (0, 130):
        raise RuntimeError(f"ended with {status}: {log.read_text()[-2000:]}")
    return time.monotonic() - since


def main(argv: list[str]) -> None:
    """Kills, resumes, compares; exits with 1 if something does not hold."""
    del argv
    random.seed(_SEED.value)
    forks.import_all()
    num_steps = (_NUM_KILLS.value + 2) * _STEPS_PER_KILL.value
    kills = []
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        whole, parts, log = top / "whole", top / "parts", top / "log"
        if forks.wait(forks.fork(lambda: _train(whole, num_steps), log)):
            raise RuntimeError(log.read_text()[-2000:])
        log.unlink()
        for number in range(1, _NUM_KILLS.value + 1):
            kills.append(_kill_once(parts, num_steps, log))
            print(f"kill {number}: {kills[-1]}", flush=True)
        seconds = _terminate(parts, num_steps, log)
        if forks.wait(forks.fork(lambda: _train(parts, num_steps), log)):
            raise RuntimeError(log.read_text()[-2000:])
        compared = top / "compared"
        equal = not forks.wait(
            forks.fork(lambda: compare(whole, parts), compared)
        )
        if not equal:
            print(compared.read_text()[-2000:])
        resumed = [
            line
            for line in log.read_text().splitlines()
            if line.startswith(("going on", "training"))
        ]
        whole_bytes = _bytes_of(whole / "checkpoints")
    for line in resumed:
        print(line.split(":")[0].replace(f"{os.fspath(parts)}", "the run"))
    result = {
        "num_steps": num_steps,
        "kills": kills,
        "num_resumed": sum(line.startswith("going on") for line in resumed),
        "all_readable": all(k["checkpoints_readable"] for k in kills),
        "largest_checkpoint_bytes": max(k["checkpoint_bytes"] for k in kills),
        "undisturbed_checkpoint_bytes": whole_bytes,
        "seconds_from_sigterm_to_end": seconds,
        "equal": equal,
    }
    print({k: v for k, v in result.items() if k != "kills"})
    if _OUTPUT_JSON.value:
        pathlib.Path(_OUTPUT_JSON.value).write_text(
            json.dumps(result, indent=2) + "\n"
        )
    sys.exit(not (equal and result["all_readable"]))


if __name__ == "__main__":
    app.run(main)
