"""One optimisation step, compiled once for batches of every size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from magenta_lite import batch as batch_keys
from magenta_lite.models.base import Model
from magenta_lite.training.loss_scale import LossScale

LOSS = "loss"
OBJECTIVE = "objective"
GRADIENT_NORM = "gradient_norm"
EVENTS = "events"
SKIPPED = "skipped"
STOP = "stop"
_OWN = (EVENTS, STOP, GRADIENT_NORM, SKIPPED)

Batch = Mapping[str, tf.Tensor]


class TrainStep:
    """Takes a batch, updates the weights, and returns what was measured.

    The result of a call stays on the device: nothing waits for it until
    `read` is asked. All randomness of step i is a function of (seed, i), and
    that of a row also of its number in the batch.

    Each replica takes its rows of the batch. A loss is a mean, so each part
    of a batch counts by the weight of its loss: what is added up, clipped and
    applied is the gradient of the whole batch, however it was cut. A step
    whose gradient is not finite changes no weight.

    Args:
      model: made inside the strategy's scope.
      optimizer: made and built inside the strategy's scope; its `iterations`
        is the step.
      strategy: where the step runs.
      batch_spec: the signature of a batch; open sizes stay open, so that no
        batch makes it trace again.
      seed: of the run.
      clip_norm: the largest global norm of the gradient; None never clips.
      micro_batch_size: how many rows of a replica go through the model at a
        time: memory shrinks and the step stays the same. None takes all.
      loss_scale: made inside the strategy's scope; None scales nothing.
      jit_compile: whether XLA compiles the step. It does so anew for every
        shape of a batch.
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
        loss_scale: LossScale | None = None,
        jit_compile: bool = False,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._strategy = strategy
        self._num_replicas = strategy.num_replicas_in_sync
        self._conditional_in_replica = self._num_replicas == 1 or isinstance(
            strategy, tf.distribute.TPUStrategy
        )
        self._seed = seed
        self._clip_norm = clip_norm
        self._micro_batch_size = micro_batch_size
        # Batches of one length are for XLA, which needs to know it.
        one_length = batch_spec[batch_keys.EVENTS].shape[1] is not None
        self._trims = model.takes_trimmed and not one_length
        self._loss_scale = loss_scale
        self._names: list[str] = []
        # Gradients are added up before they are clipped; the optimizer, which
        # would add them up once more, has no public way to leave it out.
        optimizer._all_reduce_sum_gradients = lambda pairs: pairs
        # XLA compiles no exchange between replicas, only what is inside.
        inner = jit_compile and self._num_replicas > 1
        self._gradients_fn = (
            tf.function(self._gradients, autograph=False, jit_compile=True)
            if inner
            else self._gradients
        )
        # Models say tf.while_loop where they mean it; to rewrite all of
        # their Python takes longer than to trace it.
        self._compiled = tf.function(
            self._distributed_step,
            input_signature=[dict(batch_spec), tf.TensorSpec([], tf.float32)],
            autograph=False,
            jit_compile=jit_compile and not inner or None,
        )

    @property
    def num_traces(self) -> int:
        """How often the step was traced; 1 for a healthy run."""
        return self._compiled.experimental_get_tracing_count()

    def __call__(self, batch: Batch, stop: bool = False) -> tf.Tensor:
        """Runs one step.

        Args:
          batch: the global batch, the same in every process.
          stop: whether this process wants all to stop; see `wants_stop`.

        Returns:
          float32 `[metrics, 2]`, for `read` and `wants_stop`.
        """
        return self._compiled(dict(batch), tf.constant(float(stop)))

    def wants_stop(self, measured: tf.Tensor) -> bool:
        """Whether some process wanted to stop at the step of this result."""
        return bool(measured[self._names.index(STOP), 0] > 0)

    def read(
        self, measured: list[tf.Tensor]
    ) -> tuple[dict[str, tuple[float, float]], list[float], list[bool]]:
        """Fetches the results of some steps.

        Args:
          measured: what calls returned.

        Returns:
          (sum, weight) over these steps by metric; the loss that each step
          minimised; and whether it was skipped because its gradient was not
          finite. Skipped steps count in the metric "skipped" alone.
        """
        values = np.stack([m.numpy() for m in measured]).astype(np.float64)
        skipped = values[:, self._names.index(SKIPPED), 0]  # [steps]
        totals = values[skipped == 0].sum(axis=0)  # [metrics, 2]
        sums = {
            name: (float(total), float(weight))
            for name, (total, weight) in zip(self._names, totals, strict=True)
        }
        del sums[STOP]
        sums[SKIPPED] = (float(skipped.sum()), 1.0)
        objectives = values[:, self._names.index(OBJECTIVE), :]
        return sums, list(objectives[:, 0]), list(skipped > 0)

    def _distributed_step(
        self, batch: dict[str, tf.Tensor], stop: tf.Tensor
    ) -> tf.Tensor:
        measured = self._strategy.run(self._replica_step, args=(batch, stop))
        return self._strategy.experimental_local_results(measured)[0]

    def _replica_step(
        self, batch: dict[str, tf.Tensor], stop: tf.Tensor
    ) -> tf.Tensor:
        if self._num_replicas > 1:
            context = tf.distribute.get_replica_context()
            batch = batch_keys.take_part(
                batch,
                context.replica_id_in_sync_group,
                -(-_num_rows(batch) // self._num_replicas),
            )
        gradients, measured = self._gradients_fn(batch)
        one = tf.constant(1.0)
        own = tf.stack([[self._count_events(batch), one], [stop, one]])
        measured = tf.concat([measured, own], axis=0)
        if self._num_replicas > 1:
            gradients, measured = self._over_replicas(gradients, measured)
        norm = tf.linalg.global_norm(gradients)
        objective = measured[self._names.index(OBJECTIVE), 0]
        finite = tf.math.is_finite(norm) & tf.math.is_finite(objective)
        if self._clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(
                gradients, self._clip_norm, use_norm=norm
            )
        self._update(gradients, finite)
        skipped = 1 - tf.cast(finite, tf.float32)
        more = tf.stack([[norm, one], [skipped, one]])
        return tf.concat([measured, more], axis=0)

    def _gradients(
        self, batch: dict[str, tf.Tensor]
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        if self._micro_batch_size is None:
            return self._pass(batch)
        return self._passes(batch, self._micro_batch_size)

    def _pass(
        self, batch: dict[str, tf.Tensor]
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of some rows' loss, and their metrics `[metrics, 2]`."""
        step = tf.cast(self._optimizer.iterations.value, tf.int32)
        batch = {**batch, batch_keys.TRAINING_STEP: step}
        with tf.GradientTape() as tape:
            loss, metrics = self._model.loss_and_metrics(
                batch, training=True, seed=self._step_seed()
            )
            minimised = self._loss_scale.up(loss) if self._loss_scale else loss
        gradients = tape.gradient(
            minimised,
            [v.value for v in self._model.trainable_variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        gradients = [tf.convert_to_tensor(g) for g in gradients]
        if self._loss_scale:
            gradients = [self._loss_scale.down(g) for g in gradients]
        measured = {**metrics, OBJECTIVE: (loss, tf.constant(1.0))}
        # Replicas come here side by side, and all with the same.
        self._names = [*measured, *_OWN]
        return gradients, tf.cast(tf.stack(list(measured.values())), tf.float32)

    def _passes(
        self, batch: dict[str, tf.Tensor], rows: int
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """`_pass` over a few rows at a time."""
        num_passes = -(-_num_rows(batch) // rows)

        def body(
            k: tf.Tensor, total: list[tf.Tensor], measured: tf.TensorArray
        ) -> tuple:
            part = batch_keys.take_part(batch, k, rows)
            if self._trims:
                part = batch_keys.trim(part)
            gradients, values = self._weighted(*self._pass(part))
            total = [a + b for a, b in zip(total, gradients, strict=True)]
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
        return self._mean(total, tf.reduce_sum(measured.stack(), axis=0))

    def _over_replicas(
        self, gradients: list[tf.Tensor], measured: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """What the whole batch gives, from what each replica's rows give."""
        total, sums = self._weighted(gradients, measured)
        *total, sums = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, [*total, sums]
        )
        return self._mean(total, sums)

    def _weighted(
        self, gradients: list[tf.Tensor], measured: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """What can be added up over parts of a batch."""
        weight = measured[self._names.index(LOSS), 1]
        place = self._names.index(OBJECTIVE)
        objective = measured[place, 0] * weight
        return [weight * g for g in gradients], tf.tensor_scatter_nd_update(
            measured, [[place]], [[objective, weight]]
        )

    def _mean(
        self, total: Sequence[tf.Tensor], sums: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """The reverse of `_weighted`, once all is added up."""
        place = self._names.index(OBJECTIVE)
        count = sums[place, 1]
        objective = tf.math.divide_no_nan(sums[place, 0], count)
        return (
            [tf.math.divide_no_nan(g, count) for g in total],
            tf.tensor_scatter_nd_update(sums, [[place]], [[objective, 1.0]]),
        )

    def _update(self, gradients: list[tf.Tensor], finite: tf.Tensor) -> None:
        """Changes the weights if the gradient is finite; counts the step."""
        variables = self._model.trainable_variables
        steps = self._optimizer.iterations.value

        def apply(gradients: list[tf.Tensor]) -> tf.Tensor:
            self._optimizer.apply(gradients, variables)
            return tf.constant(0)

        def skip() -> tf.Tensor:
            with tf.control_dependencies([steps.assign_add(1)]):
                return tf.constant(0)

        def update(
            strategy: tf.distribute.Strategy, gradients: list, finite: tf.Tensor
        ) -> None:
            def apply_everywhere() -> tf.Tensor:
                each = strategy.extended.call_for_each_replica
                each(apply, args=(gradients,))
                return tf.constant(0)

            (finite, *_) = strategy.experimental_local_results(finite)
            tf.cond(finite, apply_everywhere, skip)

        if self._conditional_in_replica:
            tf.cond(finite, lambda: apply(gradients), skip)
        else:  # The optimizer meets the other replicas: all or none may.
            tf.distribute.get_replica_context().merge_call(
                update, args=(gradients, finite)
            )
        if self._loss_scale:
            self._loss_scale.update(finite)

    def _count_events(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.cast(tf.reduce_sum(batch[batch_keys.LENGTHS]), tf.float32)

    def _step_seed(self) -> tf.Tensor:
        """int32 `[2]`: a function of seed and step."""
        return tf.random.experimental.stateless_fold_in(
            tf.constant([self._seed % 2**31, self._seed // 2**31 % 2**31]),
            tf.cast(self._optimizer.iterations.value, tf.int32),
            alg="philox",
        )


def _num_rows(batch: Batch) -> tf.Tensor | int:
    lengths = batch[batch_keys.LENGTHS]
    return lengths.shape[0] or tf.shape(lengths)[0]
