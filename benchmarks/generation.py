"""How fast music is made, against one graph call for every event.

The baseline is what the original did: for every event a call into the graph
for one step of the model, the draw and the encoding in Python. It is measured
in the same run, because machines differ and vary.

  python benchmarks/generation.py
  python benchmarks/generation.py --models=drum_kit --nocommands
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

import numpy as np
import recipe_parts
import tensorflow as tf
from absl import app, flags

from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.codecs.base import Codec
from magenta_lite.generation.decode_loop import DecodeLoop
from magenta_lite.generation.samplers import make_sampler
from magenta_lite.models.base import Model

# At Magenta's sizes, untrained: speed does not depend on the weights.
_RECIPES = {
    "basic_rnn": "melody_rnn/basic_rnn",
    "attention_rnn": "melody_rnn/attention_rnn",
    "drum_kit": "drums_rnn/drum_kit",
    "performance_with_dynamics": "performance_rnn/performance_with_dynamics",
}

_MODELS = flags.DEFINE_list(
    "models",
    ["basic_rnn", "attention_rnn"],
    f"Some of {', '.join(_RECIPES)}.",
)
_NUM_EVENTS = flags.DEFINE_integer(
    "num_events", 4096, "Events in a count, shared by its sequences."
)
_REPEATS = flags.DEFINE_integer("repeats", 7, "The best of so many counts.")
_COMMANDS = flags.DEFINE_boolean("commands", True, "Whether to time commands.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_ROOT = pathlib.Path(__file__).resolve().parents[1]
# Events a second, from the project's goals.
_TARGETS = {
    ("basic_rnn", 1): 40_000,
    ("basic_rnn", 64): 120_000,
    ("attention_rnn", 1): 15_000,
    # 40 times the original's on a quiet machine of 2 cores.
    ("drum_kit", 1): 11_000,
}
# Events in a second of music, of the training split of maestro/asap.
_EVENTS_A_SECOND = {"performance_with_dynamics": 44.2}
_ENDLESS_STEPS = 2**30


def _best_seconds(function: Callable[[], object], repeats: int) -> float:
    """The shortest of some calls; the first one is not counted."""
    function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _primer(codec: Codec) -> np.ndarray:
    """One event."""
    events, _ = codec.encode_primer(codec.default_primer())
    return events[:1] if len(events) else np.array([codec.pad], np.int32)


def _loop_speed(
    parts: recipe_parts.RecipeParts, batch_size: int, jit_compile: bool
) -> tuple[float, float]:
    """Events a second, and the seconds of the first call."""
    codec = parts.codec
    loop = DecodeLoop(
        parts.model,
        codec.steps_table(),
        codec.pad,
        jit_compile,
        codec.note_events(),
    )
    num_events = max(128, _NUM_EVENTS.value // batch_size)

    def decode() -> None:
        loop(
            _primer(codec),
            num_steps=_ENDLESS_STEPS,
            max_events=num_events,
            sampler=make_sampler(),
            batch_size=batch_size,
        )

    start = time.perf_counter()
    decode()
    first_seconds = time.perf_counter() - start
    seconds = _best_seconds(decode, _REPEATS.value)
    return batch_size * num_events / seconds, first_seconds


def _call_by_call_speed(
    model: Model, codec: Codec, num_steps: int = 256
) -> float:
    """Events a second with one graph call for each."""

    @tf.function
    def step(events: tf.Tensor, state: tuple) -> tuple[tf.Tensor, tuple]:
        encoding_state, model_state = state
        inputs, encoding_state = model.encoding.step(events, encoding_state)
        logits, model_state = model.step(inputs, model_state)
        return tf.nn.softmax(logits)[0], (encoding_state, model_state)

    random = np.random.default_rng(0)

    def decode() -> None:
        event = _primer(codec)[0]
        state = (model.encoding.initial_state(1), model.initial_state(1))
        for _ in range(num_steps):
            probs, state = step(tf.constant([event]), state)
            probs = probs.numpy().astype(np.float64)
            label = random.choice(len(probs), p=probs / probs.sum())
            event = np.int32(min(label, codec.num_events - 1))

    return num_steps / _best_seconds(decode, 2)


def _measure_loops() -> list[dict]:
    rows = []
    for name in _MODELS.value:
        parts = recipe_parts.build(_RECIPES[name])
        baseline = _call_by_call_speed(parts.model, parts.codec)
        for batch_size in (1, 16, 64):
            for jit_compile in (True, False):
                speed, first_seconds = _loop_speed(
                    parts, batch_size, jit_compile
                )
                row = {
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
                if name in _EVENTS_A_SECOND:
                    row["real_time_factor"] = round(
                        speed / _EVENTS_A_SECOND[name], 1
                    )
                rows.append(row)
                _print_row(row)
    return rows


def _print_row(row: dict) -> None:
    notes = f"target {row['target']:,}" if row["target"] else ""
    if "real_time_factor" in row:
        notes += f"{row['real_time_factor']:,} seconds of music a second"
    print(
        f"{row['model']:26} {row['sequences']:3} sequences "
        f"{'XLA  ' if row['compiled'] else 'plain'} "
        f"{row['events_per_second']:9,} events/s "
        f"{row['ratio']:6.1f}x  first call {row['first_call_seconds']:5.2f} s"
        f"  {notes}",
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
        basic = recipe_parts.build(_RECIPES["basic_rnn"])
        write_bundle(
            bundle_file,
            model=basic.model,
            codec=basic.codec,
            bundle_id="basic",
        )
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
