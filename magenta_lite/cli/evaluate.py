r"""Measures a run or a bundle on a split of a dataset.

  bin/evaluate.py --run_dir=runs/basic --split=test
  bin/evaluate.py --run_dir=runs/basic --checkpoint=all
  bin/evaluate.py --bundle_file=basic.mag --dataset=my_music

Prints the model's metrics beside those of plain statistics of the training
split (how often each event occurs, alone and after each other event). Of models
with a latent space (MusicVAE) also how well they give clips back, how much of
the space they use, and what draws from the prior are like.

  bin/evaluate.py --run_dir=runs/cat-mel_2bar_small --map_png=map.png
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
    from magenta_lite.data.event_cache import EventCache
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
        "map_png",
        None,
        "Where to draw a map of the split's clips in the latent space: their "
        "two principal components. For models with a latent space.",
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
        print(format_result(result, source.model.loss_unit))
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
        flag_values.map_png,
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
    map_png: str | None = None,
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
      map_png: where to draw a map of the clips, for latent models.

    Returns:
      JSON values: dataset, split, `num_examples`, `num_events`, `rejects`,
      `metrics` and `baselines`, both by name; for latent models `latent`, see
      `evaluate_latent`.

    Raises:
      UserError: if the dataset or the split is not there or gives no example.
    """
    from magenta_lite.cli import evaluate_latent
    from magenta_lite.cli.open_dataset import cache_dir, open_dataset
    from magenta_lite.codecs.clips import ClipCodec
    from magenta_lite.data import event_cache, pipeline
    from magenta_lite.evaluation.model_evaluation import evaluate_model
    from magenta_lite.models.base import LatentModel

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

    if map_png and not isinstance(model, LatentModel):
        raise UserError(
            "--map_png is for models with a latent space (MusicVAE) alone."
        )
    cache = cache_of(split)
    batches = pipeline.eval_batches(cache, codec, batch_size)
    result = {
        "dataset": dataset.name,
        "split": split,
        "num_examples": cache.num_examples,
        "num_events": cache.total_events,
        "rejects": dict(cache.rejects),
        "metrics": evaluate_model(model, batches),
        "baselines": {},
    }
    if isinstance(model, LatentModel) and isinstance(codec, ClipCodec):
        # Its loss is that of a clip, to which no count of events compares.
        result["latent"] = evaluate_latent.report(
            model, codec, dataset, split, cache, batches, cache_of, map_png
        )
    elif with_baselines and "train" in dataset.splits:
        result["baselines"] = _baselines(codec, cache_of("train"), cache)
    return result


def _baselines(
    codec: Codec, training: EventCache, cache: EventCache
) -> dict[str, dict[str, float]]:
    """What counting in the training split predicts."""
    from magenta_lite.evaluation import baselines

    # N-grams count plain events; a codec of vectors has none.
    if codec.event_shape:
        return {}
    scores = baselines.score_baselines(
        training,
        cache,
        codec.num_events,
        events_per_bar=_events_per_bar(codec),
    )
    return {
        name: {"loss": score.nats_per_event, "perplexity": score.perplexity}
        for name, score in scores.items()
    }


def _events_per_bar(codec: Codec) -> int | None:
    """In 4/4, where every event lasts one step; else None."""
    if (codec.steps_table() != 1).any():
        return None
    return round(4 * codec.steps_per_second(qpm=60))


def format_result(
    result: dict[str, Any], loss_unit: str = "nats an event"
) -> str:
    """A result as a few lines for people.

    Args:
      result: of `evaluate`, with the model's "id".
      loss_unit: what the loss counts.
    """
    head = (
        f"{result['id']} on {result['dataset']}/{result['split']}: "
        f"{result['num_examples']:,} examples, {result['num_events']:,} events"
    )
    rows = [f"  {n:<20}{v:10.4f}" for n, v in result["metrics"].items()]
    if "latent" in result:
        from magenta_lite.cli import evaluate_latent

        rows += evaluate_latent.format_report(result["latent"])
    losses = {"model": result["metrics"]["loss"]} | {
        name: score["loss"] for name, score in result["baselines"].items()
    }
    compared = ", ".join(f"{n} {loss:.4f}" for n, loss in losses.items())
    last = f"{result['split']} loss ({loss_unit}): {compared}"
    return "\n".join([head, *rows, last])
