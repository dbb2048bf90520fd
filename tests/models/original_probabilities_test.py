"""EventRnn gives the probabilities that the original Magenta computed."""

import numpy as np
import pytest
import tensorflow as tf
from shared_data import shared_dir

from magenta_lite.encodings.key_melody import KeyMelodyEncoding
from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.models.event_rnn import EventRnn

_MODELS = {
    "basic_rnn": lambda: EventRnn(OneHotEncoding(38), units=(32, 32)),
    "lookback_rnn": lambda: EventRnn(LookbackEncoding(38), units=(32, 32)),
    "attention_rnn": lambda: EventRnn(
        KeyMelodyEncoding(38), units=(32, 32), attention_length=40
    ),
    "one_drum": lambda: EventRnn(OneHotEncoding(2), units=(32, 32)),
    "performance_with_dynamics": lambda: EventRnn(
        OneHotEncoding(388), units=(32, 32)
    ),
    "polyphony": lambda: EventRnn(OneHotEncoding(259), units=(32, 32)),
}
_LONG = ("basic_rnn", "lookback_rnn", "attention_rnn")
_CELL = "rnn|multi_rnn_cell|cell_{}|"
_WRAPPER = "attention_cell_wrapper|"


def _lstm_weights(values, scope, depth):
    """The original's [inputs, state] x [i, g, f, o] as ours, f biased by 1."""
    kernel, bias = (
        values[f"{scope}basic_lstm_cell|{name}"] for name in ("kernel", "bias")
    )

    def reorder(array):
        i, g, f, o = np.split(array, 4, axis=-1)
        return np.concatenate([i, f, g, o], axis=-1)

    forget = np.repeat([0.0, 1.0, 0.0, 0.0], bias.shape[0] // 4)
    kernel = reorder(kernel)
    return kernel[:depth], kernel[depth:], reorder(bias) + forget


def _load(model, values):
    first, second = _CELL.format(0), _CELL.format(1)
    lower = model.recurrent[0]
    if model.attention_length:
        first += _WRAPPER
        pairs = [
            (lower.input_projection.kernel, "kernel"),
            (lower.input_projection.bias, "bias"),
            (lower.query.kernel, "attention|kernel"),
            (lower.query.bias, "attention|bias"),
            (lower.score, "attention|attn_v"),
            (lower.output_projection.kernel, "attn_output_projection|kernel"),
            (lower.output_projection.bias, "attn_output_projection|bias"),
        ]
        for variable, name in pairs:
            variable.assign(values[first + name])
        lower.key.kernel.assign(values[first + "attention|attn_w"][0, 0])
        lower = lower.layer
    depth = model.encoding.input_depth
    lower.lstm.set_weights(_lstm_weights(values, first, depth))
    model.recurrent[1].lstm.set_weights(_lstm_weights(values, second, 32))
    model.head.set_weights(
        [values["fully_connected|weights"], values["fully_connected|biases"]]
    )


@pytest.mark.parametrize(
    ("name", "suffix"),
    [(name, "truth") for name in _MODELS] + [(name, "long") for name in _LONG],
)
def test_probabilities(name, suffix):
    folder = shared_dir("reference")
    model = _MODELS[name]()
    _load(model, np.load(folder / f"{name}.vars.npz"))
    truth = np.load(folder / f"{name}.{suffix}.npz")
    state = model.initial_state(1)
    for t, expected in enumerate(truth["softmax"][0]):
        logits, state = model.step(tf.constant(truth["inputs"][:, t]), state)
        np.testing.assert_allclose(
            tf.nn.softmax(logits)[0], expected, atol=1e-5, rtol=0
        )
