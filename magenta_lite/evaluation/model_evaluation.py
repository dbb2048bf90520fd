"""The metrics of a model over a whole dataset split."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping

import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.errors import UserError
from magenta_lite.models.base import Model
from magenta_lite.models.metrics import summarise


class ModelEvaluation:
    """Evaluates one model as often as asked; compiled once.

    Args:
      model: its current weights count at each call.
      batch_spec: the signature of a batch, e.g. a dataset's `element_spec`.
      strategy: that of the model's variables: each replica measures its rows
        of every batch, and all processes get the same result. None measures
        on one device.
    """

    def __init__(
        self,
        model: Model,
        batch_spec: Mapping[str, tf.TensorSpec],
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self._model = model
        self._strategy = strategy or tf.distribute.get_strategy()
        # See TrainStep: models need no AutoGraph, which is slow.
        self._compiled = tf.function(
            self._measure, input_signature=[dict(batch_spec)], autograph=False
        )

    def __call__(
        self, batches: Iterable[Mapping[str, tf.Tensor]]
    ) -> dict[str, float]:
        """Metrics over all batches, without dropout.

        Args:
          batches: as `data.pipeline.eval_batches` makes them.

        Returns:
          Each metric of the model: its sum over all batches divided by its
          weight over all batches; and perplexities, see `summarise`.

        Raises:
          UserError: if there is no batch.
        """
        totals: dict[str, list[float]] = collections.defaultdict(
            lambda: [0.0, 0.0]
        )
        for batch in batches:
            for name, (total, weight) in self._compiled(batch).items():
                totals[name][0] += float(total)
                totals[name][1] += float(weight)
        if not totals:
            raise UserError("there is nothing to evaluate: the split is empty.")
        return summarise({n: (s, w) for n, (s, w) in totals.items()})

    def _measure(
        self, batch: dict[str, tf.Tensor]
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        if self._strategy.num_replicas_in_sync == 1:
            return self._replica_measure(batch)
        shared = self._strategy.run(self._part_measure, args=(batch,))
        return {
            name: tuple(map(self._first, pair)) for name, pair in shared.items()
        }

    def _part_measure(
        self, batch: dict[str, tf.Tensor]
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """Metrics of all replicas, each with its rows."""
        context = tf.distribute.get_replica_context()
        num_rows = tf.shape(batch[batch_keys.LENGTHS])[0]
        part = batch_keys.take_part(
            batch,
            context.replica_id_in_sync_group,
            -(-num_rows // self._strategy.num_replicas_in_sync),
        )
        return context.all_reduce("SUM", self._replica_measure(part))

    def _replica_measure(
        self, batch: dict[str, tf.Tensor]
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        _, metrics = self._model.loss_and_metrics(batch, training=False)
        return metrics

    def _first(self, value: tf.Tensor) -> tf.Tensor:
        """All replicas hold the same."""
        return self._strategy.experimental_local_results(value)[0]


def evaluate_model(model: Model, batches: tf.data.Dataset) -> dict[str, float]:
    """Metrics of a model over a dataset; see `ModelEvaluation`."""
    return ModelEvaluation(model, batches.element_spec)(batches)
