"""How fast batches are made, and how much of them is padding.

Compares `train_batches` with what a plain `tf.data` pipeline does on the same
melodies (shuffle, pad to the longest row of the batch). A model that computes
on padding wastes that share of its time.

  python benchmarks/input_pipeline.py
  python benchmarks/input_pipeline.py --dataset folk_tunes
"""

import json
import pathlib
import tempfile
import time
from typing import Any

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
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_TARGET_PADDING = 0.1


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
    report = {
        "dataset": _DATASET.value or "random melodies",
        "num_examples": cache.num_examples,
        "mean_events": cache.total_events / cache.num_examples,
        "max_events": cache.max_length,
        "batch_size": size,
        "target_padding_share": _TARGET_PADDING,
        "results": results,
    }
    _print_table(report)
    if _OUTPUT_JSON.value:
        path = pathlib.Path(_OUTPUT_JSON.value)
        path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    app.run(main)
