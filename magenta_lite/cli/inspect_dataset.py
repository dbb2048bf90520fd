r"""Shows what a recipe finds in a dataset, what it leaves out, and why.

  bin/inspect_dataset.py --gin_file=recipes/melody_rnn/basic_rnn.gin \
    --dataset=my_music

Reasons come with what to do about them; try another limit with
`--gin_param="MelodyCodec.min_bars = 4"`. --output_csv writes one line for each
sequence, --output_png a picture of lengths and events. What is encoded here,
bin/train.py does not encode again.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import gin
from absl import flags

from magenta_lite.cli import app, config, quiet
from magenta_lite.errors import UserError


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines this command's flags; commands share names, so not at import."""
    flags.DEFINE_multi_string(
        "gin_file",
        [],
        "A recipe, and what changes it, as for bin/train.py; or the "
        "config.gin of a run.",
        flag_values=flag_values,
    )
    flags.DEFINE_multi_string(
        "gin_param",
        [],
        "A gin binding such as `MelodyCodec.min_bars = 4`; repeatable.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "dataset",
        None,
        "A prepared dataset, or `synthetic`; the recipe's own if not set.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "split", "train", "Which split of it.", flag_values=flag_values
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Where datasets are kept; ~/magenta_lite_data if not set.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "num_workers",
        None,
        "Processes that encode; one for each core if not set.",
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "output_csv",
        None,
        "Where to write what came of each sequence.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "output_png",
        None,
        "Where to draw lengths of examples and counts of events.",
        flag_values=flag_values,
    )


def main(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> int:
    """Encodes a split, unless it is encoded already, and reports."""
    del argv
    if not flag_values.gin_file:
        raise UserError(
            "give --gin_file: the recipe whose view of the data to show, e.g. "
            "--gin_file=recipes/melody_rnn/basic_rnn.gin."
        )
    quiet.load_tensorflow()
    codec, dataset = recipe_parts(flag_values.gin_file, flag_values.gin_param)

    from magenta_lite.cli import inspect_view
    from magenta_lite.cli.open_dataset import cache_dir, open_dataset
    from magenta_lite.data import event_cache, extraction_report

    data_dir, split = flag_values.data_dir, flag_values.split
    dataset = open_dataset(flag_values.dataset or dataset, data_dir)
    if split not in dataset.splits:
        raise UserError(
            f"dataset {dataset.name!r} has no split {split!r}; choose from "
            f"{', '.join(dataset.splits)}."
        )
    cache = event_cache.encode_split(
        dataset, split, codec, cache_dir(data_dir), flag_values.num_workers
    )
    title = f"{dataset.name}/{split}"
    inspect_view.print_report(
        extraction_report.make_report(cache, codec), title
    )
    if flag_values.output_csv:
        inspect_view.write_csv(cache, flag_values.output_csv)
    if flag_values.output_png:
        inspect_view.write_picture(cache, flag_values.output_png, title)
    return 0


def recipe_parts(
    gin_files: Sequence[str], gin_params: Sequence[str] = ()
) -> tuple[Any, Any]:
    """The codec and the dataset (or its name) of a recipe, built by gin.

    Raises:
      UserError: if the configuration cannot be read.
    """
    config.parse(gin_files, gin_params, entry="train")
    parts = config.call(gin.get_bindings, fn_or_cls_or_selector="train")
    return parts["codec"], parts["dataset"]


def console() -> None:
    """The entry point of `magenta_lite_inspect_dataset`."""
    define_flags()
    app.run(main)


def command(
    split: str | None, flag_values: flags.FlagValues = flags.FLAGS
) -> str:
    """The command that reports on what bin/train.py was to train on.

    Args:
      split: the split to report on.
      flag_values: those of bin/train.py.
    """
    named = [("split", split), ("dataset", flag_values.dataset)]
    named += [("data_dir", flag_values.data_dir)]
    named += [("gin_file", name) for name in flag_values.gin_file]
    named += [("gin_param", text) for text in flag_values.gin_param]
    words = [f"--{flag}={value}" for flag, value in named if value]
    return shlex.join(["bin/inspect_dataset.py", *words])
