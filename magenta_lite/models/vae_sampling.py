"""Scheduled sampling: events as a model in training would have drawn them."""

from __future__ import annotations

import typing
from typing import Any

import tensorflow as tf

from magenta_lite.layers import row_random

if typing.TYPE_CHECKING:
    from magenta_lite.models.music_vae import MusicVae


class PlainSampler:
    """Draws from the model's own distribution; see `LabelSampler`.

    Args:
      first_row: see `layers.row_random`.
    """

    def __init__(self, first_row: tf.Tensor | int = 0) -> None:
        self._first_row = first_row

    def log_probs(self, logits: tf.Tensor) -> tf.Tensor:
        """Of all classes: `[batch, classes]`."""
        return tf.nn.log_softmax(logits)

    def choose(self, log_probs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Labels `[batch]`: the largest after adding Gumbel noise."""
        num_rows, num_classes = tf.unstack(tf.shape(log_probs))
        uniform = row_random.uniform(
            seed, self._first_row, num_rows, [num_classes]
        )
        noise = -tf.math.log(-tf.math.log(tf.maximum(uniform, 1e-20)))
        return tf.argmax(log_probs + noise, axis=-1, output_type=tf.int32)


def mix_in_samples(
    model: MusicVae,
    events: tf.Tensor,
    controls: tf.Tensor,
    z: tf.Tensor,
    probability: tf.Tensor,
    seed: tf.Tensor,
    first_row: tf.Tensor | int = 0,
) -> tf.Tensor:
    """Replaces events by what the model draws in their place.

    Goes through the clips step by step, as generation does; meant for XLA.
    No gradient flows through what was drawn, so a model that is then told the
    mixed events has the gradients of one that draws while it learns, and
    keeps the speed of whole sequences.

    Args:
      model: what draws.
      events: int32 `[batch, time, *event_shape]`.
      controls: float32 `[batch, time, control_depth]`, of each event.
      z: float32 `[batch, z_size]`.
      probability: float32 scalar, how likely an event is replaced.
      seed: int32 `[2]`.
      first_row: see `layers.row_random`.

    Returns:
      int32, the shape of `events`.
    """
    encoding, sampler = model.encoding, PlainSampler(first_row)
    events = _time_major(events)
    controls = _time_major(controls)
    num_steps, batch_size = tf.unstack(tf.shape(events)[:2])
    coins = row_random.uniform(seed, first_row, batch_size, [num_steps])
    replaced = tf.transpose(coins) < probability
    has_controls = encoding.control_depth > 0

    def control_at(t: tf.Tensor) -> tf.Tensor | None:
        return controls[t] if has_controls else None

    def body(
        t: tf.Tensor,
        inputs: tf.Tensor,
        encoding_state: Any,
        state: Any,
        mixed: tf.Tensor,
    ) -> tuple:
        outputs, state = model.step(inputs, state)
        labels, _ = model.head.draw(outputs, sampler, tf.stack([seed[0], t]))
        drawn = encoding.event(labels, encoding_state)
        mask = replaced[t]
        for _ in range(drawn.shape.rank - 1):
            mask = mask[:, tf.newaxis]
        event = tf.where(mask, drawn, events[t])
        mixed = tf.tensor_scatter_nd_update(mixed, [[t]], event[tf.newaxis])
        following = tf.minimum(t + 1, num_steps - 1)
        inputs, encoding_state = encoding.step(
            event, encoding_state, control_at(following)
        )
        return t + 1, inputs, encoding_state, state, mixed

    first, encoding_state = encoding.start(
        batch_size, encoding.initial_state(batch_size), control_at(0)
    )
    *_, mixed = tf.while_loop(
        lambda t, *_: t < num_steps,
        body,
        (
            tf.constant(0),
            first,
            encoding_state,
            model.initial_state(batch_size, z),
            events,
        ),
    )
    return _time_major(mixed)


def _time_major(tensor: tf.Tensor) -> tf.Tensor:
    return tf.transpose(tensor, [1, 0, *range(2, tensor.shape.rank)])
