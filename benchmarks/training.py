"""How fast and in how much memory recipes train, beside a plain LSTM.

Useful events a second (padding not counted) of whole training steps: input
pipeline, forward, backward, clipping, Adam. They are set against the machine's
float32 matrix product, measured in the same run, because shared machines vary
by a factor of two: a model's rate is the share of that speed which its own
products, counted without padding or recomputation, come to. Where other
processes take much of the machine, processor time says more than the clock.

The baseline `keras_rnn` is what one writes first: the `keras.layers.LSTM`
layers of basic_rnn on shuffled batches padded to their longest melody.

  python benchmarks/training.py
  python benchmarks/training.py --models drum_kit \
    --gin_param=MICRO_BATCH_SIZE=32
  python benchmarks/training.py --models basic_rnn --output_json=training.json
"""

from __future__ import annotations

import json
import pathlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import children
from absl import app, flags

if TYPE_CHECKING:
    import recipe_parts

_RECIPES = {
    "basic_rnn": "melody_rnn/basic_rnn",
    "attention_rnn": "melody_rnn/attention_rnn",
    "keras_rnn": "melody_rnn/basic_rnn",
    "drum_kit": "drums_rnn/drum_kit",
    "performance_with_dynamics": "performance_rnn/performance_with_dynamics",
}

_MODELS = flags.DEFINE_list(
    "models",
    ["basic_rnn", "attention_rnn", "keras_rnn"],
    f"Which of {', '.join(_RECIPES)} to measure.",
)
_GIN_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "Changes every recipe, e.g. BATCH_SIZE=64."
)
_NUM_MELODIES = flags.DEFINE_integer("num_melodies", 6400, "How many.")
_NUM_STEPS = flags.DEFINE_integer("num_steps", 16, "Steps that are timed.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")
_CHILD = flags.DEFINE_string("child", None, "Internal: measure this model.")

# What the original Magenta reached on a quiet 2-core machine whose matrix
# product ran at 195 GFLOP/s: useful events a second, and peak memory.
_ORIGINAL_GEMM = 195e9
_ORIGINAL = {
    "basic_rnn": (32_000, 1.6e9),
    "attention_rnn": (5_600, 4.5e9),
    "drum_kit": (2_600, 5e9),
}
_TARGET_GEMM_SHARE = {"basic_rnn": 0.45}
_TARGET_RATIO = {"basic_rnn": 2.0, "attention_rnn": 5.0, "drum_kit": 3.0}


def _gemm_flops(size: int = 2048, repeats: int = 4) -> tuple[float, float]:
    """Floating-point operations of a float32 matrix product.

    Returns:
      At best in a second, and on average in a second of processor time.
    """
    import tensorflow as tf

    a = tf.random.normal([size, size])
    multiply = tf.function(lambda: tf.matmul(a, a))
    multiply()
    best, cpu_start = float("inf"), time.process_time()
    for _ in range(repeats):
        start = time.perf_counter()
        multiply().numpy()
        best = min(best, time.perf_counter() - start)
    cpu_seconds = time.process_time() - cpu_start
    return 2 * size**3 / best, 2 * size**3 * repeats / cpu_seconds


def _flops_per_event(model: object) -> float:
    """Multiplications and additions of training on one event.

    Two for every weight of a matrix forward, twice that backward.
    """
    return 6.0 * sum(
        float(w.shape[0] * w.shape[1])
        for w in model.trainable_weights
        if len(w.shape) == 2
    )


def _parts(name: str) -> recipe_parts.RecipeParts:
    """A recipe at its own size, which is Magenta's."""
    import recipe_parts

    parts = recipe_parts.build(_RECIPES[name], tuple(_GIN_PARAM.value))
    if name == "keras_rnn":
        for layer in parts.model.recurrent:
            layer.call = layer.over_data = _keras_call(layer.lstm)
    return parts


def _keras_call(lstm: Callable) -> Callable:
    """The layer of Keras on sequences `[time, batch, depth]`."""
    import tensorflow as tf

    def call(x: tf.Tensor, one_hots: tuple[int, ...] = ()) -> tf.Tensor:
        assert not one_hots
        return tf.transpose(lstm(tf.transpose(x, [1, 0, 2])), [1, 0, 2])

    return call


def _batches(name: str, parts: recipe_parts.RecipeParts, folder: str) -> object:
    """The project's pipeline, or shuffled and padded batches."""
    import tensorflow as tf
    from random_melodies import plain_batches, random_cache

    from magenta_lite import batch
    from magenta_lite.data import pipeline

    cache = random_cache(pathlib.Path(folder), _NUM_MELODIES.value, parts.codec)
    if name != "keras_rnn":
        return pipeline.train_batches(
            cache,
            parts.codec,
            parts.batch_size,
            seed=0,
            max_events=parts.max_events,
        )
    return plain_batches(cache, parts.batch_size).map(
        lambda b: {**b, batch.STEPS: tf.maximum(b[batch.LENGTHS] - 1, 0)}
    )


def _measure(name: str) -> dict[str, float]:
    """Trains in this process, which does nothing else."""
    import keras
    import tensorflow as tf

    from magenta_lite import batch
    from magenta_lite.training.step import TrainStep

    imported = _peak_bytes()
    parts = _parts(name)
    model = parts.model
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    with tempfile.TemporaryDirectory() as folder:
        batches = _batches(name, parts, folder)
        step = TrainStep(
            model,
            optimizer,
            tf.distribute.get_strategy(),
            batches.element_spec,
            seed=0,
            clip_norm=parts.options.clip_norm,
            micro_batch_size=parts.options.micro_batch_size,
        )
        iterator = iter(batches)
        start = time.perf_counter()
        for _ in range(4):  # compiling, and the caches of the machine
            step(next(iterator)).numpy()
        first_seconds = time.perf_counter() - start
        before = _gemm_flops()
        num_events, start = 0, time.perf_counter()
        cpu_start = time.process_time()
        for _ in range(_NUM_STEPS.value):
            element = next(iterator)
            num_events += int(tf.reduce_sum(element[batch.LENGTHS]))
            measured = step(element)
        measured.numpy()
        seconds = time.perf_counter() - start
        cpu_seconds = time.process_time() - cpu_start
    after = _gemm_flops()
    gemm, gemm_cpu = ((x + y) / 2 for x, y in zip(before, after, strict=True))
    rate = num_events / seconds
    return {
        "events_per_second": rate,
        "gemm_gflops": gemm / 1e9,
        "gemm_share": rate * _flops_per_event(model) / gemm,
        "events_per_cpu_second": num_events / cpu_seconds,
        "gemm_gflops_per_cpu_second": gemm_cpu / 1e9,
        "first_four_steps_seconds": first_seconds,
        "peak_bytes": _peak_bytes(),
        "peak_bytes_above_import": _peak_bytes() - imported,
    }


def _peak_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _compare(name: str, result: dict[str, float]) -> dict[str, float]:
    """Adds the ratios to the original, at equal speed of the machine."""
    if name not in _ORIGINAL:
        return result
    rate, peak = _ORIGINAL[name]
    per_flop = rate / _ORIGINAL_GEMM
    expected = per_flop * result["gemm_gflops"] * 1e9
    expected_cpu = per_flop * result["gemm_gflops_per_cpu_second"] * 1e9
    return result | {
        "ratio_to_original": result["events_per_second"] / expected,
        "ratio_by_cpu_time": result["events_per_cpu_second"] / expected_cpu,
        "memory_ratio_to_original": result["peak_bytes"] / peak,
    }


def _print(name: str, result: dict[str, float]) -> None:
    print(
        f"{name:26}{result['events_per_second']:9,.0f} events/s; "
        f"GEMM {result['gemm_gflops']:4.0f} GFLOP/s, share "
        f"{result['gemm_share']:4.0%}; peak memory "
        f"{result['peak_bytes'] / 1e9:.2f} GB "
        f"({result['peak_bytes_above_import'] / 1e9:.2f} above the import); "
        f"first 4 steps {result['first_four_steps_seconds']:.0f} s"
    )
    if "ratio_to_original" not in result:
        return
    share = _TARGET_GEMM_SHARE.get(name)
    print(
        f"{'':26}{result['ratio_to_original']:.1f}x the original at the same "
        f"GEMM speed, {result['ratio_by_cpu_time']:.1f}x in processor time, "
        f"as on a machine that does nothing else "
        f"(target {_TARGET_RATIO[name]:.0f}x"
        + (f", share {share:.0%}" if share else "")
        + f"); memory {result['memory_ratio_to_original']:.2f} of the "
        "original's (target 0.33)"
    )


def main(argv: list[str]) -> None:
    """Measures each model in a process of its own."""
    del argv
    if _CHILD.value:
        print(json.dumps(_measure(_CHILD.value)))
        return
    children.measure_each(_MODELS.value, _compare, _print, _OUTPUT_JSON.value)


if __name__ == "__main__":
    app.run(main)
