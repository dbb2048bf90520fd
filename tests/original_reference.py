"""What the original Magenta's graphs compute, step by step in NumPy.

Written from TensorFlow 1's definitions of BasicLSTMCell,
AttentionCellWrapper, ResidualWrapper and InputProjectionWrapper.
"""

import numpy as np

_LSTM = "basic_lstm_cell/"
_ATTENTION = "attention_cell_wrapper/"
_PROJECTION = "input_projection_wrapper/"


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def outputs(values, inputs, attention_length=0, forget_bias=1.0):
    """What the last layer gives at each step, for inputs `[time, depth]`."""
    values = {name: array.astype(float) for name, array in values.items()}
    cell = _stack(values, attention_length, forget_bias)
    head = "decoder/dense/" if "nade/w_enc" in values else "fully_connected/"
    kernel, bias = (
        values.get(head + new, values.get(head + old))
        for new, old in (("kernel", "weights"), ("bias", "biases"))
    )
    return np.stack([cell(x) @ kernel + bias for x in inputs])


def _stack(values, attention_length, forget_bias):
    """The whole cell: a function of an input that remembers its state."""
    root = "decoder/" if "nade/w_enc" in values else "rnn/"
    whole = f"{root}{_ATTENTION}kernel" in values
    if whole:
        root += _ATTENTION
    layers = []
    while cells := [
        name
        for name in values
        if name.startswith(f"{root}multi_rnn_cell/cell_{len(layers)}/")
    ]:
        layers.append(_layer(values, cells[0], attention_length, forget_bias))

    def step(x):
        for layer in layers:
            x = layer(x)
        return x

    if not whole:
        return step
    lstms = [layer.lstm for layer in layers]
    return _Attention(values, root, step, lstms, attention_length)


def _layer(values, name, attention_length, forget_bias):
    scope = "/".join(name.split("/")[: name.split("/").index("multi_rnn_cell")])
    cell = name.split("multi_rnn_cell/")[1].split("/")[0]
    scope = f"{scope}/multi_rnn_cell/{cell}/"
    return _Layer(values, scope, attention_length, forget_bias)


class _Layer:
    """An LSTM with what may lie around it."""

    def __init__(self, values, scope, attention_length, forget_bias):
        self.projection = None
        if f"{scope}{_PROJECTION}kernel" in values:
            scope += _PROJECTION
            self.projection = values[f"{scope}kernel"], values[f"{scope}bias"]
        # Whoever projects adds; so do layers of one size above such.
        first = scope.split("cell_")[0] + "cell_0/" + _PROJECTION + "kernel"
        self.adds = first in values
        inner = scope
        if f"{scope}{_ATTENTION}kernel" in values:
            inner += _ATTENTION
        self.lstm = _Lstm(values, inner + _LSTM, forget_bias)
        self.cell = self.lstm
        if inner != scope:
            self.cell = _Attention(
                values, inner, self.lstm, [self.lstm], attention_length
            )

    def __call__(self, x):
        if self.projection:
            x = x @ self.projection[0] + self.projection[1]
        return self.cell(x) + x if self.adds else self.cell(x)


class _Lstm:
    def __init__(self, values, scope, forget_bias):
        self.kernel, self.bias = (
            values[f"{scope}kernel"],
            values[f"{scope}bias"],
        )
        self.forget_bias = forget_bias
        self.h = self.c = np.zeros(len(self.bias) // 4)

    def __call__(self, x):
        z = np.concatenate([x, self.h]) @ self.kernel + self.bias
        i, g, f, o = np.split(z, 4)
        self.c = sigmoid(f + self.forget_bias) * self.c
        self.c = self.c + sigmoid(i) * np.tanh(g)
        self.h = sigmoid(o) * np.tanh(self.c)
        return self.h


class _Attention:
    def __init__(self, values, scope, cell, lstms, length):
        self.values, self.scope = values, scope
        self.cell, self.lstms = cell, lstms
        units = len(values[f"{scope}attention/attn_v"])
        self.past = [np.zeros(units)] * length
        self.context = np.zeros(units)

    def _linear(self, name, *parts):
        scope = f"{self.scope}{name}"
        kernel, bias = (
            self.values[f"{scope}kernel"],
            self.values[f"{scope}bias"],
        )
        return np.concatenate(parts) @ kernel + bias

    def __call__(self, x):
        h = self.cell(self._linear("", x, self.context))
        state = [part for lstm in self.lstms for part in (lstm.c, lstm.h)]
        query = self._linear("attention/", *state)
        key = self.values[f"{self.scope}attention/attn_w"][0, 0]
        v = self.values[f"{self.scope}attention/attn_v"]
        scores = np.array([np.tanh(p @ key + query) @ v for p in self.past])
        shares = np.exp(scores) / np.exp(scores).sum()
        self.context = sum(
            s * p for s, p in zip(shares, self.past, strict=True)
        )
        output = self._linear("attn_output_projection/", h, self.context)
        self.past = [*self.past[1:], output]
        return output
