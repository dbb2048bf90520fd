"""An LSTM layer: compiled chunks on CPUs, cuDNN on GPUs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import keras
import tensorflow as tf

from magenta_lite.layers import chunked, products
from magenta_lite.layers.products import on_rows, over_rows
from magenta_lite.layers.recurrence import Recurrence
from magenta_lite.layers.recurrent import RecurrentLayer, layer_dtype, on_gpu

_State = tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class LstmRecurrence(Recurrence):
    """An LSTM step; the inner state is (h, c), each `[batch, units]`.

    The memory is empty, or holds one row `[batch, 1, 4 * units]` that is added
    to the sums before the gates: what inputs that never change have to say.
    """

    units: int

    def initial_inner(
        self, batch_size: int | tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Zeros."""
        zeros = tf.zeros([batch_size, self.units])
        return zeros, zeros

    def advance(
        self,
        weights: tuple,
        inputs: tf.Tensor,
        inner: tuple[tf.Tensor, tf.Tensor],
        memory: tf.Tensor,
    ) -> tuple:
        """See `Recurrence`; appends nothing."""
        kernel, recurrent_kernel, bias = weights
        h, c = inner
        z = tf.matmul(inputs, kernel) + tf.matmul(h, recurrent_kernel) + bias
        if memory.shape[1]:
            z += memory[:, 0]
        gates = activate_gates(z)
        h, c = next_cell(gates, c)
        return h, (h, c), h[:, :0]


class Lstm(RecurrentLayer):
    """LSTM (Hochreiter and Schmidhuber, 1997) without peepholes.

    The variables are those of `keras.layers.LSTM`: `kernel`
    `[depth, 4 * units]`, `recurrent_kernel` `[units, 4 * units]` and `bias`
    `[4 * units]`, with gates in the order input, forget, candidate, output and
    a forget bias of 1 at the start.

    Args:
      units: depth of output and memory cell.
      kernel_initializer: of new weights of the inputs; Keras's own if None.
      **kwargs: Keras's own.
    """

    def __init__(
        self,
        units: int,
        kernel_initializer: keras.initializers.Initializer | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(dtype=layer_dtype(), **kwargs)
        self.units = units
        self.lstm = keras.layers.LSTM(
            units,
            kernel_initializer=kernel_initializer or "glorot_uniform",
            return_sequences=True,
            dtype=layer_dtype(),
            name="lstm",
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the variables for inputs `[time, batch, depth]`."""
        self.lstm.build((None, None, input_shape[-1]))

    def recurrence(self) -> LstmRecurrence:
        """See `RecurrentLayer`."""
        return LstmRecurrence(self.units)

    def weight_tensors(self) -> tuple[tf.Tensor, ...]:
        """Kernel, recurrent kernel and bias."""
        cell = self.lstm.cell
        return tuple(
            tf.convert_to_tensor(w)
            for w in (cell.kernel, cell.recurrent_kernel, cell.bias)
        )

    def state_from(
        self, h: tf.Tensor, c: tf.Tensor, constant: tf.Tensor | None = None
    ) -> _State:
        """A state to begin with.

        Args:
          h: float32 `[batch, units]`, what the layer last gave.
          c: float32 `[batch, units]`, its memory cell.
          constant: float32 `[batch, n]`, the last n of every step's inputs
            where they never change: their product with the kernel is computed
            once. Leave them out of the inputs to `run` and `step` then.
        """
        if constant is None:
            return (h, c), tf.zeros([tf.shape(h)[0], 0, 0])
        kernel = self.weight_tensors()[0][-constant.shape[-1] :]
        return (h, c), tf.matmul(constant, kernel)[:, tf.newaxis]

    def run(
        self,
        inputs: tf.Tensor,
        state: _State,
        chunk_steps: int = chunked.CHUNK_STEPS,
        are_data: bool = False,
    ) -> tuple[tf.Tensor, _State]:
        """Runs over sequences from a state; see `chunked.run_from`.

        Args:
          inputs: float32 `[time, batch, depth]`, without constant ones.
          state: from `state_from`.
          chunk_steps: the state that is returned is the last one where this
            divides the time.
          are_data: whether nothing is learnt below the inputs, so that no
            gradient need reach them.

        Returns:
          float32 `[time, batch, units]` and the last state.
        """
        chunk = _CHUNK_OF_DATA if are_data else _CHUNK
        weights = self._weights_for(inputs)
        return chunked.run_from(chunk, weights, inputs, state, chunk_steps)

    def step(
        self, inputs: tf.Tensor, state: _State
    ) -> tuple[tf.Tensor, _State]:
        """One step; `inputs` are without constant ones."""
        return self.recurrence().step(self._weights_for(inputs), inputs, state)

    def _weights_for(self, inputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """All weights; of the kernel, the rows of the inputs."""
        kernel, *others = self.weight_tensors()
        return kernel[: inputs.shape[-1]], *others

    def call(self, inputs: tf.Tensor, are_data: bool = False) -> tf.Tensor:
        """`[time, batch, depth]` to `[time, batch, units]`; see `run`."""
        if on_gpu():
            return tf.transpose(
                self.lstm(tf.transpose(inputs, [1, 0, 2])), [1, 0, 2]
            )
        chunk = _CHUNK_OF_DATA if are_data else _CHUNK
        return chunked.run(
            chunk, self.weight_tensors(), inputs, self.initial_state
        )

    def over_data(
        self, inputs: tf.Tensor, one_hots: tuple[int, ...] = ()
    ) -> tf.Tensor:
        """See `RecurrentLayer`."""
        return self(products.expanded(inputs, one_hots), are_data=True)


def activate_gates(z: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Input, forget, candidate and output gates of `[batch, 4 * units]`."""
    i, f, g, o = tf.split(z, 4, axis=-1)
    return tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)


def next_cell(
    gates: tuple[tf.Tensor, ...], c: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The next (h, c)."""
    i, f, g, o = gates
    c = f * c + i * g
    return o * tf.tanh(c), c


def cells_of(gates: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    """The cells `[time, batch, units]` after each step, once more.

    Args:
      gates: activated, `[time, batch, 4 * units]`.
      c: the cell before the first step.
    """
    i, f, g, _ = tf.split(gates, 4, axis=-1)
    num_steps = gates.shape[0]

    def body(
        t: tf.Tensor, c: tf.Tensor, cells: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        c = f[t] * c + i[t] * g[t]
        return t + 1, c, cells.write(t, c)

    _, _, cells = tf.while_loop(
        lambda t, *_: t < num_steps,
        body,
        (0, c, tf.TensorArray(gates.dtype, num_steps)),
        maximum_iterations=num_steps,
    )
    return cells.stack()


def gate_slopes(
    gates: tf.Tensor, squashed: tf.Tensor, cells_before: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What `cell_gradient` takes, for all steps at once.

    Args:
      gates: activated, `[time, batch, 4 * units]`.
      squashed: tanh of the cells after the steps, `[time, batch, units]`.
      cells_before: the cells before the steps.

    Returns:
      By what the sums before the gates change the cell, or for the output gate
      the output, `[time, batch, 4 * units]`; by what a cell changes the
      output, and by what the next cell, `[time, batch, units]`.
    """
    i, f, g, o = tf.split(gates, 4, axis=-1)
    slopes = [
        g * i * (1 - i),
        cells_before * f * (1 - f),
        i * (1 - g**2),
        squashed * o * (1 - o),
    ]
    return tf.concat(slopes, axis=-1), o * (1 - squashed**2), f


def cell_gradient(
    slopes: Sequence[tf.Tensor], d_h: tf.Tensor, d_c: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients of a step's sums before the gates and of the cell before.

    Args:
      slopes: those of `gate_slopes` at this step.
      d_h: gradient of the output.
      d_c: what of the cell's gradient does not come through the output.
    """
    of_sums, of_output, of_next_cell = slopes
    d_c += d_h * of_output
    d_sums = tf.concat([d_c, d_c, d_c, d_h], axis=-1) * of_sums
    return d_sums, d_c * of_next_cell


def _forward(weights: tuple, inputs: tf.Tensor, state: _State) -> tuple:
    """See `Chunk.forward`: one product for all inputs, then the steps."""
    kernel, recurrent_kernel, bias = weights
    (h, c), memory = state
    num_steps = inputs.shape[0]
    projected = on_rows(inputs, kernel) + bias  # [t, b, 4u]
    if memory.shape[1]:
        projected += memory[tf.newaxis, :, 0]
    gates = tf.TensorArray(inputs.dtype, num_steps)
    outputs = tf.TensorArray(inputs.dtype, num_steps)

    def body(
        t: tf.Tensor,
        h: tf.Tensor,
        c: tf.Tensor,
        gates: tf.TensorArray,
        outputs: tf.TensorArray,
    ) -> tuple:
        gate = activate_gates(projected[t] + tf.matmul(h, recurrent_kernel))
        h, c = next_cell(gate, c)
        return (
            t + 1,
            h,
            c,
            gates.write(t, tf.concat(gate, axis=-1)),
            outputs.write(t, h),
        )

    _, h, c, gates, outputs = tf.while_loop(
        lambda t, *_: t < num_steps,
        body,
        (0, h, c, gates, outputs),
        maximum_iterations=num_steps,
    )
    return outputs.stack(), ((h, c), memory), (gates.stack(),)


def _prepare(weights: tuple) -> tuple:
    """See `Chunk.prepare`: the kernels as gradients pass them."""
    # Once here: a product that transposes takes up to twice the time.
    kernel, recurrent_kernel, _ = weights
    return tf.transpose(kernel), tf.transpose(recurrent_kernel)


def _backward(
    turned: tuple,
    inputs: tf.Tensor,
    state: _State,
    kept: tuple,
    d_outputs: tf.Tensor,
    d_state: _State,
    are_data: bool = False,
) -> tuple:
    """See `Chunk.backward`: the steps, then one product for each weight."""
    kernel, recurrent_kernel = turned
    (gates,) = kept
    (h, c), _ = state
    cells = cells_of(gates, c)
    (d_h, d_c), d_memory = d_state
    num_steps = inputs.shape[0]
    cells_before = tf.concat([c[tf.newaxis], cells[:-1]], axis=0)
    squashed = tf.tanh(cells)
    outputs = tf.split(gates, 4, axis=-1)[3] * squashed
    outputs_before = tf.concat([h[tf.newaxis], outputs[:-1]], axis=0)
    slopes = gate_slopes(gates, squashed, cells_before)
    d_z = tf.TensorArray(inputs.dtype, num_steps)

    def body(
        k: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor, d_z: tf.TensorArray
    ) -> tuple:
        t = num_steps - 1 - k
        d_gates, d_c = cell_gradient(
            [slope[t] for slope in slopes], d_h + d_outputs[t], d_c
        )
        d_h = tf.matmul(d_gates, recurrent_kernel)
        return k + 1, d_h, d_c, d_z.write(t, d_gates)

    _, d_h, d_c, d_z = tf.while_loop(
        lambda k, *_: k < num_steps,
        body,
        (0, d_h, d_c, d_z),
        maximum_iterations=num_steps,
    )
    d_z = d_z.stack()  # [t, b, 4u]
    d_weights = (
        over_rows(inputs, d_z),
        over_rows(outputs_before, d_z),
        tf.reduce_sum(d_z, [0, 1]),
    )
    d_inputs = None if are_data else on_rows(d_z, kernel)
    if d_memory.shape[1]:
        d_memory += tf.reduce_sum(d_z, axis=0)[:, tf.newaxis]
    return d_weights, d_inputs, ((d_h, d_c), d_memory)


_CHUNK = chunked.Chunk(
    forward=tf.function(_forward, jit_compile=True, autograph=False),
    backward=tf.function(_backward, jit_compile=True, autograph=False),
    num_kept=1,
    prepare=_prepare,
)
_CHUNK_OF_DATA = dataclasses.replace(
    _CHUNK,
    backward=tf.function(
        functools.partial(_backward, are_data=True),
        jit_compile=True,
        autograph=False,
    ),
    are_data=True,
)
