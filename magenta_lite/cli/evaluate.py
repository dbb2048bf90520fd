r"""Measures a run or a bundle on a split of a dataset.

  bin/evaluate.py --run_dir=runs/basic --split=test
  bin/evaluate.py --run_dir=runs/basic --checkpoint=all
  bin/evaluate.py --bundle_file=basic.mag --dataset=my_music

Prints the model's metrics beside those of plain statistics of the training
split (how often each event occurs, alone and after each other event).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from magenta_lite.cli import app, model_source, quiet
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.codecs.base import Codec
    from magenta_lite.models.base import Model


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines this command's flags; commands share names, so not at import."""
    model_source.define_run_or_bundle(flag_values, or_all=True)
    model_source.define_data_dir(flag_values)
    flags.DEFINE_string(
        "dataset",
        None,
        "A prepared dataset, or `synthetic`; the run's own if not set.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "split",
        "validation",
        "Which split of the dataset.",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "baselines",
        True,
        "Whether to measure unigrams and bigrams of the training split, too.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "batch_size",
        64,
        "Rows of a batch; changes memory and speed, not the metrics.",
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "output_json",
        None,
        "Where to write the result as JSON.",
        flag_values=flag_values,
    )


def main(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> int:
    """Evaluates and prints."""
    del argv
    model_source.check(flag_values)
    quiet.load_tensorflow()
    result: dict[str, Any] | list[dict[str, Any]]
    if flag_values.run_dir and flag_values.checkpoint == "all":
        result = []
        for source in model_source.load_all(flag_values):
            # What counting predicts is the same beside every checkpoint.
            baselines = flag_values.baselines and not result
            result.append(_evaluate(source, flag_values, baselines))
            print(_checkpoint_line(result[-1]), flush=True)
    else:
        source = model_source.load(flag_values)
        result = _evaluate(source, flag_values, flag_values.baselines)
        print(format_result(result))
    if flag_values.output_json:
        from magenta_lite.training.run_dir import write_text

        path = Path(flag_values.output_json).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(result, indent=2) + "\n")
    return 0


def _evaluate(
    source: model_source.LoadedModel,
    flag_values: flags.FlagValues,
    with_baselines: bool,
) -> dict[str, Any]:
    about = dict(source.about)
    name = flag_values.dataset or about.pop("dataset", None)
    if not name:
        raise UserError("give --dataset: what to evaluate the bundle on.")
    return about | evaluate(
        source.model,
        source.codec,
        name,
        flag_values.split,
        flag_values.data_dir,
        flag_values.batch_size,
        with_baselines,
    )


def _checkpoint_line(result: dict[str, Any]) -> str:
    """A checkpoint's result, one of several."""
    shown = [
        f"{name} {result['metrics'][name]:.4f}"
        for name in ("loss", "accuracy")
        if name in result["metrics"]
    ]
    return (
        f"{result['checkpoint']} (step {result['step']}) on "
        f"{result['dataset']}/{result['split']}: {', '.join(shown)}"
    )


def console() -> None:
    """The entry point of `magenta_lite_evaluate`."""
    define_flags()
    app.run(main)


def evaluate(
    model: Model,
    codec: Codec,
    dataset_name: str,
    split: str = "validation",
    data_dir: str | None = None,
    batch_size: int = 64,
    with_baselines: bool = True,
) -> dict[str, Any]:
    """Measures a model on a split of a dataset.

    Args:
      model: any model.
      codec: the codec that it was trained with.
      dataset_name: see `open_dataset`.
      split: one of the dataset's splits.
      data_dir: where datasets lie; None is the default place.
      batch_size: rows of a batch.
      with_baselines: whether to measure what counting in the training split
        predicts, too.

    Returns:
      JSON values: dataset, split, `num_examples`, `num_events`, `rejects`,
      `metrics` and `baselines`, both by name.

    Raises:
      UserError: if the dataset or the split is not there or gives no example.
    """
    from magenta_lite.cli.open_dataset import cache_dir, open_dataset
    from magenta_lite.data import event_cache, pipeline
    from magenta_lite.evaluation import baselines
    from magenta_lite.evaluation.model_evaluation import evaluate_model

    dataset = open_dataset(dataset_name, data_dir)
    if split not in dataset.splits:
        raise UserError(
            f"dataset {dataset.name!r} has no split {split!r}; choose from "
            f"{', '.join(dataset.splits)}."
        )

    def cache_of(name: str) -> event_cache.EventCache:
        return event_cache.build_event_cache(
            dataset, name, codec, cache_dir(data_dir)
        )

    cache = cache_of(split)
    result = {
        "dataset": dataset.name,
        "split": split,
        "num_examples": cache.num_examples,
        "num_events": cache.total_events,
        "rejects": dict(cache.rejects),
        "metrics": evaluate_model(
            model, pipeline.eval_batches(cache, codec, batch_size)
        ),
        "baselines": {},
    }
    # N-grams count plain events; a codec of vectors has none.
    if with_baselines and "train" in dataset.splits and not codec.event_shape:
        scores = baselines.score_baselines(
            cache_of("train"),
            cache,
            codec.num_events,
            events_per_bar=_events_per_bar(codec),
        )
        result["baselines"] = {
            name: {"loss": score.nats_per_event, "perplexity": score.perplexity}
            for name, score in scores.items()
        }
    return result


def _events_per_bar(codec: Codec) -> int | None:
    """In 4/4, where every event lasts one step; else None."""
    if (codec.steps_table() != 1).any():
        return None
    return round(4 * codec.steps_per_second(qpm=60))


def format_result(result: dict[str, Any]) -> str:
    """A result as a few lines for people."""
    head = (
        f"{result['id']} on {result['dataset']}/{result['split']}: "
        f"{result['num_examples']:,} examples, {result['num_events']:,} events"
    )
    rows = [f"  {n:<20}{v:10.4f}" for n, v in result["metrics"].items()]
    losses = {"model": result["metrics"]["loss"]} | {
        name: score["loss"] for name, score in result["baselines"].items()
    }
    compared = ", ".join(f"{n} {loss:.4f}" for n, loss in losses.items())
    last = f"{result['split']} loss (nats an event): {compared}"
    return "\n".join([head, *rows, last])
