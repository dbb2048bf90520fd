"""Flags that several commands share: which model, and where data lies."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.codecs.base import Codec
    from magenta_lite.models.base import Model
    from magenta_lite.training.run_dir import LoadedRun


@dataclasses.dataclass(frozen=True)
class LoadedModel:
    """A model out of a bundle or a run.

    Attributes:
      model: with its weights.
      codec: the model's.
      id: the recipe, e.g. "basic_rnn".
      description: of a bundle, for people.
      about: where it comes from, as JSON values; of a run also "step" and
        "dataset".
    """

    model: Model
    codec: Codec
    id: str
    description: str
    about: dict[str, Any]


def define_run(
    flag_values: flags.FlagValues, purpose: str = "", or_all: bool = False
) -> None:
    """Defines --run_dir and --checkpoint.

    Args:
      flag_values: where.
      purpose: what --run_dir is for, beside "A run of bin/train.py".
      or_all: whether the command can take all checkpoints.
    """
    flags.DEFINE_string(
        "run_dir",
        None,
        f"A run of bin/train.py{purpose}.",
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "checkpoint",
        "best",
        ("best", "latest", *(("all",) if or_all else ())),
        "Which weights of the run: those with the lowest validation loss, or "
        f"the last ones{', or all that were kept' if or_all else ''}.",
        flag_values=flag_values,
    )


def define_run_or_bundle(
    flag_values: flags.FlagValues, or_all: bool = False
) -> None:
    """Defines --bundle_file and, instead of it, --run_dir and --checkpoint."""
    flags.DEFINE_string(
        "bundle_file",
        None,
        "The bundle (.mag) of the model; or a checkpoint of the original "
        "Magenta, see bin/export.py.",
        flag_values=flag_values,
    )
    define_run(flag_values, ", instead of --bundle_file", or_all)


def define_data_dir(flag_values: flags.FlagValues) -> None:
    """Defines --data_dir."""
    flags.DEFINE_string(
        "data_dir",
        None,
        "Where datasets are kept; ~/magenta_lite_data if not set.",
        flag_values=flag_values,
    )


def check(flag_values: flags.FlagValues) -> None:
    """Raises UserError unless there is one of --run_dir, --bundle_file."""
    if bool(flag_values.run_dir) == bool(flag_values.bundle_file):
        raise UserError("give either --bundle_file or --run_dir.")


def load_run(flag_values: flags.FlagValues) -> LoadedRun:
    """Loads what --run_dir and --checkpoint name."""
    from magenta_lite.training import run_dir

    path = Path(flag_values.run_dir).expanduser()
    return run_dir.load_run(path, flag_values.checkpoint)


def load_all(flag_values: flags.FlagValues) -> Iterator[LoadedModel]:
    """Loads every checkpoint of --run_dir, one after the other.

    Raises:
      UserError: if there is none or one cannot be read.
    """
    from magenta_lite.training import run_dir

    path = Path(flag_values.run_dir).expanduser()
    for prefix in run_dir.checkpoints_of(path):
        model = _of_run(run_dir.load_run(path, prefix), flag_values)
        name = "/".join(Path(prefix).parts[-2:])
        yield dataclasses.replace(
            model, about=model.about | {"checkpoint": name}
        )


def _of_run(run: LoadedRun, flag_values: flags.FlagValues) -> LoadedModel:
    about = {
        "id": run.recipe,
        "run_dir": flag_values.run_dir,
        "step": run.step,
        "dataset": run.manifest["dataset"]["name"],
    }
    return LoadedModel(run.model, run.codec, run.recipe, "", about)


def load(flag_values: flags.FlagValues) -> LoadedModel:
    """Loads what --bundle_file, or --run_dir and --checkpoint, name.

    Raises:
      UserError: if it does not exist or cannot be read.
    """
    if not flag_values.bundle_file:
        return _of_run(load_run(flag_values), flag_values)
    from magenta_lite.bundles.bundle import read_bundle

    bundle = read_bundle(Path(flag_values.bundle_file).expanduser())
    about = {"id": bundle.id, "bundle_file": flag_values.bundle_file}
    return LoadedModel(
        bundle.model, bundle.codec, bundle.id, bundle.description, about
    )
