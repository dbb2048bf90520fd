"""LSTM layers that read sequences of different lengths from both ends."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from magenta_lite.layers.lstm import Lstm


class BidirectionalLstm(keras.layers.Layer):
    """Each layer reads forwards and backwards; the next one reads both.

    Args:
      units: depth of each layer in each direction, from the input up.
      dropout: share of each layer's inputs that is dropped in training.
      reads_data: whether nothing is learnt below: no gradient reaches the
        inputs then.
      kernel_initializer: of new weights of the first layer's inputs; Keras's
        own if None.
      name: of the layer.
    """

    def __init__(
        self,
        units: tuple[int, ...],
        dropout: float = 0.0,
        reads_data: bool = False,
        kernel_initializer: keras.initializers.Initializer | None = None,
        name: str = "bidirectional",
    ) -> None:
        super().__init__(dtype="float32", name=name)
        self.reads_data = reads_data
        self.units = tuple(units)
        self.dropout = dropout
        self.forward = _layers("fw", units, kernel_initializer)
        self.backward = _layers("bw", units, kernel_initializer)

    @property
    def output_depth(self) -> int:
        """Both directions of the last layer."""
        return 2 * self.units[-1]

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs `[..., depth]`."""
        below = input_shape[-1]
        for forward, backward in zip(self.forward, self.backward, strict=True):
            forward.build((None, None, below))
            backward.build((None, None, below))
            below = 2 * forward.units
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        lengths: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Every step's outputs of the last layer.

        Args:
          inputs: float32 `[time, batch, depth]`.
          lengths: int32 `[batch]`, how many steps of each row are real.
          seed: int32 `[2]` in training, for dropout; None drops nothing.

        Returns:
          float32 `[time, batch, output_depth]`; without meaning past a row's
          length.
        """
        forward, backward = self._run(inputs, lengths, seed)
        return tf.concat([forward, _reversed(backward, lengths)], axis=-1)

    def embed(
        self,
        inputs: tf.Tensor,
        lengths: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """What both directions of the last layer end with.

        Args:
          inputs: as for `call`, like all others.
          lengths: int32 `[batch]`; a row of length 0 gives zeros.
          seed: int32 `[2]`.

        Returns:
          float32 `[batch, output_depth]`.
        """
        both = tf.concat(self._run(inputs, lengths, seed), axis=-1)
        rows = tf.range(tf.shape(lengths)[0])
        places = tf.stack([tf.maximum(lengths - 1, 0), rows], axis=-1)
        last = tf.gather_nd(both, places)  # [b, 2u]
        return tf.where((lengths > 0)[:, tf.newaxis], last, 0.0)

    def _run(
        self, inputs: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The last layer's outputs, each in the order of its own reading."""
        ahead = back = inputs
        for i, layers in enumerate(
            zip(self.forward, self.backward, strict=True)
        ):
            below = inputs
            if i:
                below = tf.concat([ahead, _reversed(back, lengths)], axis=-1)
            ahead, back = below, below
            if self.dropout and seed is not None:
                ahead, back = (
                    tf.nn.experimental.stateless_dropout(
                        below, self.dropout, seed + [0, 2 * i + k]
                    )
                    for k in (0, 1)
                )
            are_data = self.reads_data and i == 0
            ahead = layers[0](ahead, are_data=are_data)
            back = layers[1](_reversed(back, lengths), are_data=are_data)
        return ahead, back


def _layers(
    way: str,
    units: tuple[int, ...],
    kernel_initializer: keras.initializers.Initializer | None,
) -> list[Lstm]:
    """The layers of one direction."""
    # One initializer would give both directions the same weights.
    first = kernel_initializer and kernel_initializer.clone()
    return [
        Lstm(n, None if i else first, name=f"{way}_{i}")
        for i, n in enumerate(units)
    ]


def _reversed(sequence: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """The first `lengths` steps of `[time, batch, depth]` back to front."""
    return tf.reverse_sequence(sequence, lengths, seq_axis=0, batch_axis=1)
