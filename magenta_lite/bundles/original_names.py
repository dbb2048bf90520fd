"""One spelling for the variables that Magenta's versions named differently.

TensorFlow renamed scopes and variables over the years:

    RNN/MultiRNNCell/Cell0/BasicLSTMCell/Linear/Matrix          (0.x)
    rnn/multi_rnn_cell/cell_0/basic_lstm_cell/weights           (1.0)
    rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel            (since 1.2)
"""

from __future__ import annotations

import re

_SCOPES = {
    "multi_r_n_n_cell": "multi_rnn_cell",
    "r_n_n": "rnn",
    "basic_l_s_t_m_cell": "basic_lstm_cell",
    "l_s_t_m_cell": "lstm_cell",
    # What Magenta.js calls it.
    "attention_output_projection": "attn_output_projection",
}
_LEAVES = {
    "weights": "kernel",
    "matrix": "kernel",
    "biases": "bias",
}
_LEFT_OUT = {"linear", "dropout_wrapper", "residual_wrapper"}


def canonical(name: str) -> str:
    """The name that the newest version of Magenta would give a variable.

    The last layer's `fully_connected/weights` becomes `fully_connected/kernel`,
    too.
    """
    parts = [_snake_case(part) for part in name.split("/")]
    parts = [part for part in parts if part not in _LEFT_OUT]
    if parts:
        parts[-1] = _LEAVES.get(parts[-1], parts[-1])
    return "/".join(parts)


def _snake_case(part: str) -> str:
    """Turns "BasicLSTMCell" into "basic_lstm_cell", "Cell0" into "cell_0"."""
    spaced = re.sub(r"(?<!^)(?=[A-Z])", "_", part).lower()
    spaced = _SCOPES.get(spaced, spaced)
    return re.sub(r"^cell(\d+)$", r"cell_\1", spaced)
