r"""Writes the model of a run as a bundle: one file to generate from or share.

  bin/export.py --run_dir=runs/basic --bundle_file=basic.mag

The bundle holds weights, codec, encoding and how the run was configured, and
needs neither the run nor its data.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from magenta_lite.cli import app, model_source, quiet
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.training.run_dir import LoadedRun


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines this command's flags; commands share names, so not at import."""
    model_source.define_run(flag_values)
    flags.DEFINE_string(
        "bundle_file",
        None,
        "Where to write the bundle; the name usually ends in .mag.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "bundle_description",
        "",
        "What the bundle is, for whoever gets it.",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "overwrite",
        False,
        "Whether a file that is there already may be replaced.",
        flag_values=flag_values,
    )


def main(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> int:
    """Loads the run and writes the bundle."""
    del argv
    if not flag_values.run_dir:
        raise UserError("give --run_dir: a run of bin/train.py.")
    if not flag_values.bundle_file:
        raise UserError("give --bundle_file: where to write the bundle.")
    path = Path(flag_values.bundle_file).expanduser()
    # Checked here as well, because loading the run takes seconds.
    if path.exists() and not flag_values.overwrite:
        raise UserError(
            f"{path} exists; give --overwrite or another --bundle_file."
        )
    quiet.load_tensorflow()
    from magenta_lite.bundles.bundle import write_bundle

    run = model_source.load_run(flag_values)
    write_bundle(
        path,
        model=run.model,
        codec=run.codec,
        bundle_id=run.recipe,
        description=flag_values.bundle_description,
        provenance=_provenance(run),
        overwrite=flag_values.overwrite,
    )
    size_mib = path.stat().st_size / 2**20
    print(f"{run.recipe} after {run.step:,} steps: {path} ({size_mib:.1f} MiB)")
    return 0


def console() -> None:
    """The entry point of `magenta_lite_export`."""
    define_flags()
    app.run(main)


def _provenance(run: LoadedRun) -> dict[str, Any]:
    """How the weights came about; nothing about the machine or its user."""
    return {
        "recipe": run.recipe,
        "step": run.step,
        "dataset": run.manifest.get("dataset"),
        "config": run.config_text,
    }
