"""How fast the NADE head learns, beside going through the keys one by one.

Forward and backward over frames of 88 keys of which some sound: the head's way,
from one sounding key to the next, and the usual loop over all 88, both on the
same frames and with the same result.

  python benchmarks/nade.py
  python benchmarks/nade.py --num_sounding=12
"""

import json
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import app, flags

_NUM_FRAMES = flags.DEFINE_integer("num_frames", 4096, "Frames of a step.")
_NUM_SOUNDING = flags.DEFINE_integer("num_sounding", 4, "Keys of a frame.")
_NUM_HIDDEN = flags.DEFINE_integer("num_hidden", 128, "Units of the NADE.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_NUM_KEYS = 88
_REPEATS = 7


def _key_by_key(bits: Any, a: Any, encoder: Any, decoder: Any) -> Any:
    """`nade.conditional_logits` as a loop over all keys."""
    import tensorflow as tf

    columns = tf.transpose(bits)

    def body(i: Any, a: Any, logits: Any) -> tuple:
        logits = logits.write(i, tf.linalg.matvec(tf.sigmoid(a), decoder[i]))
        return i + 1, a + columns[i][:, tf.newaxis] * encoder[i], logits

    *_, logits = tf.while_loop(
        lambda i, *_: i < _NUM_KEYS,
        body,
        (0, a, tf.TensorArray(tf.float32, _NUM_KEYS)),
        maximum_iterations=_NUM_KEYS,
    )
    return tf.transpose(logits.stack())


def _seconds(logits_fn: Callable, arguments: list) -> tuple[float, list]:
    """The fastest of some steps, and the gradients."""
    import tensorflow as tf

    bits, *weights = arguments

    @tf.function(autograph=False)
    def step(*weights: Any) -> list:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits = logits_fn(bits, *weights)
            loss = tf.reduce_sum(
                tf.nn.sigmoid_cross_entropy_with_logits(bits, logits)
            )
        return tape.gradient(loss, weights)

    step(*weights)
    best = float("inf")
    for _ in range(_REPEATS):
        start = time.perf_counter()
        gradients = [gradient.numpy() for gradient in step(*weights)]
        best = min(best, time.perf_counter() - start)
    return best, gradients


def main(argv: list[str]) -> None:
    """Measures and prints."""
    del argv
    import tensorflow as tf

    from magenta_lite.layers import nade

    rng = np.random.default_rng(0)
    num_frames, num_hidden = _NUM_FRAMES.value, _NUM_HIDDEN.value
    order = rng.random([num_frames, _NUM_KEYS]).argsort(axis=1)
    shapes = [(num_frames, num_hidden), *[(_NUM_KEYS, num_hidden)] * 2]
    arguments = [
        tf.constant((order < _NUM_SOUNDING.value).astype(np.float32)),
        *(tf.constant(rng.normal(0, 0.1, s), tf.float32) for s in shapes),
    ]
    ours, gradients = _seconds(nade.conditional_logits, arguments)
    loop, expected = _seconds(_key_by_key, arguments)
    for found, truth in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, truth, rtol=1e-2, atol=1e-2)
    result = {
        "frames_per_second": num_frames / ours,
        "frames_per_second_key_by_key": num_frames / loop,
        "ratio": loop / ours,
    }
    for name, value in result.items():
        print(f"{name:<30}{value:12,.1f}")
    if _OUTPUT_JSON.value:
        text = json.dumps(result, indent=2) + "\n"
        pathlib.Path(_OUTPUT_JSON.value).write_text(text)


if __name__ == "__main__":
    app.run(main)
