"""Whether a training fits the machine, asked before it starts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import psutil
import tensorflow as tf

from magenta_lite.errors import UserError
from magenta_lite.models.base import Model

_FLOAT_BYTES = 4
_COPIES = 5
"""Of every weight: itself, its gradient and that of the other half of the
rows, and the two moments of Adam."""
_BASE_BYTES = 2**30
"""The interpreter, TensorFlow, and batches on their way."""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclasses.dataclass(frozen=True)
class Need:
    """What a training needs, roughly.

    Attributes:
      num_weights: of the model.
      weight_bytes: of weights, gradients and the optimizer.
      activation_bytes: of what is kept from forward to backward.
    """

    num_weights: int
    weight_bytes: int
    activation_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return _BASE_BYTES + self.weight_bytes + self.activation_bytes


def need_of(
    make_model: Callable[[], Model], num_rows: int, num_events: int
) -> Need:
    """Estimates what a training needs, without allocating it.

    Args:
      make_model: builds the model; it is called in a graph that nobody runs.
      num_rows: of a batch that go through the model at a time.
      num_events: of a row; 0 leaves activations out.
    """
    with tf.Graph().as_default():
        model = make_model()
        weights = sum(math.prod(w.shape) for w in model.weights)
        kept = model.kept_floats() * num_rows * num_events
    return Need(weights, _COPIES * _FLOAT_BYTES * weights, _FLOAT_BYTES * kept)


def check_fits(need: Need, limit_bytes: int | None = None) -> None:
    """Refuses a training that the machine has no memory for.

    A GPU's memory is its own: where there is one, this says nothing.

    Args:
      need: from `need_of`.
      limit_bytes: what there is; by default that of this machine.

    Raises:
      UserError: if it does not fit.
    """
    if limit_bytes is None and tf.config.list_logical_devices("GPU"):
        return
    limit = machine_bytes() if limit_bytes is None else limit_bytes
    if need.total_bytes <= limit:
        return
    advice = "use smaller layers or a larger machine"
    without_rows = need.total_bytes - need.activation_bytes
    if without_rows < 0.9 * limit:
        advice = "set a smaller MICRO_BATCH_SIZE (or BATCH_SIZE)"
    raise UserError(
        f"training this model of {need.num_weights:,} weights takes about "
        f"{_gigabytes(need.total_bytes)} of memory "
        f"({_gigabytes(need.activation_bytes)} for the rows that go through "
        f"it at a time); this machine has {_gigabytes(limit)}: {advice}."
    )


def machine_bytes() -> int:
    """The memory that this process may use."""
    total = psutil.virtual_memory().total
    try:
        return min(total, int(_CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):  # No such limit.
        return total


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
