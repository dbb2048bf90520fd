"""The last layer of a model: from hidden states to a loss and to labels.

A head layer owns all that depends on what is predicted, so that no model and
no loop asks. `CategoricalHead` is for one class a step, `CategoricalsHead` for
several; `layers/nade.py` holds the one for bits that depend on each other.

A layer maps hidden states `[..., units]` to "outputs": a tensor or a nest of
them whose leading axes are those of the hidden states. What an output holds is
the layer's own affair (logits here). Labels have the same leading axes, then
the head's `label_shape`. All methods are pure, causal within a label and
compile under XLA. Heads are float32 whatever Keras' policy is: losses and
probabilities want it.
"""

from __future__ import annotations

import abc
from typing import Any, Protocol

import keras
import tensorflow as tf

Metrics = dict[str, tuple[tf.Tensor, tf.Tensor]]
"""By name a pair (sum, weight) of scalar float32."""


class LabelSampler(Protocol):
    """What draws one class; `magenta_lite.generation.samplers` has several."""

    def log_probs(self, logits: tf.Tensor) -> tf.Tensor:
        """Log-probabilities drawn from: `[batch, classes]`, as its argument.

        Temperature, top-k, top-p and constraints are in them; a label that
        may not be drawn has -inf.
        """

    def choose(self, log_probs: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Labels `[batch]` int32 from `log_probs`; seed int32 `[2]`."""


class HeadLayer(keras.layers.Layer, abc.ABC):
    """Projects hidden states, measures labels and draws them.

    Subclasses make their weights in `build`, from the hidden states' depth.
    """

    @abc.abstractmethod
    def call(self, hidden: tf.Tensor) -> Any:
        """Hidden states float32 `[..., units]` to outputs."""

    @abc.abstractmethod
    def nats(self, outputs: Any, labels: tf.Tensor) -> tf.Tensor:
        """Negative log-likelihood of labels: float32 `[...]`, in nats.

        Args:
          outputs: from `call`.
          labels: int32 `[..., *label_shape]`.
        """

    @abc.abstractmethod
    def accuracies(
        self,
        outputs: Any,
        labels: tf.Tensor,
        weights: tf.Tensor,
        default_label: int | None,
    ) -> Metrics:
        """How often the likeliest label is the right one, by name.

        Args:
          outputs: from `call`.
          labels: int32 `[..., *label_shape]`.
          weights: float32 `[...]`, 0 for positions that do not count.
          default_label: the label of "nothing happens", told apart from the
            others; None if there is none.
        """

    @abc.abstractmethod
    def draw(
        self,
        outputs: Any,
        sampler: LabelSampler,
        seed: tf.Tensor,
        allowed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws a label for each row.

        A head of several draws takes the number k = seed[1] * draws + i as
        the second half of the seed of draw i, so that no two are alike.

        Args:
          outputs: from `call`, of hidden states `[batch, units]`.
          sampler: draws one class given logits.
          seed: int32 `[2]`, the only source of randomness: (the request's
            seed, number of the event).
          allowed: bool `[batch, classes]`, or `[batch, fields, classes]`
            where a label is a vector; false where a class may not be drawn.
            (Classes past a field's own number are ignored.)

        Returns:
          Labels int32 `[batch, *label_shape]` and the logarithm of the
          probability that each was drawn with: float32 `[batch]`.
        """


class CategoricalHead(keras.layers.Dense, HeadLayer):
    """One of `num_classes` classes; outputs are logits `[..., classes]`."""

    def __init__(self, num_classes: int, name: str = "logits") -> None:
        super().__init__(num_classes, dtype="float32", name=name)

    def nats(self, outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Cross-entropy; see `HeadLayer`."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=labels, logits=outputs
        )

    def accuracies(
        self,
        outputs: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor,
        default_label: int | None,
    ) -> Metrics:
        """Over all events, over events proper, and over the default ones."""
        predicted = tf.argmax(outputs, axis=-1, output_type=labels.dtype)
        correct = weights * tf.cast(tf.equal(predicted, labels), tf.float32)
        found = {"accuracy": _pair(correct, weights)}
        if default_label is not None:
            is_default = tf.equal(labels, default_label)
            silent = weights * tf.cast(is_default, tf.float32)
            active = weights - silent
            found["event_accuracy"] = _pair(correct * active, active)
            found["no_event_accuracy"] = _pair(correct * silent, silent)
        return found

    def draw(
        self,
        outputs: tf.Tensor,
        sampler: LabelSampler,
        seed: tf.Tensor,
        allowed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One draw; see `HeadLayer`."""
        return draw_class(outputs, sampler, seed, allowed)


class CategoricalsHead(keras.layers.Dense, HeadLayer):
    """A class for each field; outputs are all logits side by side.

    As in Magenta's models with several softmaxes, the fields are independent
    given the hidden state, and their losses add up.

    Args:
      sizes: the number of classes of each field.
      name: of the layer.
    """

    def __init__(self, sizes: tuple[int, ...], name: str = "logits") -> None:
        super().__init__(sum(sizes), dtype="float32", name=name)
        self.sizes = tuple(sizes)

    def nats(self, outputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The sum over the fields; see `HeadLayer`."""
        return tf.add_n(
            [
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=labels[..., i], logits=logits
                )
                for i, logits in enumerate(self._split(outputs))
            ]
        )

    def accuracies(
        self,
        outputs: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor,
        default_label: int | None,
    ) -> Metrics:
        """Of each field, and of whole labels as "accuracy"."""
        del default_label
        found = {}
        whole = weights
        for i, logits in enumerate(self._split(outputs)):
            predicted = tf.argmax(logits, axis=-1, output_type=labels.dtype)
            correct = tf.cast(tf.equal(predicted, labels[..., i]), tf.float32)
            found[f"accuracy_field_{i}"] = _pair(weights * correct, weights)
            whole *= correct
        return {"accuracy": _pair(whole, weights), **found}

    def draw(
        self,
        outputs: tf.Tensor,
        sampler: LabelSampler,
        seed: tf.Tensor,
        allowed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One draw for each field; see `HeadLayer`."""
        labels, log_probs = [], []
        for i, logits in enumerate(self._split(outputs)):
            field_seed = tf.stack([seed[0], seed[1] * len(self.sizes) + i])
            mask = None
            if allowed is not None:
                mask = allowed[:, i, : self.sizes[i]]
            label, log_prob = draw_class(logits, sampler, field_seed, mask)
            labels.append(label)
            log_probs.append(log_prob)
        return tf.stack(labels, axis=-1), tf.add_n(log_probs)

    def _split(self, outputs: tf.Tensor) -> list[tf.Tensor]:
        return tf.split(outputs, self.sizes, axis=-1)


class SeparateCategoricalsHead(CategoricalsHead):
    """A class for each field, from hidden states of the field's own.

    Hidden states are those of all fields side by side, equally deep.

    Args:
      sizes: the number of classes of each field.
      name: of the layer.
    """

    def __init__(self, sizes: tuple[int, ...], name: str = "logits") -> None:
        super().__init__(sizes, name=name)
        self.fields = [
            keras.layers.Dense(size, dtype="float32", name=f"field_{i}")
            for i, size in enumerate(sizes)
        ]

    def build(self, input_shape: Any) -> None:
        """Makes the weights of each field."""
        depth = input_shape[-1] // len(self.sizes)
        for field in self.fields:
            field.build((*input_shape[:-1], depth))
        self.built = True

    def call(self, hidden: tf.Tensor) -> tf.Tensor:
        """All logits side by side; see `HeadLayer`."""
        parts = tf.split(hidden, len(self.sizes), axis=-1)
        logits = [
            field(part) for field, part in zip(self.fields, parts, strict=True)
        ]
        return tf.concat(logits, axis=-1)


def draw_class(
    logits: tf.Tensor,
    sampler: LabelSampler,
    seed: tf.Tensor,
    allowed: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws one class for each row of logits.

    Args:
      logits: float32 `[batch, classes]`.
      sampler: what draws.
      seed: int32 `[2]`.
      allowed: bool `[batch, classes]`; one class at least of each row.

    Returns:
      int32 `[batch]` and the log-probability that it was drawn with.
    """
    if allowed is not None:
        logits = tf.where(allowed, logits, -float("inf"))
    log_probs = sampler.log_probs(logits)
    labels = sampler.choose(log_probs, seed)
    return labels, tf.gather(log_probs, labels, batch_dims=1)


def _pair(values: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.reduce_sum(values), tf.reduce_sum(weights)
