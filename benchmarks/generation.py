"""How fast music is made, against one graph call for every event.

The baseline is what the original did: for every event a call into the graph
for one step of the model, the draw and the encoding in Python. It is measured
in the same run, because machines differ and vary.

  python benchmarks/generation.py
  python benchmarks/generation.py --nocommands --output_json=generation.json
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.encodings.key_melody import KeyMelodyEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.generation.decode_loop import DecodeLoop
from magenta_lite.generation.samplers import make_sampler
from magenta_lite.models.event_rnn import EventRnn

_NUM_EVENTS = flags.DEFINE_integer(
    "num_events", 4096, "Events in a count, shared by its sequences."
)
_REPEATS = flags.DEFINE_integer("repeats", 7, "The best of so many counts.")
_COMMANDS = flags.DEFINE_boolean("commands", True, "Whether to time commands.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_CODEC = MelodyCodec()
_PRIMER = np.array([14], np.int32)
# Events a second, from the project's goals.
_TARGETS = {
    ("basic_rnn", 1): 40_000,
    ("basic_rnn", 64): 120_000,
    ("attention_rnn", 1): 15_000,
}


def _models() -> dict[str, EventRnn]:
    """Magenta's sizes, untrained: speed does not depend on the weights."""
    keras.utils.set_random_seed(0)
    num_events = _CODEC.num_events
    return {
        "basic_rnn": EventRnn(OneHotEncoding(num_events), units=(128, 128)),
        "attention_rnn": EventRnn(
            KeyMelodyEncoding(num_events),
            units=(128, 128),
            attention_length=40,
        ),
    }


def _best_seconds(function: Callable[[], object], repeats: int) -> float:
    """The shortest of some calls; the first one is not counted."""
    function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _loop_speed(
    model: EventRnn, batch_size: int, jit_compile: bool
) -> tuple[float, float]:
    """Events a second, and the seconds of the first call."""
    loop = DecodeLoop(model, _CODEC.steps_table(), jit_compile=jit_compile)
    num_steps = max(128, _NUM_EVENTS.value // batch_size)

    def decode() -> None:
        loop(
            _PRIMER,
            num_steps=num_steps,
            sampler=make_sampler(),
            batch_size=batch_size,
        )

    start = time.perf_counter()
    decode()
    first_seconds = time.perf_counter() - start
    seconds = _best_seconds(decode, _REPEATS.value)
    return batch_size * num_steps / seconds, first_seconds


def _call_by_call_speed(model: EventRnn, num_steps: int = 256) -> float:
    """Events a second with one graph call for each."""

    @tf.function
    def step(events: tf.Tensor, state: tuple) -> tuple[tf.Tensor, tuple]:
        encoding_state, model_state = state
        inputs, encoding_state = model.encoding.step(events, encoding_state)
        logits, model_state = model.step(inputs, model_state)
        return tf.nn.softmax(logits)[0], (encoding_state, model_state)

    random = np.random.default_rng(0)

    def decode() -> None:
        event = _PRIMER[0]
        state = (model.encoding.initial_state(1), model.initial_state(1))
        for _ in range(num_steps):
            probs, state = step(tf.constant([event]), state)
            probs = probs.numpy().astype(np.float64)
            label = random.choice(len(probs), p=probs / probs.sum())
            event = np.int32(min(label, _CODEC.num_events - 1))

    return num_steps / _best_seconds(decode, 2)


def _measure_loops() -> list[dict]:
    rows = []
    for name, model in _models().items():
        baseline = _call_by_call_speed(model)
        for batch_size in (1, 16, 64):
            for jit_compile in (True, False):
                speed, first_seconds = _loop_speed(
                    model, batch_size, jit_compile
                )
                rows.append(
                    {
                        "model": name,
                        "sequences": batch_size,
                        "compiled": jit_compile,
                        "events_per_second": round(speed),
                        "first_call_seconds": round(first_seconds, 2),
                        "baseline_events_per_second": round(baseline),
                        "ratio": round(speed / baseline, 1),
                        "target": _TARGETS.get((name, batch_size))
                        if jit_compile
                        else None,
                    }
                )
                _print_row(rows[-1])
    return rows


def _print_row(row: dict) -> None:
    target = f"{row['target']:,}" if row["target"] else ""
    print(
        f"{row['model']:14} {row['sequences']:3} sequences "
        f"{'XLA  ' if row['compiled'] else 'plain'} "
        f"{row['events_per_second']:9,} events/s "
        f"{row['ratio']:6.1f}x  first call {row['first_call_seconds']:5.2f} s"
        f"  target {target}",
        flush=True,
    )


def _seconds_of(*command: str) -> float:
    """Wall time of a process, the best of three."""

    def run() -> None:
        subprocess.run(
            [sys.executable, *command],
            check=command[-1] != "--help",  # absl exits with 1 after it
            capture_output=True,
            cwd=_ROOT,
        )

    return _best_seconds(run, 3)


def _measure_commands() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        bundle_file = pathlib.Path(folder, "basic.mag")
        model = _models()["basic_rnn"]
        write_bundle(bundle_file, model=model, codec=_CODEC, bundle_id="basic")
        measured = {
            "import tensorflow": _seconds_of("-c", "import tensorflow"),
            "generate, 128 steps, 1 output, all formats": _seconds_of(
                "bin/generate.py",
                f"--bundle_file={bundle_file}",
                f"--output_dir={folder}/music",
                "--num_outputs=1",
                "--num_steps=128",
            ),
            "generate --help": _seconds_of("bin/generate.py", "--help"),
            "import magenta_lite": _seconds_of("-c", "import magenta_lite"),
        }
    targets = {
        "generate, 128 steps, 1 output, all formats": 2
        + 1.5 * measured["import tensorflow"],
        "generate --help": 1.0,
        "import magenta_lite": 0.3,
    }
    for name, seconds in measured.items():
        target = f"  target {targets[name]:.2f}" if name in targets else ""
        print(f"{name:44} {seconds:6.2f} s{target}", flush=True)
    return {name: round(seconds, 3) for name, seconds in measured.items()}


def main(argv: list[str]) -> None:
    """Measures, prints and writes."""
    del argv
    result = {"num_events": _NUM_EVENTS.value, "loops": _measure_loops()}
    if _COMMANDS.value:
        result["command_seconds"] = _measure_commands()
    if _OUTPUT_JSON.value:
        text = json.dumps(result, indent=2)
        pathlib.Path(_OUTPUT_JSON.value).write_text(text + "\n")


if __name__ == "__main__":
    app.run(main)
