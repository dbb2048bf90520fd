"""From clips to embeddings: the encoders of MusicVAE."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from magenta_lite.layers.bidirectional import BidirectionalLstm


class ClipEncoder(keras.layers.Layer):
    """Bidirectional LSTM layers over clips, in one or several levels.

    With levels of lengths (16, 8), a clip of 128 steps is cut into 8 segments
    of 16; the first level embeds each of them, the second embeds the 8
    embeddings. Segments of a level are one batch. What a segment holds would
    fade from level to level under Keras's weights for new layers, until Adam's
    first steps shut every level; so these let it through.

    Args:
      units: depth of each layer in each direction, the same at every level.
      lengths: steps of a segment at each level, from the bottom up; nothing
        for one level over clips of any length.
      dropout: share of each layer's inputs that is dropped in training.
      name: of the layer.
    """

    def __init__(
        self,
        units: tuple[int, ...],
        lengths: tuple[int, ...] = (),
        dropout: float = 0.0,
        name: str = "encoder",
    ) -> None:
        super().__init__(dtype="float32", name=name)
        self.lengths = tuple(lengths)
        self.levels = [
            BidirectionalLstm(
                units,
                dropout,
                reads_data=i == 0,
                kernel_initializer=initializer,
                name=f"level_{i}",
            )
            for i, initializer in enumerate(_initializers(len(self.lengths)))
        ]

    @property
    def output_depth(self) -> int:
        """Depth of an embedding."""
        return self.levels[-1].output_depth

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs `[..., depth]`."""
        below = input_shape[-1]
        for level in self.levels:
            level.build((None, None, below))
            below = level.output_depth
        self.built = True

    def call(
        self,
        inputs: tf.Tensor,
        weights: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Embeds clips.

        Args:
          inputs: float32 `[batch, time, depth]`.
          weights: float32 `[batch, time]`, 1 for a step that is real and 0
            for one that only fills; real ones come first in every segment.
          seed: int32 `[2]` in training; None drops nothing.

        Returns:
          float32 `[batch, output_depth]`.
        """
        if not self.lengths:
            counts = tf.cast(tf.reduce_sum(weights, axis=1), tf.int32)
            sequence = tf.transpose(inputs, [1, 0, 2])
            return self.levels[0].embed(sequence, counts, seed)
        total = math.prod(self.lengths)
        sequence, weights = fit_time(inputs, total), fit_time(weights, total)
        batch_size = tf.shape(inputs)[0]
        counts = tf.reduce_sum(
            tf.reshape(weights, [-1, self.lengths[0]]), axis=1
        )
        counts = tf.cast(counts, tf.int32)  # [b * segments]
        for i, level in enumerate(self.levels):
            length, depth = self.lengths[i], sequence.shape[-1]
            segments = tf.reshape(sequence, [-1, length, depth])
            if i:
                # Embeddings are all there, of empty segments as well.
                counts = tf.fill([tf.shape(segments)[0]], length)
            embedded = level.embed(
                tf.transpose(segments, [1, 0, 2]),
                counts,
                None if seed is None else seed + [i + 1, 0],
            )
            sequence = tf.reshape(
                embedded, [batch_size, -1, level.output_depth]
            )
        return sequence[:, 0]


def _initializers(
    num_levels: int,
) -> list[keras.initializers.Initializer | None]:
    """Of the weights of each level's inputs; None: Keras's own."""
    if num_levels < 2:
        return [None]
    # Of the inputs of the lowest few are not 0, however many there are.
    lowest = keras.initializers.RandomNormal(stddev=0.7)
    others = [
        keras.initializers.VarianceScaling(
            scale=2.0, mode="fan_in", distribution="untruncated_normal"
        )
        for _ in range(num_levels - 1)
    ]
    return [lowest, *others]


def fit_time(tensor: tf.Tensor, num_steps: int) -> tf.Tensor:
    """Cuts or fills with zeros `[batch, time, ...]` to a number of steps."""
    cut = tensor[:, :num_steps]
    added = num_steps - tf.shape(cut)[1]
    rest = [[0, 0]] * (tensor.shape.rank - 2)
    filled = tf.pad(cut, [[0, 0], [0, added], *rest])
    return tf.ensure_shape(
        filled, [tensor.shape[0], num_steps, *tensor.shape[2:]]
    )
