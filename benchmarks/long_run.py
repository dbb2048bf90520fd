"""What checkpoints cost, and whether memory stays flat over a long run.

  python benchmarks/long_run.py

Checkpoints: seconds that basic_rnn needs to save the latest and the best one,
beside those of a step at batch 128, and the share that this comes to where
every 500th step saves both. Memory: resident bytes of a run at toy size, from
its 500th step to its last.
"""

import json
import pathlib
import tempfile
import time

import forks
from absl import app, flags

_NUM_STEPS = flags.DEFINE_integer("num_steps", 5000, "Of the toy.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_EVAL_EVERY = 500  # as gin/base.gin
_WARM_STEPS = 500


def _saving(top: pathlib.Path) -> int:
    """Seconds of a step and of both checkpoints, at full size."""
    import keras
    import tensorflow as tf
    from random_melodies import random_cache

    from magenta_lite.codecs.melody import MelodyCodec
    from magenta_lite.data import pipeline
    from magenta_lite.encodings.one_hot import OneHotEncoding
    from magenta_lite.models.event_rnn import EventRnn
    from magenta_lite.training.checkpoints import Checkpoints
    from magenta_lite.training.early_stopping import EarlyStopping
    from magenta_lite.training.run_dir import RunDir
    from magenta_lite.training.step import TrainStep

    codec = MelodyCodec()
    model = EventRnn(OneHotEncoding(codec.num_events), dropout=0.5)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    (top / "melodies").mkdir()
    batches = pipeline.train_batches(
        random_cache(top / "melodies", 1280), codec, 128, seed=0
    )
    step = TrainStep(
        model,
        optimizer,
        tf.distribute.get_strategy(),
        batches.element_spec,
        seed=0,
        clip_norm=5.0,
    )
    checkpoints = Checkpoints(
        RunDir(top / "run"), model, optimizer, EarlyStopping()
    )
    step_seconds, save_seconds = [], []
    for number, batch in enumerate(batches.take(12)):
        since = time.perf_counter()
        step(batch).numpy()
        step_seconds.append(time.perf_counter() - since)
        since = time.perf_counter()
        checkpoints.save_best(number)
        checkpoints.save_latest(number)
        save_seconds.append(time.perf_counter() - since)
    # The first ones compile.
    result = {
        "step_seconds": sum(step_seconds[2:]) / 10,
        "save_seconds": sum(save_seconds[2:]) / 10,
    }
    result["share"] = result["save_seconds"] / (
        _EVAL_EVERY * result["step_seconds"]
    )
    (top / "saving.json").write_text(json.dumps(result))
    return 0


def _resident_bytes(pid: int) -> int:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    (line,) = [x for x in status.splitlines() if x.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def _toy(run_dir: pathlib.Path) -> int:
    from magenta_lite.cli import samples

    samples.make_sample_fn = lambda *args: None
    return forks.train(
        [
            "--gin_file=recipes/melody_rnn/basic_rnn.gin",
            "--gin_file=runs/smoke.gin",
            f"--gin_param=NUM_STEPS={_NUM_STEPS.value}",
            f"--gin_param=EVAL_EVERY={_EVAL_EVERY}",
            "--gin_param=LOG_EVERY=50",
            "--gin_param=PATIENCE=None",
            f"--run_dir={run_dir}",
            f"--data_dir={run_dir.parent / 'data'}",
        ]
    )


def _memory(top: pathlib.Path) -> list[tuple[int, int]]:
    """(step, resident bytes) about every hundred steps."""
    run_dir = top / "toy"
    pid = forks.fork(lambda: _toy(run_dir), top / "log")
    seen: list[tuple[int, int]] = []
    while not forks.ended(pid):
        lines = forks.metrics(run_dir)
        step = lines[-1]["step"] if lines else 0
        if step >= (seen[-1][0] if seen else _WARM_STEPS) + 100:
            seen.append((step, _resident_bytes(pid)))
        time.sleep(0.2)
    if forks.wait(pid):
        raise RuntimeError((top / "log").read_text()[-2000:])
    return seen


def main(argv: list[str]) -> None:
    """Measures both and prints."""
    del argv
    forks.import_all()
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        if forks.wait(forks.fork(lambda: _saving(top), top / "log")):
            raise RuntimeError((top / "log").read_text()[-2000:])
        saving = json.loads((top / "saving.json").read_text())
        memory = _memory(top)
    print(
        f"a step {saving['step_seconds']:.3f} s, both checkpoints "
        f"{saving['save_seconds']:.3f} s: {saving['share']:.2%} of the time "
        f"at EVAL_EVERY={_EVAL_EVERY} (target 1 %)"
    )
    (first_step, first), (last_step, last) = memory[0], memory[-1]
    print(
        f"resident memory {first / 2**20:.1f} MiB at step {first_step}, "
        f"{last / 2**20:.1f} MiB at step {last_step}"
    )
    if _OUTPUT_JSON.value:
        pathlib.Path(_OUTPUT_JSON.value).write_text(
            json.dumps({"saving": saving, "memory": memory}, indent=2) + "\n"
        )


if __name__ == "__main__":
    app.run(main)
