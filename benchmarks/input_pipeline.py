"""How fast batches are made, how much is padding, how long training waits.

Compares `train_batches` with what a plain `tf.data` pipeline does on the same
melodies (shuffle, pad to the longest row of the batch). A model that computes
on padding wastes that share of its time. Then a recipe is trained for some
steps, with augmentation, as bin/train.py does it; what the loop spends in
asking for the next batch is what it waits.

  python benchmarks/input_pipeline.py
  python benchmarks/input_pipeline.py --dataset folk_tunes
"""

import json
import pathlib
import tempfile
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import tensorflow as tf
from absl import app, flags
from random_melodies import plain_batches, random_cache

from magenta_lite import batch
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.data import pipeline
from magenta_lite.data.augmentation import RandomTranspose
from magenta_lite.data.event_cache import build_event_cache
from magenta_lite.data.sources import PreparedDataset

_DATASET = flags.DEFINE_string(
    "dataset", None, "A prepared dataset; melodies of random notes if not set."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where datasets lie.")
_NUM_MELODIES = flags.DEFINE_integer(
    "num_melodies", 10_000, "How many random melodies.", lower_bound=1
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Rows of a batch.")
_SECONDS = flags.DEFINE_float("seconds", 5.0, "How long each case is timed.")
_RECIPE = flags.DEFINE_string(
    "recipe",
    "recipes/melody_rnn/basic_rnn.gin",
    "What is trained; nothing if empty.",
)
_NUM_STEPS = flags.DEFINE_integer(
    "num_steps", 40, "Training steps that are timed.", lower_bound=1
)
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_TARGET_PADDING = 0.1
_TARGET_WAITING = 0.05
_AUGMENTATIONS = "(@RandomTranspose(), @RandomCrop(), @RandomDelay())"
_STEPS_BEFORE = 5  # while tracing and filling buffers


class _Timed:
    """Batches that note how long their user waits for each."""

    def __init__(self, batches: tf.data.Dataset) -> None:
        self._batches = batches
        self.element_spec = batches.element_spec
        self.waiting_seconds = 0.0
        self.total_seconds = 0.0

    def __iter__(self) -> Iterator[dict[str, tf.Tensor]]:
        iterator = iter(self._batches)
        number = 0
        while True:
            asked = time.perf_counter()
            element = next(iterator)
            got = time.perf_counter()
            if number == _STEPS_BEFORE:
                begun = asked
            if number >= _STEPS_BEFORE:
                self.waiting_seconds += got - asked
                self.total_seconds = got - begun
            number += 1
            yield element


def _measure_waiting() -> dict[str, float]:
    """Trains a recipe in the real loop; the share of time without a batch."""
    from magenta_lite.cli import config, train

    make_batches, made = pipeline.train_batches, []

    def timed_batches(*args: Any, **kwargs: Any) -> _Timed:
        made.append(_Timed(make_batches(*args, **kwargs)))
        return made[-1]

    params = [
        f"NUM_STEPS = {_NUM_STEPS.value + _STEPS_BEFORE}",
        f"train.augmentations = {_AUGMENTATIONS}",
        f"train.dataset = {_DATASET.value or 'synthetic'!r}",
    ]
    overlay = "import magenta_lite.data.augmentation\n"
    overlay += "import magenta_lite.data.time_augmentation\n"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "augmentation.gin").write_text(overlay)
        files = [_RECIPE.value, str(folder / "augmentation.gin")]
        config.parse(files, params, entry="train")
        data_dir = _DATA_DIR.value or (None if _DATASET.value else name)
        with mock.patch.object(pipeline, "train_batches", timed_batches):
            config.call(train.train, run_dir=folder / "run", data_dir=data_dir)
    (timed,) = made
    return {
        "steps": _NUM_STEPS.value,
        "seconds": timed.total_seconds,
        "waiting_share": timed.waiting_seconds / timed.total_seconds,
    }


def _measure(dataset: tf.data.Dataset) -> dict[str, float]:
    """Events a second and the share of padding."""
    iterator = iter(dataset)
    next(iterator)  # building the pipeline is not what is measured
    num_events = num_places = num_batches = 0
    start = time.perf_counter()
    while time.perf_counter() - start < _SECONDS.value or num_batches < 20:
        element = next(iterator)
        num_events += int(tf.reduce_sum(element[batch.LENGTHS]))
        num_places += int(tf.size(element[batch.EVENTS]))
        num_batches += 1
    seconds = time.perf_counter() - start
    return {
        "events_per_second": num_events / seconds,
        "batches_per_second": num_batches / seconds,
        "padding_share": 1 - num_events / num_places,
    }


def _print_table(report: dict[str, Any]) -> None:
    print(
        f"{report['dataset']}: {report['num_examples']:,} melodies of "
        f"{report['mean_events']:.0f} events on average, "
        f"{report['max_events']} at most; batches of {report['batch_size']}"
    )
    print(f"{'':20}{'events/s':>12}{'batches/s':>12}{'padding':>10}")
    for name, result in report["results"].items():
        print(
            f"{name:20}{result['events_per_second']:12,.0f}"
            f"{result['batches_per_second']:12.1f}"
            f"{result['padding_share']:10.1%}"
        )
    print(f"{'target':20}{'':24}{f'< {_TARGET_PADDING:.0%}':>10}")


def main(argv: list[str]) -> None:
    """Measures, prints a table and writes JSON."""
    del argv
    codec, size = MelodyCodec(), _BATCH_SIZE.value
    with tempfile.TemporaryDirectory() as folder:
        if _DATASET.value:
            dataset = PreparedDataset(_DATASET.value, _DATA_DIR.value)
            cache = build_event_cache(dataset, "train", codec, folder)
        else:
            cache = random_cache(pathlib.Path(folder), _NUM_MELODIES.value)
        cases = {
            "plain tf.data": plain_batches(cache, size),
            "train_batches": pipeline.train_batches(cache, codec, size, 0),
            "with transposition": pipeline.train_batches(
                cache, codec, size, 0, augmentations=(RandomTranspose(),)
            ),
            "eval_batches": pipeline.eval_batches(cache, codec, size).repeat(),
        }
        results = {name: _measure(case) for name, case in cases.items()}
    report: dict[str, Any] = {
        "dataset": _DATASET.value or "random melodies",
        "num_examples": cache.num_examples,
        "mean_events": cache.total_events / cache.num_examples,
        "max_events": cache.max_length,
        "batch_size": size,
        "target_padding_share": _TARGET_PADDING,
        "results": results,
    }
    _print_table(report)
    if _RECIPE.value:
        waiting = report["training"] = _measure_waiting()
        print(
            f"{_RECIPE.value} with augmentation, {waiting['steps']} steps in "
            f"{waiting['seconds']:.1f} s: waits {waiting['waiting_share']:.2%} "
            f"of its time for batches (target < {_TARGET_WAITING:.0%})"
        )
    if _OUTPUT_JSON.value:
        path = pathlib.Path(_OUTPUT_JSON.value)
        path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    app.run(main)
