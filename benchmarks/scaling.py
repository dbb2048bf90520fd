"""How much faster two workers train than one, with a core for each.

One process on core 0, then two workers on cores 0 and 1 that train the same
global batches; useful events a second of whole steps, and their ratio.

  python benchmarks/scaling.py
"""

import json
import pathlib
import tempfile
import time

import forks
from absl import app, flags

_BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Rows of a batch.")
_NUM_STEPS = flags.DEFINE_integer("num_steps", 12, "Steps that are timed.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "How often both are measured.")
_NUM_MELODIES = flags.DEFINE_integer("num_melodies", 6400, "How many.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_TARGET = 1.7


def _measure(
    strategy_name: str, folder: pathlib.Path, out: pathlib.Path
) -> int:
    """Events a second of basic_rnn at its full size, in this process."""
    from magenta_lite.training.strategies import make_strategy

    strategy = make_strategy(strategy_name)  # before anything of TensorFlow
    import keras
    import tensorflow as tf
    from random_melodies import random_cache

    from magenta_lite.batch import LENGTHS
    from magenta_lite.codecs.melody import MelodyCodec
    from magenta_lite.data import pipeline
    from magenta_lite.encodings.one_hot import OneHotEncoding
    from magenta_lite.models.event_rnn import EventRnn
    from magenta_lite.training.step import TrainStep

    keras.utils.set_random_seed(0)
    codec = MelodyCodec()
    with strategy.scope():
        model = EventRnn(OneHotEncoding(codec.num_events), dropout=0.5)
        optimizer = keras.optimizers.Adam(1e-3)
        optimizer.build(model.trainable_variables)
    batches = pipeline.train_batches(
        random_cache(folder, _NUM_MELODIES.value),
        codec,
        _BATCH_SIZE.value,
        seed=0,
    )
    step = TrainStep(
        model, optimizer, strategy, batches.element_spec, seed=0, clip_norm=5.0
    )
    iterator = iter(batches)
    for _ in range(3):
        step(next(iterator)).numpy()
    num_events, since = 0, time.perf_counter()
    for _ in range(_NUM_STEPS.value):
        batch = next(iterator)
        num_events += int(tf.reduce_sum(batch[LENGTHS]))
        measured = step(batch)
    measured.numpy()
    rate = num_events / (time.perf_counter() - since)
    out.write_text(json.dumps(rate))
    return 0


def _run(num_workers: int, top: pathlib.Path) -> float:
    """The rate of so many workers together, one core each."""
    name = "multi_worker" if num_workers > 1 else "one"
    environments = forks.cluster(num_workers) if num_workers > 1 else [{}]
    pids = [
        forks.fork(
            lambda i=i: _measure(name, top / f"data{i}", top / f"rate{i}"),
            top / "log",
            environment,
            cores={i},
        )
        for i, environment in enumerate(environments)
    ]
    if any([forks.wait(pid) for pid in pids]):
        raise RuntimeError((top / "log").read_text()[-2000:])
    return min(
        json.loads((top / f"rate{i}").read_text()) for i in range(num_workers)
    )


def main(argv: list[str]) -> None:
    """Measures one and two in turn."""
    del argv
    forks.import_all()
    rates: dict[str, list[float]] = {"one": [], "two": []}
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        for i in range(2):
            (top / f"data{i}").mkdir()
        for _ in range(_ROUNDS.value):
            rates["one"].append(_run(1, top))
            rates["two"].append(_run(2, top))
            ratio = rates["two"][-1] / rates["one"][-1]
            print(
                f"one core {rates['one'][-1]:,.0f} events/s, two workers "
                f"{rates['two'][-1]:,.0f}: {ratio:.2f}x",
                flush=True,
            )
    best = {name: max(values) for name, values in rates.items()}
    ratio = best["two"] / best["one"]
    print(f"best of each: {ratio:.2f}x (target {_TARGET}x)")
    if _OUTPUT_JSON.value:
        result = {"events_per_second": rates, "ratio_of_best": ratio}
        pathlib.Path(_OUTPUT_JSON.value).write_text(
            json.dumps(result, indent=2) + "\n"
        )


if __name__ == "__main__":
    app.run(main)
