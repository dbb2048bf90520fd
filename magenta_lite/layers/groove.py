"""The head of drums as played: hits, loudness, and distance from the grid."""

from __future__ import annotations

import keras
import tensorflow as tf

from magenta_lite.layers.heads import HeadLayer, LabelSampler, Metrics

_TINY = 1e-7
"""Keeps the logarithm of a probability finite, as TensorFlow 1 did."""


class GrooveHead(keras.layers.Dense, HeadLayer):
    """The head layer of `heads.Groove`; outputs are `[..., 3 * num_drums]`.

    A hit is a Bernoulli variable; loudness and offset are numbers without a
    distribution. The loss is that of GrooVAE (Gillick et al., 2019): nats of
    the hits, plus squared errors of the two others.

    Args:
      num_drums: how many drums there are.
      name: of the layer.
    """

    def __init__(self, num_drums: int, name: str = "logits") -> None:
        super().__init__(3 * num_drums, dtype="float32", name=name)
        self.num_drums = num_drums

    def nats(self, outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Summed over the drums; see `HeadLayer`."""
        hits, velocities, offsets = self._terms(outputs, labels)
        return tf.reduce_sum(hits + velocities + offsets, axis=-1)

    def accuracies(
        self,
        outputs: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor,
        default_label: int | None,
    ) -> Metrics:
        """Of hits; and the parts of the loss, per event.

        "accuracy" is the share of drums rightly silent or hit, "precision"
        that of right ones among those taken for hits, "recall" that of hits
        that are found. Errors of loudness and offset are mean absolute ones
        over true hits.
        """
        del default_label
        parts = self._terms(outputs, labels)
        count = tf.reduce_sum(weights)
        names = ("hits_loss", "velocities_loss", "offsets_loss")
        found = {
            name: (tf.reduce_sum(weights[..., tf.newaxis] * part), count)
            for name, part in zip(names, parts, strict=True)
        }
        logits, velocities, offsets = self._numbers(outputs)
        hits, true_velocities, true_offsets = tf.split(labels, 3, axis=-1)
        on = tf.cast(logits > 0, tf.float32)
        wide = weights[..., tf.newaxis]
        every = count * self.num_drums
        right = tf.reduce_sum(wide * on * hits)
        wrong = tf.reduce_sum(wide * tf.abs(on - hits))
        true = tf.reduce_sum(wide * hits)

        def error(found: tf.Tensor, truth: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(wide * hits * tf.abs(found - truth))

        return {
            "accuracy": (every - wrong, every),
            "precision": (right, tf.reduce_sum(wide * on)),
            "recall": (right, true),
            "velocity_error": (error(velocities, true_velocities), true),
            "offset_error": (error(offsets, true_offsets), true),
            **found,
        }

    def draw(
        self,
        outputs: tf.Tensor,
        sampler: LabelSampler,
        seed: tf.Tensor,
        allowed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws hits, independently; the rest follows; see `HeadLayer`.

        Args:
          outputs: from `call`.
          sampler: chooses off or on.
          seed: int32 `[2]`.
          allowed: bool `[batch, fields, classes]`, of which the first two
            classes of the first `num_drums` fields count.

        Returns:
          Labels float32 `[batch, 3 * num_drums]` and the log-probability of
          the hits.
        """
        logits, velocities, offsets = self._numbers(outputs)
        pairs = tf.stack([tf.zeros_like(logits), logits], axis=-1)  # [b, n, 2]
        if allowed is not None:
            may = allowed[:, : self.num_drums, :2]
            pairs = tf.where(may, pairs, -float("inf"))
        log_probs = sampler.log_probs(tf.reshape(pairs, [-1, 2]))
        drawn = sampler.choose(log_probs, seed)
        chosen = tf.gather(log_probs, drawn, batch_dims=1)
        shape = tf.shape(logits)
        hits = tf.cast(tf.reshape(drawn, shape), tf.float32)
        labels = tf.concat([hits, velocities, offsets], axis=-1)
        return labels, tf.reduce_sum(tf.reshape(chosen, shape), axis=-1)

    def _numbers(
        self, outputs: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Log-odds of hits, loudness, offsets; each `[..., num_drums]`."""
        hits, velocities, offsets = tf.split(outputs, 3, axis=-1)
        return hits, tf.sigmoid(velocities), tf.tanh(offsets)

    def _terms(
        self, outputs: tf.Tensor, labels: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Loss of each number; each `[..., num_drums]`."""
        logits, velocities, offsets = self._numbers(outputs)
        hits, true_velocities, true_offsets = tf.split(labels, 3, axis=-1)
        on = tf.sigmoid(logits)
        hit_nats = -hits * tf.math.log(on + _TINY)
        hit_nats -= (1 - hits) * tf.math.log(1 - on + _TINY)
        return (
            hit_nats,
            tf.square(velocities - true_velocities),
            tf.square(offsets - true_offsets),
        )
