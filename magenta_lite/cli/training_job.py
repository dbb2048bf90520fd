"""A training, from its configured parts to its closing line."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from magenta_lite.bundles import manifest as manifests
from magenta_lite.bundles.warm_start import warm_start
from magenta_lite.cli import config, samples
from magenta_lite.cli.open_dataset import cache_dir, open_dataset
from magenta_lite.cli.provenance import provenance
from magenta_lite.codecs.base import Codec
from magenta_lite.data import event_cache, pipeline
from magenta_lite.encodings.base import Encoding
from magenta_lite.errors import UserError
from magenta_lite.evaluation.model_evaluation import ModelEvaluation
from magenta_lite.models.base import Model
from magenta_lite.training import memory, strategies
from magenta_lite.training.loop import (
    LoopOptions,
    TrainingLoop,
    TrainingResult,
)
from magenta_lite.training.run_dir import RunDir

_PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class TrainingJob:
    """The configured parts of a training; see `cli.train.train`."""

    recipe: str
    dataset: Any
    codec: Codec
    make_encoding: Callable[..., Encoding]
    make_model: Callable[..., Model]
    make_optimizer: Callable[..., keras.optimizers.Optimizer]
    options: LoopOptions
    batch_size: int
    max_events: int | None
    augmentations: tuple[Any, ...]
    seed: int
    static_shapes: bool = False
    precision: str = "float32"

    def run(
        self,
        run_dir: Path,
        data_dir: str | os.PathLike | None = None,
        strategy: tf.distribute.Strategy | None = None,
        warm_start_bundle: str | None = None,
        command: Sequence[str] = (),
    ) -> TrainingResult:
        """Trains, or goes on with the run that is in the folder.

        Of several processes only the chief needs the folder.
        """
        strategy = strategy or tf.distribute.get_strategy()
        run = RunDir(run_dir)
        if not strategies.is_chief(strategy):
            return self._run(run, data_dir, strategy, warm_start_bundle, ())
        if not run.exists():
            run.check_empty()
        with run.lock():
            result = self._run(
                run, data_dir, strategy, warm_start_bundle, command
            )
        _tell(result, self.options, run)
        return result

    def _run(
        self,
        run: RunDir,
        data_dir: str | os.PathLike | None,
        strategy: tf.distribute.Strategy,
        warm_start_bundle: str | None,
        command: Sequence[str],
    ) -> TrainingResult:
        is_chief = strategies.is_chief(strategy)
        self._check_memory(strategy)
        with _policy(self.precision):
            keras.utils.set_random_seed(self.seed)
            with strategy.scope():
                model = self.make_model(
                    self.make_encoding(**self.codec.encoding_sizes())
                )
                optimizer = self.make_optimizer()
            dataset = open_dataset(self.dataset, data_dir)
            manifest = self._manifest(model, optimizer, dataset)
            if is_chief and run.exists():
                run.check_identity(manifest["identity"])
            caches = self._caches(dataset, data_dir, strategy)
            config_text = config.operative_text()
            if is_chief and not run.exists():
                if warm_start_bundle:
                    manifest["warm_start"] = warm_start(
                        model, self.codec, warm_start_bundle
                    )
                manifest |= provenance(command)
                run.create(manifest, config_text)
            loop = TrainingLoop(
                model, optimizer, strategy, run, self.options, self.seed
            )
            if is_chief:
                self._announce(loop, model, caches[0], run)
            return self._train(loop, model, strategy, caches, config_text)

    def _check_memory(self, strategy: tf.distribute.Strategy) -> None:
        """Refuses a model that is too large for this machine at once."""
        rows = -(-self.batch_size // strategy.num_replicas_in_sync)
        clip = getattr(self.codec, "num_clip_events", 0)
        events = int(clip if self.max_events is None else self.max_events)
        need = memory.need_of(
            lambda: self.make_model(
                self.make_encoding(**self.codec.encoding_sizes())
            ),
            min(rows, self.options.micro_batch_size or rows),
            events,
        )
        memory.check_fits(need)

    def _caches(
        self,
        dataset: event_cache.Dataset,
        data_dir: str | os.PathLike | None,
        strategy: tf.distribute.Strategy,
    ) -> list[event_cache.EventCache]:
        """Those of training and validation.

        Workers of one machine share a folder: the chief builds them there.
        """
        if not strategies.is_chief(strategy):
            strategies.wait_for_all(strategy)
        caches = [
            event_cache.build_event_cache(
                dataset, split, self.codec, cache_dir(data_dir)
            )
            for split in ("train", "validation")
        ]
        if strategies.is_chief(strategy):
            strategies.wait_for_all(strategy)
        return caches

    def _train(
        self,
        loop: TrainingLoop,
        model: Model,
        strategy: tf.distribute.Strategy,
        caches: Sequence[event_cache.EventCache],
        config_text: str,
    ) -> TrainingResult:
        train_cache, eval_cache = caches

        def train_batches(start_step: int) -> tf.data.Dataset:
            return pipeline.train_batches(
                train_cache,
                self.codec,
                self.batch_size,
                self.seed,
                start_step=start_step,
                augmentations=self.augmentations,
                max_events=self.max_events,
                static_shapes=self.static_shapes,
            )

        eval_batches = pipeline.eval_batches(
            eval_cache,
            self.codec,
            self.batch_size,
            max_events=self.max_events,
            static_shapes=self.static_shapes,
        )
        return loop.train(
            train_batches,
            eval_batches,
            ModelEvaluation(model, eval_batches.element_spec, strategy),
            sample_fn=samples.make_sample_fn(model, self.codec, self.seed),
            config_text=config_text,
        )

    def _manifest(
        self,
        model: Model,
        optimizer: keras.optimizers.Optimizer,
        dataset: event_cache.Dataset,
    ) -> dict[str, Any]:
        components = {
            "codec": manifests.describe(self.codec),
            "encoding": manifests.describe(model.encoding),
            "model": manifests.describe(model),
        }
        data = {
            "name": dataset.name,
            "fingerprints": {
                split: dataset.fingerprint(split)
                for split in ("train", "validation")
            },
        }
        identity: dict[str, Any] = {
            **components,
            "dataset": data,
            "batch_size": self.batch_size,
            "max_events": self.max_events,
            "clip_norm": self.options.clip_norm,
            "seed": self.seed,
            "augmentations": [repr(a) for a in self.augmentations],
            "optimizer": _describe_optimizer(optimizer),
        }
        if self.precision != "float32":  # older runs name none
            identity["precision"] = self.precision
        return {
            "recipe": self.recipe,
            **components,
            "dataset": data,
            "seed": self.seed,
            "averages": bool(optimizer.use_ema),
            "identity": identity,
        }

    def _announce(
        self,
        loop: TrainingLoop,
        model: Model,
        cache: event_cache.EventCache,
        run: RunDir,
    ) -> None:
        doing = "going on with" if loop.step else "training"
        after = f" from step {loop.step}" if loop.step else ""
        print(
            f"{doing} {self.recipe} in {run.path}{after}: "
            f"{model.count_params():,} weights, {cache.num_examples:,} examples"
            f" of {cache.total_events / cache.num_examples:.0f} events on "
            "average",
            flush=True,
        )


@contextlib.contextmanager
def _policy(precision: str) -> Iterator[None]:
    """Sets Keras' precision of new layers for a while."""
    if precision not in _PRECISIONS:
        raise UserError(
            f"train.precision is {precision!r}; choose from "
            f"{', '.join(_PRECISIONS)}."
        )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _describe_optimizer(
    optimizer: keras.optimizers.Optimizer,
) -> dict[str, Any]:
    description = keras.optimizers.serialize(optimizer)
    description["config"].pop("name")  # Keras numbers optimizers: "adam_1"
    return description


def _tell(result: TrainingResult, options: LoopOptions, run: RunDir) -> None:
    """The closing line: how the run ended and what can be done next."""
    if result.status == "interrupted":
        print(
            f"stopped at step {result.step} of {options.num_steps} and saved; "
            "run the same command again to go on."
        )
        return
    if result.step == result.start_step:
        how = f"the run in {run.path} was finished before"
    elif result.status == "early_stopped":
        how = (
            f"stopped early at step {result.step}: no lower validation loss "
            f"in {options.patience} evaluations"
        )
    else:
        how = f"finished at step {result.step}"
    print(
        f"{how}; validation loss {result.best_loss:.4f} at step "
        f"{result.best_step}. Export it with `bin/export.py "
        f"--run_dir={run.path} --bundle_file=FILE.mag`."
    )
