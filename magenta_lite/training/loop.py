"""The training loop: the same for every model."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable
from typing import Literal

import gin
import keras
import numpy as np
import tensorflow as tf

from magenta_lite.errors import UserError
from magenta_lite.models.base import Model
from magenta_lite.models.metrics import summarise
from magenta_lite.training.checkpoints import Checkpoints
from magenta_lite.training.early_stopping import EarlyStopping
from magenta_lite.training.interrupts import Interrupted, Interrupts
from magenta_lite.training.metrics_log import MetricsLog
from magenta_lite.training.progress import ProgressReport
from magenta_lite.training.run_dir import RunDir
from magenta_lite.training.step import EVENTS, OBJECTIVE, TrainStep

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

    def __post_init__(self) -> None:
        """Checks the values."""
        for name, value in dataclasses.asdict(self).items():
            if value is not None and not value > 0:
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
        self._model = model
        self._optimizer = optimizer
        self._strategy = strategy
        self._run = run
        self._options = options
        self._seed = seed
        self._stopping = EarlyStopping(options.patience)
        self._checkpoints = Checkpoints(
            run, model, optimizer, self._stopping, options.checkpoints_to_keep
        )
        self._start_step = self._checkpoints.restore()
        self.step = self._start_step

    def train(
        self,
        train_batches: Callable[[int], tf.data.Dataset],
        eval_batches: Iterable[Batch],
        evaluate_fn: Callable[[Iterable[Batch]], dict[str, float]],
        sample_fn: Callable[[int], np.ndarray] | None = None,
        config_text: str = "",
    ) -> TrainingResult:
        """Trains until the end, until patience runs out, or until stopped.

        Args:
          train_batches: start_step to endless batches from that step on.
          eval_batches: the validation split; iterated at every evaluation.
          evaluate_fn: batches to metrics by name, among them "loss".
          sample_fn: step to a picture of what the model makes now, uint8
            `[height, width, 3]`; shown in TensorBoard.
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
            MetricsLog(self._run, self.step) as self._log,
            ProgressReport(options.num_steps, self.step) as self._progress,
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

    def _status(self) -> Status:
        at_end = self.step >= self._options.num_steps
        return "finished" if at_end else "early_stopped"

    def _steps(self, train_batches: Callable[[int], tf.data.Dataset]) -> None:
        self._evaluate_if_due()  # where a run was stopped while evaluating
        if self._is_over():
            return
        batches = train_batches(self.step)
        train_step = TrainStep(
            self._model,
            self._optimizer,
            self._strategy,
            batches.element_spec,
            self._seed,
            self._options.clip_norm,
            self._options.micro_batch_size,
        )
        measured: list[tf.Tensor] = []
        since = time.monotonic()
        for batch in batches:
            measured.append(train_step(batch))
            self.step += 1
            due = self._is_evaluation_due()
            if due or self.step % self._options.log_every == 0:
                self._look(train_step, measured, time.monotonic() - since)
                measured = []
            if due:
                self._evaluate_if_due()
            if not measured:
                since = time.monotonic()
            if self._is_over():
                return
            self._stop_if_asked(train_step, measured)

    def _stop_if_asked(
        self, train_step: TrainStep, measured: list[tf.Tensor]
    ) -> None:
        """Leaves the loop on a signal, with only good weights to save."""
        if self._interrupts.pending and measured:
            self._check_finite(train_step.read(measured)[1])
        self._interrupts.check()

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
        sums, objectives = train_step.read(measured)
        self._check_finite(objectives)
        num_events = sums.pop(EVENTS)[0]
        metrics = summarise(sums)
        # A model may minimise more than what it reports as its loss.
        metrics.setdefault("loss", metrics[OBJECTIVE])
        metrics["events_per_second"] = num_events / max(seconds, 1e-9)
        metrics["learning_rate"] = float(self._optimizer.learning_rate)
        self._log.scalars("train", self.step, metrics)
        self._progress.train(self.step, metrics)

    def _check_finite(self, objectives: list[float]) -> None:
        first_step = self.step - len(objectives) + 1
        for step, loss in enumerate(objectives, first_step):
            if not math.isfinite(loss):
                self._fail(f"the loss became {loss} at step {step}")

    def _fail(self, what: str) -> None:
        raise UserError(
            f"{what}; {self._checkpoints.describe_latest()}. Start a new "
            "--run_dir with a lower LEARNING_RATE or CLIP_NORM."
        )

    def _evaluate_if_due(self) -> None:
        if not self._is_evaluation_due():
            return
        metrics = self._evaluate_fn(
            self._interrupts.between(self._eval_batches)
        )
        if not math.isfinite(metrics["loss"]):
            self._fail(
                f"the validation loss is {metrics['loss']} at step {self.step}"
            )
        best = self._stopping.update(self.step, metrics["loss"])
        if best:
            self._checkpoints.save_best(self.step)
        self._checkpoints.save_latest(self.step)
        self._log.scalars("validation", self.step, metrics)
        self._progress.evaluation(self.step, metrics, best)
        if self._sample_fn:
            picture = self._sample_fn(self.step)
            self._log.image("sample", self.step, picture)
        self._log.flush()
