r"""Trains a model from a recipe; run it again to go on where it stopped.

  bin/train.py --gin_file=recipes/melody_rnn/basic_rnn.gin --run_dir=runs/basic

Recipes lie in gin/recipes. Later files win, then parameters:

  bin/train.py --gin_file=recipes/melody_rnn/lookback_rnn.gin \
    --gin_param="BATCH_SIZE=64" --gin_param="LEARNING_RATE=5e-4" \
    --dataset=my_music --run_dir=runs/lookback

Ctrl-C saves a checkpoint and stops; the same command goes on from there, and so
does `bin/train.py --run_dir=runs/lookback --resume`. The run directory holds
the configuration, checkpoints, metrics.jsonl, and events for
`tensorboard --logdir`. docs/training.md tells about several GPUs or machines,
mixed precision and repeating a run elsewhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gin
from absl import flags

from magenta_lite.cli import app, config, model_source, quiet
from magenta_lite.errors import UserError

# As `training.strategies`, which would import TensorFlow here.
STRATEGIES = ("one", "mirrored", "multi_worker", "tpu")
INTERRUPTED_STATUS = 130


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines this command's flags.

    Not done at import: commands share names of flags, and a gin file imports
    this module whatever command reads it.
    """
    flags.DEFINE_multi_string(
        "gin_file",
        [],
        "A gin file, by its name in gin/ or its path; repeatable, later ones "
        "win. The first is usually a recipe.",
        flag_values=flag_values,
    )
    flags.DEFINE_multi_string(
        "gin_param",
        [],
        "A gin binding such as `BATCH_SIZE=64`; repeatable, wins over files.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "run_dir",
        None,
        "Where the run is written; a run that is there is continued.",
        flag_values=flag_values,
    )
    model_source.define_data_dir(flag_values)
    flags.DEFINE_string(
        "dataset",
        None,
        "What to train on instead of the recipe's dataset: the --name given "
        "to bin/prepare.py, a built-in corpus, or `synthetic`.",
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "strategy",
        "one",
        STRATEGIES,
        "Where to train: `one` is one GPU, or the CPU if there is none; "
        "`mirrored` all GPUs of this machine; `multi_worker` the machines that "
        "TF_CONFIG lists; `tpu` a TPU.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "num_virtual_devices",
        None,
        "Cuts the CPU into so many devices, to try out --strategy=mirrored "
        "without GPUs.",
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "resume",
        False,
        "Goes on with the run in --run_dir as it is configured there; no "
        "--gin_file is needed.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "warm_start_bundle",
        None,
        "A bundle (.mag) of the same model whose weights a new run starts "
        "from.",
        flag_values=flag_values,
    )


def main(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> int:
    """Reads the configuration and trains."""
    del argv
    if not flag_values.run_dir:
        raise UserError("give --run_dir: where to write the run.")
    run_dir = Path(flag_values.run_dir).expanduser()
    gin_files, dataset = _configuration(flag_values, run_dir)

    def prepare() -> None:
        from magenta_lite.training import strategies

        strategies.make_strategy(
            flag_values.strategy, flag_values.num_virtual_devices
        )

    quiet.load_tensorflow(prepare)
    params = list(flag_values.gin_param)
    if dataset:
        params.append(f"train.dataset = {dataset!r}")
    config.parse(gin_files, params, entry="train")
    try:
        result = config.call(
            train,
            run_dir=run_dir,
            data_dir=flag_values.data_dir,
            strategy=flag_values.strategy,
            warm_start_bundle=flag_values.warm_start_bundle,
            num_virtual_devices=flag_values.num_virtual_devices,
        )
    except UserError as error:
        raise UserError(f"{error}{_advice(error, flag_values)}") from error
    except Exception as error:
        if flag_values.strategy == "multi_worker":
            _start_again_if_alone(error)
        raise
    return INTERRUPTED_STATUS if result.status == "interrupted" else 0


def _start_again_if_alone(error: Exception) -> None:
    """Runs this command anew if another process is gone.

    It waits there until all are back, and goes on from the last checkpoint. To
    leave the group and enter it again TensorFlow has no way within a process.
    """
    from magenta_lite.training import strategies

    if isinstance(error, strategies.LOST_WORKER_ERRORS):
        print(
            "lost another process of the group; starting again from the last "
            "checkpoint once all are back",
            flush=True,
        )
        os.execv(sys.executable, [sys.executable, *sys.argv])


def _configuration(
    flag_values: flags.FlagValues, run_dir: Path
) -> tuple[list[str], str | None]:
    """The gin files, and the dataset that goes before theirs."""
    gin_files = list(flag_values.gin_file)
    if not flag_values.resume:
        if not gin_files:
            raise UserError(
                "give --gin_file, e.g. "
                "--gin_file=recipes/melody_rnn/basic_rnn.gin; or --resume to "
                "go on with the run in --run_dir."
            )
        return gin_files, flag_values.dataset
    config_file = run_dir / "config.gin"
    if not config_file.is_file():
        raise UserError(
            f"{run_dir} holds no run to --resume (no config.gin); give the "
            "--run_dir of a training."
        )
    return [str(config_file), *gin_files], flag_values.dataset


def console() -> None:
    """The entry point of `magenta_lite_train`."""
    define_flags()
    app.run(main)


def _advice(error: UserError, flag_values: flags.FlagValues) -> str:
    """Where there was nothing to train on: the command that says why."""
    from magenta_lite.cli import inspect_dataset
    from magenta_lite.data.event_cache import EmptyDatasetError

    if not isinstance(error.__cause__, EmptyDatasetError):
        return ""
    command = inspect_dataset.command(error.__cause__.split, flag_values)
    return f" See the whole report with `{command}`."


@gin.configurable(
    denylist=[
        "run_dir",
        "data_dir",
        "strategy",
        "warm_start_bundle",
        "num_virtual_devices",
    ]
)
def train(
    run_dir: Path,
    data_dir: str | None = None,
    strategy: str = "one",
    warm_start_bundle: str | None = None,
    num_virtual_devices: int | None = None,
    *,
    recipe: str = gin.REQUIRED,
    dataset: Any = gin.REQUIRED,
    codec: Any = gin.REQUIRED,
    encoding: Callable[..., Any] = gin.REQUIRED,
    model: Callable[..., Any] = gin.REQUIRED,
    optimizer: Callable[..., Any] = gin.REQUIRED,
    options: Any = gin.REQUIRED,
    batch_size: int = gin.REQUIRED,
    max_events: int | None = None,
    augmentations: tuple[Any, ...] = (),
    static_shapes: bool = False,
    precision: str = "float32",
    seed: int = 0,
) -> Any:
    """Trains what a recipe puts together; gin fills the parameters in.

    Args:
      run_dir: where the run is written, or continued.
      data_dir: where datasets lie; None is the default place.
      strategy: see `training.strategies`.
      warm_start_bundle: a bundle whose weights a new run starts from.
      num_virtual_devices: cuts the CPU into so many devices.
      recipe: the id that the run's bundle will carry, e.g. "basic_rnn".
      dataset: the name of a prepared dataset, or a dataset object.
      codec: a `Codec`.
      encoding: makes an `Encoding`, given `num_events`, or `field_sizes` where
        the codec's events are vectors.
      model: makes a `Model`, given the encoding.
      optimizer: makes a Keras optimizer.
      options: a `LoopOptions`.
      batch_size: rows of a batch.
      max_events: longer examples are cropped; None keeps them whole.
      augmentations: applied to training batches in this order.
      static_shapes: whether all batches have one shape, as TPUs and XLA want
        it; always so with strategy "tpu".
      precision: a policy of Keras: "float32", "mixed_bfloat16" or
        "mixed_float16". Weights, losses and heads are float32 in all of them.
      seed: weights, data and dropout are functions of it.

    Returns:
      A `training.loop.TrainingResult`.

    Raises:
      UserError: for a problem that the user can mend.
    """
    from magenta_lite.cli import training_job
    from magenta_lite.training import strategies

    job = training_job.TrainingJob(
        recipe=recipe,
        dataset=dataset,
        codec=codec,
        make_encoding=encoding,
        make_model=model,
        make_optimizer=optimizer,
        options=options,
        batch_size=batch_size,
        max_events=max_events,
        augmentations=tuple(augmentations),
        static_shapes=static_shapes or strategy == "tpu",
        precision=precision,
        seed=seed,
    )
    return job.run(
        run_dir,
        data_dir=data_dir,
        strategy=strategies.make_strategy(strategy, num_virtual_devices),
        warm_start_bundle=warm_start_bundle,
        command=sys.argv,
    )
