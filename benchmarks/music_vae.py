"""How fast and in how much memory MusicVAE trains and samples.

Models have Magenta's sizes, clips are random: speed depends on neither weights
nor notes. Times are set against the machine's float32 matrix product, measured
in the same run, because shared machines vary by a factor of two: a rate is the
share of that speed which the model's own products come to, each counted once
and without what never changes from step to step. "Of processor time" compares
the processor seconds that both took, which other programs do not disturb; it
does not see cores that wait.

  python benchmarks/music_vae.py
  python benchmarks/music_vae.py --tasks sample_small --output_json=vae.json
"""

import dataclasses
import json
import math
import resource
import sys
import time
from collections.abc import Callable

import children
from absl import app, flags

_NUM_STEPS = flags.DEFINE_integer("num_steps", 4, "Training steps timed.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")
_CHILD = flags.DEFINE_string("child", None, "Internal: measure this task.")

_ORIGINAL_GEMM = 195e9
"""Of the quiet 2-core machine on which the original was timed."""

_SMALL = {
    "z_size": 256,
    "encoder_units": (512,),
    "decoder_units": (256, 256),
    "max_beta": 0.2,
    "beta_rate": 0.99999,
    "sampling_schedule": "inverse_sigmoid",
    "sampling_rate": 1000,
}
_BIG = _SMALL | {
    "z_size": 512,
    "encoder_units": (2048,),
    "decoder_units": (2048, 2048, 2048),
    "max_beta": 0.5,
}
_HIERARCHICAL = {
    "z_size": 512,
    "encoder_units": (2048, 2048),
    "decoder_units": (1024, 1024),
    "decoder_lengths": (16, 16),
}


@dataclasses.dataclass(frozen=True)
class _Task:
    """What is measured.

    Attributes:
      sizes: of the model.
      num_events: of a clip.
      batch_size: clips at once.
      trains: whether it is a training step, else sampling from the prior.
      micro_batch_size: see `TrainStep`.
      original_seconds: what the original took for as much.
      original_bytes: the memory that it needed.
      target_ratio: how many times faster than that this shall be.
      target_share: of the matrix product's rate.
      target_memory: of the original's.
    """

    sizes: dict
    num_events: int
    batch_size: int
    trains: bool
    micro_batch_size: int | None = None
    original_seconds: float | None = None
    original_bytes: float | None = None
    target_ratio: float | None = None
    target_share: float | None = None
    target_memory: float | None = None


_TASKS = {
    "train_small": _Task(
        _SMALL,
        32,
        512,
        trains=True,
        original_seconds=2.5,
        original_bytes=2.1e9,
        target_ratio=1.5,
    ),
    "train_big": _Task(
        _BIG,
        32,
        32,
        trains=True,
        original_seconds=12.0,
        original_bytes=13e9,
        target_memory=0.5,
    ),
    "sample_small": _Task(
        _SMALL,
        32,
        64,
        trains=False,
        original_seconds=0.09,
        target_ratio=2.0,
    ),
    "sample_big": _Task(_BIG, 32, 64, trains=False, original_seconds=3.8),
    "sample_hierarchical": _Task(
        _HIERARCHICAL, 256, 64, trains=False, target_share=0.6
    ),
}
_CHOSEN = flags.DEFINE_list(
    "tasks", list(_TASKS), f"Which of {', '.join(_TASKS)} to measure."
)


def _gemm_flops(size: int = 2048, repeats: int = 4) -> tuple[float, float]:
    """Operations a second of a float32 matrix product, and a processor second.

    The best of some tries each.
    """
    import tensorflow as tf

    a = tf.random.normal([size, size])
    multiply = tf.function(lambda: tf.matmul(a, a))
    multiply()
    taken = [_timed(lambda: multiply().numpy()) for _ in range(repeats)]
    seconds, processor_seconds = (min(t) for t in zip(*taken, strict=True))
    return 2 * size**3 / seconds, 2 * size**3 / processor_seconds


def _timed(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and processor seconds of all threads."""
    start, start_processor = time.perf_counter(), time.process_time()
    run()
    seconds = time.perf_counter() - start
    return seconds, time.process_time() - start_processor


def _peak_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _make_model(sizes: dict) -> object:
    """A model of melodies: 90 events, as in Magenta."""
    import keras

    from magenta_lite.encodings.one_hot import OneHotEncoding
    from magenta_lite.models.music_vae import MusicVae

    keras.utils.set_random_seed(0)
    return MusicVae(OneHotEncoding(90), **sizes)


def _flops(model: object, task: _Task) -> float:
    """Multiplications and additions of all clips at once.

    Two for every weight of a matrix and every event; in training the encoder
    counts, too, and everything threefold. What a latent vector says does not
    change from event to event and is left out; what a hierarchical decoder
    does for a segment is counted once for each.
    """
    decoder = getattr(model.decoder, "core", model.decoder)
    per_event = 0
    for weight in [*decoder.weights, *model.head.weights]:
        if "first_state" not in weight.path and len(weight.shape) == 2:
            per_event += weight.shape[0] * weight.shape[1]
    (stack,) = decoder.stacks
    embedded = stack.first_state.kernel.shape[0] * 4 * stack.units[0]
    per_event -= embedded
    if decoder is not model.decoder:
        per_segment = embedded + math.prod(stack.first_state.kernel.shape)
        for layer in model.decoder.conductor.recurrent:
            per_segment += sum(
                math.prod(w.shape) for w in layer.weights if w.ndim == 2
            )
        per_event += per_segment / model.decoder.segment_length
    if task.trains:
        per_event += sum(
            weight.shape[0] * weight.shape[1]
            for weight in model.encoder.weights
            if len(weight.shape) == 2
        )
    passes = 6.0 if task.trains else 2.0
    return passes * per_event * task.num_events * task.batch_size


def _trainer(model: object, task: _Task) -> object:
    """One optimisation step, as a function without arguments."""
    import keras
    import numpy as np
    import tensorflow as tf

    from magenta_lite import batch
    from magenta_lite.training.step import TrainStep

    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    # In the middle of the schedule: half of all events are the model's own.
    optimizer.iterations.assign(7000)
    step = TrainStep(
        model,
        optimizer,
        tf.distribute.get_strategy(),
        batch.spec(task.batch_size, task.num_events),
        seed=0,
        clip_norm=1.0,
        micro_batch_size=task.micro_batch_size,
    )
    shape = [task.batch_size, task.num_events]
    lengths = np.full([task.batch_size], task.num_events, np.int32)
    clips = {
        batch.EVENTS: np.random.default_rng(0).integers(0, 90, shape),
        batch.LENGTHS: lengths,
        batch.STEPS: lengths,
    }
    clips = {name: tf.constant(c, tf.int32) for name, c in clips.items()}
    return lambda: step(clips).numpy()


def _sampler(model: object, task: _Task) -> object:
    """Clips for vectors of the prior, as a function without arguments."""
    import numpy as np

    from magenta_lite.generation.decode_loop import DecodeLoop
    from magenta_lite.generation.samplers import make_sampler

    loop = DecodeLoop(model, np.ones([90], np.int32))
    shape = [task.batch_size, model.z_size]
    z = np.random.default_rng(0).normal(size=shape)
    return lambda: loop(
        np.zeros([0], np.int32),
        num_steps=task.num_events,
        sampler=make_sampler(0.5),
        batch_size=task.batch_size,
        conditioning=z,
    )


def _measure(name: str) -> dict[str, float]:
    """Measures in this process, which does nothing else."""
    task = _TASKS[name]
    model = _make_model(task.sizes)
    run = _trainer(model, task) if task.trains else _sampler(model, task)
    first_seconds, _ = _timed(run)
    taken, rates = [], [_gemm_flops()]
    for _ in range(_NUM_STEPS.value):
        taken.append(_timed(run))
        rates.append(_gemm_flops())
    seconds, processor_seconds = (min(t) for t in zip(*taken, strict=True))
    gemm, processor_gemm = (max(r) for r in zip(*rates, strict=True))
    flops = _flops(model, task)
    return {
        "seconds": seconds,
        "processor_seconds": processor_seconds,
        "first_seconds": first_seconds,
        "gemm_gflops": gemm / 1e9,
        "gemm_gflops_of_processor_time": processor_gemm / 1e9,
        "gemm_share": flops / seconds / gemm,
        "gemm_share_of_processor_time": (
            flops / processor_seconds / processor_gemm
        ),
        "peak_bytes": _peak_bytes(),
    }


def _compare(name: str, result: dict[str, float]) -> dict[str, float]:
    """Adds the ratios to the original, at equal speed of the machine."""
    task = _TASKS[name]
    if task.original_seconds:
        expected = task.original_seconds * _ORIGINAL_GEMM
        expected /= result["gemm_gflops"] * 1e9
        result["ratio_to_original"] = expected / result["seconds"]
        # The original kept both cores of its machine busy.
        expected = task.original_seconds * _ORIGINAL_GEMM
        expected /= result["gemm_gflops_of_processor_time"] * 1e9
        result["ratio_to_original_of_processor_time"] = (
            expected / result["processor_seconds"]
        )
    if task.original_bytes:
        result["memory_of_original"] = (
            result["peak_bytes"] / task.original_bytes
        )
    return result


def _print(name: str, result: dict[str, float]) -> None:
    task = _TASKS[name]

    def shown(key: str, text: str, target: float | None) -> str:
        if key not in result:
            return ""
        aim = f" (target {target:g})" if target else ""
        return f"; {text} {result[key]:.2f}{aim}"

    print(
        f"{name:20}{result['seconds']:7.3f} s; GEMM "
        f"{result['gemm_gflops']:4.0f} GFLOP/s"
        + shown("gemm_share", "share of it", task.target_share)
        + shown("gemm_share_of_processor_time", "of processor time", None)
        + shown("ratio_to_original", "times the original", task.target_ratio)
        + shown(
            "ratio_to_original_of_processor_time", "of processor time", None
        )
        + f"; peak {result['peak_bytes'] / 1e9:.2f} GB"
        + shown("memory_of_original", "of the original's", task.target_memory)
        + f"; first call {result['first_seconds']:.0f} s"
    )


def main(argv: list[str]) -> None:
    """Measures each task in a process of its own."""
    del argv
    if _CHILD.value:
        print(json.dumps(_measure(_CHILD.value)))
        return
    children.measure_each(_CHOSEN.value, _compare, _print, _OUTPUT_JSON.value)


if __name__ == "__main__":
    app.run(main)
