"""How well a latent model gives clips back, told the past and not told it."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.encodings.heads import (
    Categorical,
    Categoricals,
    Groove,
    Head,
)
from magenta_lite.errors import UserError
from magenta_lite.layers import latent
from magenta_lite.models.base import LatentModel

Draw = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""Latent vectors `[b, z]`, controls `[b, t, depth]` and a seed to events."""

_Sums = dict[str, np.ndarray]
"""By name [sum, weight]."""


def measure_reconstruction(
    model: LatentModel,
    batches: Iterable[Mapping[str, tf.Tensor]],
    draw: Draw,
    seed: int = 0,
) -> dict[str, float]:
    """Encodes clips and decodes them again.

    Latent vectors are drawn from each clip's Gaussian, as in training. The
    sampled accuracies decode by themselves, with `draw`; the paper (Roberts et
    al., 2018, table 1) draws at temperature 1 and does not say whether z is
    drawn or the mean, so that both are measured.

    Args:
      model: any latent model.
      batches: as `data.pipeline.eval_batches` makes them.
      draw: makes the events of latent vectors; a row of int32 `[b, t,
        *event_shape]` each.
      seed: makes the randomness.

    Returns:
      By name: `elbo`, `r_loss` and `kl` in nats a clip, with z drawn;
      `teacher_forced_...`, told the true events before each one;
      `sampled_accuracy` with z drawn, and `sampled_accuracy_mean_z`. An event
      is right if all of it is; where events have several fields each has an
      accuracy, and where they are sets of drums there is the F1 of hits, too.

    Raises:
      UserError: if there is no clip.
    """
    totals: dict[str, np.ndarray] = collections.defaultdict(
        lambda: np.zeros([2])
    )
    read = tf.function(
        lambda events, lengths, z_seed: _read(model, events, lengths, z_seed),
        autograph=False,
        reduce_retracing=True,
    )
    for number, batch in enumerate(batches):
        events, lengths = batch[batch_keys.EVENTS], batch[batch_keys.LENGTHS]
        told = read(events, lengths, tf.constant([seed, number]))
        for name, (total, weight) in told["metrics"].items():
            totals[name] += [float(total), float(weight)]
        real = lengths.numpy() > 0
        controls = told["controls"].numpy()
        for suffix, z in (("", told["z"]), ("_mean_z", told["mu"])):
            made = draw(z.numpy(), controls, seed + 2 * number + bool(suffix))
            labels = model.encoding.labels(tf.constant(made, tf.int32))
            found = label_agreement(
                model.encoding.head,
                labels.numpy()[real],
                told["labels"].numpy()[real],
                told["weights"].numpy()[real],
            )
            for name, sums in found.items():
                totals[f"sampled_{name}{suffix}"] += sums
    if not totals:
        raise UserError("there is nothing to decode: the split is empty.")
    metrics = {name: _quotient(*sums) for name, sums in totals.items()}
    return _with_f1(metrics)


def label_agreement(
    head: Head, labels: np.ndarray, truth: np.ndarray, weights: np.ndarray
) -> _Sums:
    """Counts where labels are the right ones.

    Args:
      head: of the encoding that made them.
      labels: `[b, t, *label_shape]`.
      truth: the same.
      weights: float `[b, t]`, 0 where nothing counts.

    Returns:
      Sum and weight by name.
    """
    total = weights.sum()
    if isinstance(head, Categorical):
        right = (labels == truth) * weights
        return {"accuracy": np.array([right.sum(), total])}
    if isinstance(head, Categoricals):
        equal = labels == truth
        fields = {
            f"accuracy_field_{i}": np.array(
                [(equal[..., i] * weights).sum(), total]
            )
            for i in range(len(head.sizes))
        }
        right = equal.all(axis=-1) * weights
        return {"accuracy": np.array([right.sum(), total]), **fields}
    # Sets of drums or keys; of performances the first numbers are hits.
    count = head.num_drums if isinstance(head, Groove) else truth.shape[-1]
    made, true = labels[..., :count] > 0.5, truth[..., :count] > 0.5
    wide = weights[..., np.newaxis]
    right = (made == true).all(axis=-1) * weights
    both = (wide * (made & true)).sum()
    return {
        "accuracy": np.array([right.sum(), total]),
        "precision": np.array([both, (wide * made).sum()]),
        "recall": np.array([both, (wide * true).sum()]),
    }


def _read(
    model: LatentModel, events: tf.Tensor, lengths: tf.Tensor, seed: tf.Tensor
) -> dict:
    """What is known of a batch without decoding it step by step."""
    encoding = model.encoding
    mu, sigma = model.encode(events, lengths)
    z = latent.sample(mu, sigma, seed)
    labels = encoding.labels(events)
    inside = tf.sequence_mask(lengths, tf.shape(events)[1], tf.float32)
    weights = inside * encoding.event_weights(events)  # [b, t]
    outputs = model.outputs(events, z)
    rows = tf.transpose(labels, [1, 0, *range(2, labels.shape.rank)])
    mask = tf.transpose(weights)
    nats = tf.reduce_sum(mask * model.head.nats(outputs, rows), axis=0)
    kl = tf.reduce_sum(latent.kl_from_prior(mu, sigma), axis=1)
    real = tf.cast(lengths > 0, tf.float32)
    count = tf.reduce_sum(real)
    accuracies = model.head.accuracies(
        outputs, rows, mask, encoding.default_label
    )
    return {
        "mu": mu,
        "z": z,
        "labels": labels,
        "weights": weights,
        "controls": encoding.controls(events),
        "metrics": {
            "elbo": (-tf.reduce_sum((nats + kl) * real), count),
            "r_loss": (tf.reduce_sum(nats * real), count),
            "kl": (tf.reduce_sum(kl * real), count),
            **{f"teacher_forced_{n}": pair for n, pair in accuracies.items()},
        },
    }


def _quotient(total: float, weight: float) -> float:
    return float(total / weight) if weight else float("nan")


def _with_f1(metrics: dict[str, float]) -> dict[str, float]:
    """Adds the harmonic mean wherever there is precision and recall."""
    added = {}
    for name, precision in metrics.items():
        if "precision" not in name:
            continue
        recall = metrics[name.replace("precision", "recall")]
        both = precision + recall
        f1 = 2 * precision * recall / both if both else 0.0
        added[name.replace("precision", "f1")] = f1
    return metrics | added
