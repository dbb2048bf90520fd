"""One recurrent model for every kind of event sequence."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import gin
import keras
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.encodings.base import Encoding
from magenta_lite.layers import row_random
from magenta_lite.layers.attention_cell import AttentionCell
from magenta_lite.layers.gru import Gru
from magenta_lite.layers.lstm import Lstm
from magenta_lite.layers.recurrent import RecurrentLayer
from magenta_lite.layers.stack import Stack
from magenta_lite.models.base import Model
from magenta_lite.models.head_layers import make_head_layer

_CELLS = {"lstm": Lstm, "gru": Gru}
_MAX_UNITS = 65536
_MAX_LAYERS = 64
_MAX_ATTENTION_LENGTH = 65536
_MAX_SHOWN_EVENTS = 96
_LARGE_ONE_HOT = 256  # Smaller ones are multiplied as fast as looked up.


@gin.register
class EventRnn(Model):
    """A stack of recurrent layers that predicts the next event.

    With a melody, drum, lead-sheet, performance or polyphony codec and their
    encodings this is Melody RNN, Drums RNN, Improv RNN, Performance RNN or
    Polyphony RNN.

    Args:
      encoding: turns events into inputs and labels.
      units: depth of each layer, from the input up.
      cell: "lstm" or "gru".
      dropout: share of each layer's outputs that is dropped in training.
      attention_length: if positive, the first layer attends to that many of
        its last outputs.
      residual: whether each layer adds its input to its output. The first
        layer's input is projected first, and others where depths differ.
      attention_over: "first", or "all" to let the attention see the state of
        the whole stack and stand in for its output, as the first versions of
        Magenta did. There are no residuals then, and only the outputs of the
        attention are dropped.

    Raises:
      ValueError: if a size or option is out of range.
    """

    takes_trimmed = True

    def __init__(
        self,
        encoding: Encoding,
        units: tuple[int, ...] = (128, 128),
        cell: str = "lstm",
        dropout: float = 0.0,
        attention_length: int = 0,
        residual: bool = False,
        attention_over: str = "first",
    ) -> None:
        super().__init__(name="event_rnn")
        self.encoding = encoding
        self.units = tuple(units)
        self.cell = cell
        self.dropout = float(dropout)
        self.attention_length = attention_length
        self.residual = residual
        self.attention_over = attention_over
        self._check()
        self.recurrent = self._make_layers()
        self.projections = {
            str(i): keras.layers.Dense(
                n, dtype="float32", name=f"input_projection_{i}"
            )
            for i, n in enumerate(self.units)
            if residual and (i == 0 or n != self.units[i - 1])
        }
        self.head = make_head_layer(encoding.head)
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Makes all variables; sizes are known from the constructor."""
        for i, layer in enumerate(self.recurrent):
            if str(i) in self.projections:
                below = self._depth_below(i, projected=False)
                self.projections[str(i)].build((None, None, below))
            layer.build((None, None, self._depth_below(i, projected=True)))
        self.head.build((None, None, self.units[-1]))
        self.built = True

    def loss_and_metrics(
        self,
        batch: dict[str, tf.Tensor],
        training: bool,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, dict[str, tuple[tf.Tensor, tf.Tensor]]]:
        """Mean negative log-likelihood of an event in nats; see `Model`."""
        events = batch[batch_keys.EVENTS]
        inputs, one_hots = self._inputs(events)
        labels = _time_major(self.encoding.labels(events)[:, 1:])
        mask = _time_major(
            tf.sequence_mask(
                batch[batch_keys.LENGTHS] - 1,
                tf.shape(events)[1] - 1,
                dtype=tf.float32,
            )
        )  # [t-1, b]
        drop = None
        if training and self.dropout:
            drop = functools.partial(self._drop, batch, seed)
        hidden = self._hidden(_time_major(inputs[:, :-1]), one_hots, drop)
        outputs = self.head(hidden)
        losses = mask * self.head.nats(outputs, labels)
        steps = tf.cast(tf.reduce_sum(batch[batch_keys.STEPS]), tf.float32)
        total = tf.reduce_sum(losses)
        count = tf.reduce_sum(mask)
        metrics = {
            "loss": (total, count),
            "loss_per_step": (total, steps),
            **self.head.accuracies(
                outputs, labels, mask, self.encoding.default_label
            ),
        }
        return tf.math.divide_no_nan(total, count), metrics

    def initial_state(self, batch_size: int, conditioning: Any = None) -> Any:
        """One state per layer; there is nothing to condition on."""
        return [layer.initial_state(batch_size) for layer in self.recurrent]

    def step(self, inputs: tf.Tensor, state: Any) -> tuple[Any, Any]:
        """One step of generation; see `Model`."""
        hidden = inputs  # [b, d]
        next_state = []
        for i, layer in enumerate(self.recurrent):
            below = self._project(i, hidden)
            hidden, layer_state = layer.step(below, state[i])
            if self.residual:
                hidden += below
            next_state.append(layer_state)
        return self.head(hidden), next_state

    def kept_floats(self) -> int:
        """Gates and outputs of all layers, and inputs; see `Model`."""
        return 7 * sum(self.units) + 2 * self.encoding.input_depth

    def look_inside(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Where attention goes in the first row: past outputs by time."""
        if not self.attention_length:
            return {}
        events = batch[batch_keys.EVENTS][:1, :_MAX_SHOWN_EVENTS]
        inputs = self._project(0, _time_major(self.encoding.inputs(events)))
        shares = self.recurrent[0].shares(inputs)[:, 0]  # [t, n]
        return {"attention": tf.transpose(shares)}

    def get_config(self) -> dict:
        """Sizes and options, without the encoding."""
        return {
            "units": list(self.units),
            "cell": self.cell,
            "dropout": self.dropout,
            "attention_length": self.attention_length,
            "residual": self.residual,
            "attention_over": self.attention_over,
        }

    def _inputs(self, events: tf.Tensor) -> tuple[tf.Tensor, tuple[int, ...]]:
        """Inputs `[batch, time, depth]`, compact where that saves time.

        With the sizes of the one-hots; see `layers.products`.
        """
        one_hots = self.encoding.one_hots
        if self.residual or max(one_hots, default=0) < _LARGE_ONE_HOT:
            return self.encoding.inputs(events), ()
        return self.encoding.compact_inputs(events), one_hots

    def _hidden(
        self,
        inputs: tf.Tensor,
        one_hots: tuple[int, ...],
        drop: Callable[[tf.Tensor, int], tf.Tensor] | None,
    ) -> tf.Tensor:
        """The output of the last layer: `[t, b, d]` to `[t, b, units]`.

        `drop` takes outputs and a layer's number, and drops a share of them.
        """
        hidden = inputs
        for i, layer in enumerate(self.recurrent):
            below = self._project(i, hidden)
            if i == 0 and below is inputs:
                hidden = layer.over_data(inputs, one_hots)
            else:
                hidden = layer(below)
            if self.residual:
                hidden += below
            if drop is not None:
                hidden = drop(hidden, i)
        return hidden

    def _drop(
        self,
        batch: dict[str, tf.Tensor],
        seed: tf.Tensor,
        hidden: tf.Tensor,
        layer: int,
    ) -> tf.Tensor:
        return row_random.dropout(
            hidden,
            self.dropout,
            seed + [0, layer],
            batch_keys.first_row(batch),
            row_axis=1,
            num_cut=batch_keys.num_cut(batch),
        )

    def _make_layers(self) -> list[RecurrentLayer]:
        """From the input up; with the attention around its part of them."""
        make = _CELLS[self.cell]
        layers: list[RecurrentLayer] = [
            make(n, name=f"{self.cell}_{i}") for i, n in enumerate(self.units)
        ]
        if not self.attention_length:
            return layers
        seen, above = layers[0], layers[1:]
        if self.attention_over == "all":
            seen, above = Stack(layers, name="stack"), []
        attention = AttentionCell(seen, self.attention_length, name="attention")
        return [attention, *above]

    def _project(self, i: int, hidden: tf.Tensor) -> tf.Tensor:
        projection = self.projections.get(str(i))
        return projection(hidden) if projection else hidden

    def _depth_below(self, i: int, projected: bool) -> int:
        if projected and self.residual:
            return self.units[i]
        return self.units[i - 1] if i else self.encoding.input_depth

    def _check(self) -> None:
        if self.cell not in _CELLS:
            raise ValueError(
                f"cell is {self.cell!r}; it must be one of {sorted(_CELLS)}"
            )
        if not 1 <= len(self.units) <= _MAX_LAYERS:
            raise ValueError(f"units names {len(self.units)} layers")
        if not all(1 <= n <= _MAX_UNITS for n in self.units):
            raise ValueError(f"units {self.units} out of 1..{_MAX_UNITS}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout {self.dropout} is not in [0, 1)")
        if not 0 <= self.attention_length <= _MAX_ATTENTION_LENGTH:
            raise ValueError(f"attention_length is {self.attention_length}")
        if self.attention_over not in ("first", "all"):
            raise ValueError(f"attention_over is {self.attention_over!r}")
        if self.attention_over == "all" and self.residual:
            raise ValueError("attention_over all layers leaves no residuals")


def _time_major(tensor: tf.Tensor) -> tf.Tensor:
    """Swaps the first two axes: `[batch, time, ...]`, `[time, batch, ...]`."""
    rest = range(2, tensor.shape.rank)
    return tf.transpose(tensor, [1, 0, *rest])
