"""One optimisation step, compiled once for batches of every size."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.models.base import Model

LOSS = "loss"
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
      micro_batch_size: how many rows go through the model at a time; their
        gradients are summed up, so that memory shrinks and the step stays the
        same but for dropout. None takes whole batches.
    """

    def __init__(
        self,
        model: Model,
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        batch_spec: Mapping[str, tf.TensorSpec],
        seed: int,
        clip_norm: float | None = None,
        micro_batch_size: int | None = None,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._strategy = strategy
        self._seed = seed
        self._clip_norm = clip_norm
        self._micro_batch_size = micro_batch_size
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
        if self._micro_batch_size is None:
            gradients, measured = self._pass(batch, self._step_seed())
        else:
            gradients, measured = self._passes(batch, self._micro_batch_size)
        norm = tf.linalg.global_norm(gradients)
        if self._clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(
                gradients, self._clip_norm, use_norm=norm
            )
        self._optimizer.apply(gradients, variables)
        one = tf.constant(1.0)
        self._names += [GRADIENT_NORM, EVENTS]
        own = [[norm, one], [self._count_events(batch), one]]
        return tf.concat([measured, tf.stack(own)], axis=0)

    def _pass(
        self, batch: dict[str, tf.Tensor], seed: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of some rows' loss, and their metrics `[metrics, 2]`."""
        step = tf.cast(self._optimizer.iterations.value, tf.int32)
        batch = {**batch, batch_keys.TRAINING_STEP: step}
        with tf.GradientTape() as tape:
            loss, metrics = self._model.loss_and_metrics(
                batch, training=True, seed=seed
            )
        gradients = tape.gradient(loss, self._model.trainable_variables)
        measured = {**metrics, OBJECTIVE: (loss, tf.constant(1.0))}
        self._names = list(measured)
        return gradients, tf.cast(tf.stack(list(measured.values())), tf.float32)

    def _passes(
        self, batch: dict[str, tf.Tensor], rows: int
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """`_pass` over a few rows at a time.

        A loss is a mean, so each pass counts by the weight of its loss.
        """
        num_passes = -(-tf.shape(batch[batch_keys.EVENTS])[0] // rows)

        def body(
            k: tf.Tensor, total: list[tf.Tensor], measured: tf.TensorArray
        ) -> tuple:
            part = {
                name: tensor[k * rows : (k + 1) * rows]
                for name, tensor in batch.items()
            }
            seed = tf.random.experimental.stateless_fold_in(
                self._step_seed(), k
            )
            gradients, values = self._pass(part, seed)
            weight = values[self._names.index(LOSS), 1]
            total = [
                a + weight * b for a, b in zip(total, gradients, strict=True)
            ]
            return k + 1, total, measured.write(k, values)

        _, total, measured = tf.while_loop(
            lambda k, *_: k < num_passes,
            body,
            (
                0,
                [tf.zeros_like(v) for v in self._model.trainable_variables],
                tf.TensorArray(tf.float32, num_passes),
            ),
            parallel_iterations=1,  # side by side they would save nothing
        )
        values = measured.stack()  # [passes, metrics, 2]
        weights = values[:, self._names.index(LOSS), 1]
        count = tf.reduce_sum(weights)
        objective = self._names.index(OBJECTIVE)
        mean = tf.math.divide_no_nan(
            tf.reduce_sum(values[:, objective, 0] * weights), count
        )
        sums = tf.tensor_scatter_nd_update(
            tf.reduce_sum(values, axis=0), [[objective]], [[mean, 1.0]]
        )
        return [tf.math.divide_no_nan(g, count) for g in total], sums

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
