"""The training loop: the same for every model."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import gin
import keras
import numpy as np
import tensorflow as tf

from magenta_lite.errors import UserError
from magenta_lite.models.base import Model
from magenta_lite.models.metrics import summarise
from magenta_lite.training import averages, strategies
from magenta_lite.training.checkpoints import Checkpoints
from magenta_lite.training.early_stopping import EarlyStopping
from magenta_lite.training.exhibits import (
    Exhibit,
    batch_exhibits,
    model_exhibits,
)
from magenta_lite.training.interrupts import Interrupted, Interrupts
from magenta_lite.training.loss_scale import LossScale
from magenta_lite.training.metrics_log import MetricsLog, Silence
from magenta_lite.training.progress import ProgressReport
from magenta_lite.training.run_dir import RunDir
from magenta_lite.training.step import EVENTS, OBJECTIVE, SKIPPED, TrainStep

Status = Literal["finished", "early_stopped", "interrupted"]


@gin.register
@dataclasses.dataclass(frozen=True)
class LoopOptions:
    """How long to train and how often to look.

    Attributes:
      num_steps: how many optimisation steps in all.
      eval_every: steps between two evaluations over the whole validation
        split; each saves a checkpoint. The last step is evaluated, too.
      log_every: steps between two looks at the training loss.
      patience: stop after so many evaluations in a row without a lower
        validation loss; None trains to the end.
      clip_norm: the largest global norm of the gradient; None never clips.
      micro_batch_size: how many rows of a batch go through the model at a
        time: less needs less memory, for the same step; None takes all.
      checkpoints_to_keep: how many of the latest checkpoints are kept; the
        best one is kept beside them.
      max_skipped: a step whose gradient is not finite changes nothing; after
        so many in a row the run gives up.
      jit_compile: whether XLA compiles the step; batches should then have
        one shape (`train.static_shapes`).

    Raises:
      ValueError: if a number is not positive.
    """

    num_steps: int
    eval_every: int = 1000
    log_every: int = 50
    patience: int | None = None
    clip_norm: float | None = None
    micro_batch_size: int | None = None
    checkpoints_to_keep: int = 3
    max_skipped: int = 20
    jit_compile: bool = False

    def __post_init__(self) -> None:
        """Checks the values."""
        for name, value in dataclasses.asdict(self).items():
            is_number = value is not None and not isinstance(value, bool)
            if is_number and not value > 0:
                raise ValueError(f"{name} is {value}; it must be above 0")


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """How a run ended.

    Attributes:
      status: "finished" (all steps taken), "early_stopped" (patience ran
        out) or "interrupted" (the user stopped it; it can go on).
      start_step: where this call took the run up.
      step: where the run stands.
      best_step: the step with the lowest validation loss; -1 if none.
      best_loss: that loss; infinite if none.
    """

    status: Status
    start_step: int
    step: int
    best_step: int
    best_loss: float


Batch = dict[str, tf.Tensor]


class TrainingLoop:
    """Trains a model in a run directory, from where it stands there.

    The directory's latest checkpoint, if any, is restored on construction.
    Weights, optimizer, dropout and data are functions of the seed and the
    step, so that a run that was stopped and taken up again is the run that
    was never stopped.

    Args:
      model: made inside the strategy's scope.
      optimizer: made inside the strategy's scope.
      strategy: where the steps run.
      run: created before.
      options: see `LoopOptions`.
      seed: of the run.
    """

    def __init__(
        self,
        model: Model,
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        run: RunDir,
        options: LoopOptions,
        seed: int,
    ) -> None:
        with strategy.scope():
            optimizer.build(model.trainable_variables)
            self._loss_scale = LossScale(
                keras.config.dtype_policy().compute_dtype == "float16"
            )
        self._model = model
        self._optimizer = optimizer
        self._strategy = strategy
        self._run = run
        self._options = options
        self._seed = seed
        self._stopping = EarlyStopping(options.patience)
        self._checkpoints = Checkpoints(
            run,
            model,
            optimizer,
            self._stopping,
            options.checkpoints_to_keep,
            self._loss_scale,
            strategy,
        )
        self._start_step = self._checkpoints.restore()
        self.step = self._start_step
        self._is_chief = strategies.is_chief(strategy)
        self._is_alone = strategies.num_workers(strategy) == 1
        self._num_skipped = 0  # in a row

    def train(
        self,
        train_batches: Callable[[int], tf.data.Dataset],
        eval_batches: Iterable[Batch],
        evaluate_fn: Callable[[Iterable[Batch]], dict[str, float]],
        sample_fn: Callable[[int], Iterable[Exhibit]] | None = None,
        config_text: str = "",
    ) -> TrainingResult:
        """Trains until the end, until patience runs out, or until stopped.

        Args:
          train_batches: start_step to endless batches from that step on.
          eval_batches: the validation split; iterated at every evaluation.
          evaluate_fn: batches to metrics by name, among them "loss"; the same
            in every process.
          sample_fn: step to what the model makes now, shown in TensorBoard.
          config_text: the operative gin, shown in TensorBoard.

        Raises:
          UserError: if the loss is no longer a finite number, or a
            checkpoint cannot be written.
        """
        self._eval_batches = eval_batches
        self._evaluate_fn = evaluate_fn
        self._sample_fn = sample_fn
        options = self._options
        with (
            Interrupts() as self._interrupts,
            self._report(MetricsLog, self._run, self.step) as self._log,
            self._report(
                ProgressReport, options.num_steps, self.step
            ) as self._progress,
        ):
            if config_text:
                self._log.text("config", self.step, config_text)
            try:
                self._steps(train_batches)
                status = self._status()
            except Interrupted:
                self._checkpoints.save_latest(self.step)
                status = "interrupted"
        return TrainingResult(
            status,
            self._start_step,
            self.step,
            self._stopping.best_step,
            self._stopping.best_loss,
        )

    def _report(self, make: Callable[..., Any], *args: Any) -> Any:
        return make(*args) if self._is_chief else Silence()

    def _status(self) -> Status:
        at_end = self.step >= self._options.num_steps
        return "finished" if at_end else "early_stopped"

    def _steps(self, train_batches: Callable[[int], tf.data.Dataset]) -> None:
        self._evaluate_if_due()  # where a run was stopped while evaluating
        if self._is_over():
            return
        batches = train_batches(self.step)
        train_step = self._make_step(batches.element_spec)
        measured: list[tf.Tensor] = []
        before: tf.Tensor | None = None
        since = time.monotonic()
        for batch in batches:
            if self.step == self._start_step and self._is_chief:
                self._log.show(self.step, batch_exhibits(self._model, batch))
            result = train_step(batch, stop=self._interrupts.pending)
            measured.append(result)
            self.step += 1
            due = self._is_evaluation_due()
            if due or self.step % self._options.log_every == 0:
                self._look(train_step, measured, time.monotonic() - since)
                measured = []
            if due:
                self._evaluate_if_due()
                self._exhibit(batch)
            if not measured:
                since = time.monotonic()
            if self._is_over():
                return
            if self._should_stop(train_step, before):
                # Only good weights are to be saved.
                self._check_finite(train_step, measured)
                raise Interrupted
            before = result

    def _make_step(self, batch_spec: Mapping[str, tf.TensorSpec]) -> TrainStep:
        return TrainStep(
            self._model,
            self._optimizer,
            self._strategy,
            batch_spec,
            self._seed,
            self._options.clip_norm,
            self._options.micro_batch_size,
            self._loss_scale,
            self._options.jit_compile,
        )

    def _should_stop(
        self, train_step: TrainStep, before: tf.Tensor | None
    ) -> bool:
        """Whether a signal came here, or to any of several processes."""
        if self._is_alone:
            return self._interrupts.pending
        # What the step before brought is there; nothing waits for it.
        return before is not None and train_step.wants_stop(before)

    def _is_over(self) -> bool:
        return (
            self.step >= self._options.num_steps or self._stopping.should_stop
        )

    def _is_evaluation_due(self) -> bool:
        if self.step in (0, self._stopping.last_step):
            return False
        return (
            self.step % self._options.eval_every == 0
            or self.step == self._options.num_steps
        )

    def _look(
        self, train_step: TrainStep, measured: list[tf.Tensor], seconds: float
    ) -> None:
        """Fetches, checks and logs what the last steps measured."""
        sums = self._check_finite(train_step, measured)
        num_events = sums.pop(EVENTS)[0]
        num_skipped = sums.pop(SKIPPED)[0]
        metrics = summarise(sums)
        # A model may minimise more than what it reports as its loss.
        metrics.setdefault("loss", metrics.get(OBJECTIVE, math.nan))
        metrics["events_per_second"] = num_events / max(seconds, 1e-9)
        metrics["learning_rate"] = float(self._optimizer.learning_rate.numpy())
        if num_skipped:
            metrics["skipped_steps"] = num_skipped
        if self._loss_scale.used:
            metrics["loss_scale"] = float(self._loss_scale.scale.numpy())
        self._log.scalars("train", self.step, metrics)
        self._progress.train(self.step, metrics)

    def _check_finite(
        self, train_step: TrainStep, measured: list[tf.Tensor]
    ) -> dict[str, tuple[float, float]]:
        """What was measured, once it is sure that the weights are sound."""
        if not measured:
            return {}
        sums, objectives, skipped = train_step.read(measured)
        if not any(skipped):
            self._num_skipped = 0
            return sums
        first_step = self.step - len(skipped) + 1
        sound = all(np.isfinite(w.numpy()).all() for w in self._model.weights)
        for step, (loss, skip) in enumerate(
            zip(objectives, skipped, strict=True), first_step
        ):
            self._num_skipped = self._num_skipped + 1 if skip else 0
            gives_up = self._num_skipped >= self._options.max_skipped
            if skip and (gives_up or not sound):
                what = "gradient" if math.isfinite(loss) else "loss"
                value = "not finite" if what == "gradient" else str(loss)
                self._fail(f"the {what} became {value} at step {step}")
        return sums

    def _fail(self, what: str) -> None:
        raise UserError(
            f"{what}; {self._checkpoints.describe_latest()}. Start a new "
            "--run_dir with a lower LEARNING_RATE or CLIP_NORM."
        )

    def _evaluate_if_due(self) -> None:
        if not self._is_evaluation_due():
            return
        batches = self._eval_batches
        if self._is_alone:  # else the others would wait for ever
            batches = self._interrupts.between(batches)
        with averages.in_place(self._model, self._optimizer):
            metrics = self._evaluate_fn(batches)
            if not math.isfinite(metrics["loss"]):
                self._fail(
                    f"the validation loss is {metrics['loss']} at step "
                    f"{self.step}"
                )
            best = self._stopping.update(self.step, metrics["loss"])
            if best:
                self._checkpoints.save_best(self.step)
        self._checkpoints.save_latest(self.step)
        self._log.scalars("validation", self.step, metrics)
        self._progress.evaluation(self.step, metrics, best)
        for line in self._model.complaints(metrics):
            self._progress.warn(self.step, line)
        self._log.flush()

    def _exhibit(self, batch: Batch) -> None:
        """Shows what the model makes now, and how it looks inside."""
        if not self._is_chief or self._interrupts.pending:
            return
        with averages.in_place(self._model, self._optimizer):
            exhibits = list(model_exhibits(self._model, batch))
            if self._sample_fn:
                exhibits += self._sample_fn(self.step)
        self._log.show(self.step, exhibits)
        self._log.flush()
