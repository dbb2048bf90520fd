"""One optimisation step, compiled once for batches of every size."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.models.base import Model

OBJECTIVE = "objective"
GRADIENT_NORM = "gradient_norm"
EVENTS = "events"


class TrainStep:
    """Takes a batch, updates the weights, and returns what was measured.

    The result of a call stays on the device: nothing waits for it until
    `read` is asked. All randomness of step i is a function of (seed, i).

    Args:
      model: made inside the strategy's scope.
      optimizer: made and built inside the strategy's scope; its `iterations`
        is the step.
      strategy: where the step runs.
      batch_spec: the signature of a batch; open sizes stay open, so that no
        batch makes it trace again.
      seed: of the run.
      clip_norm: the largest global norm of the gradient; None never clips.
    """

    def __init__(
        self,
        model: Model,
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        batch_spec: Mapping[str, tf.TensorSpec],
        seed: int,
        clip_norm: float | None = None,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._strategy = strategy
        self._seed = seed
        self._clip_norm = clip_norm
        self._names: list[str] = []
        # Models say tf.while_loop where they mean it; to rewrite all of
        # their Python takes longer than to trace it.
        self._compiled = tf.function(
            self._distributed_step,
            input_signature=[dict(batch_spec)],
            autograph=False,
        )

    @property
    def num_traces(self) -> int:
        """How often the step was traced; 1 for a healthy run."""
        return self._compiled.experimental_get_tracing_count()

    def __call__(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Runs one step; see `read` for the result `[metrics, 2]`."""
        return self._compiled(batch)

    def read(
        self, measured: list[tf.Tensor]
    ) -> tuple[dict[str, tuple[float, float]], list[float]]:
        """Fetches the results of some steps.

        Args:
          measured: what calls returned.

        Returns:
          (sum, weight) over these steps by metric, and the loss that each
          step minimised.
        """
        values = np.stack([m.numpy() for m in measured]).astype(np.float64)
        totals = values.sum(axis=0)  # [metrics, 2]
        sums = {
            name: (float(total), float(weight))
            for name, (total, weight) in zip(self._names, totals, strict=True)
        }
        objectives = values[:, self._names.index(OBJECTIVE), :]
        return sums, list(objectives[:, 0] / objectives[:, 1])

    def _distributed_step(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        per_replica = self._strategy.run(self._replica_step, args=(batch,))
        return self._strategy.reduce("SUM", per_replica, axis=None)

    def _replica_step(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            loss, metrics = self._model.loss_and_metrics(
                batch, training=True, seed=self._step_seed()
            )
        gradients = tape.gradient(loss, variables)
        norm = tf.linalg.global_norm(gradients)
        if self._clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(
                gradients, self._clip_norm, use_norm=norm
            )
        self._optimizer.apply(gradients, variables)
        one = tf.constant(1.0)
        measured = {
            **metrics,
            OBJECTIVE: (loss, one),
            GRADIENT_NORM: (norm, one),
            EVENTS: (self._count_events(batch), one),
        }
        self._names = list(measured)
        return tf.cast(tf.stack(list(measured.values())), tf.float32)

    def _count_events(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.cast(tf.reduce_sum(batch[batch_keys.LENGTHS]), tf.float32)

    def _step_seed(self) -> tf.Tensor:
        """int32 `[2]`: a function of seed, step and replica."""
        replica = tf.distribute.get_replica_context()
        seed = tf.constant([self._seed, 0], tf.int32)
        for number in (
            self._optimizer.iterations.value,
            replica.replica_id_in_sync_group,
        ):
            seed = tf.random.experimental.stateless_fold_in(
                seed, tf.cast(number, tf.int32)
            )
        return seed
