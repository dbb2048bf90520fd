r"""Writes the model of a run as a bundle: one file to generate from or share.

  bin/export.py --run_dir=runs/basic --bundle_file=basic.mag

The bundle holds weights, codec, encoding and how the run was configured, and
needs neither the run nor its data.

  bin/export.py --from=attention_rnn.mag --bundle_file=attention.mag

converts what the original Magenta wrote: a bundle; a checkpoint by its prefix;
the folder of a training, of which the latest checkpoint is taken; a MusicVAE
.tar; a folder of Magenta.js.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from magenta_lite.cli import app, model_source, original_flags, quiet
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    from magenta_lite.training.run_dir import LoadedRun


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines this command's flags; commands share names, so not at import."""
    model_source.define_run(flag_values)
    flags.DEFINE_string(
        "from",
        None,
        "Instead of --run_dir: a bundle, or a checkpoint of the original "
        "Magenta or of Magenta.js.",
        flag_values=flag_values,
    )
    original_flags.define(flag_values)
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
    """Loads the run, or what is to be converted, and writes the bundle."""
    del argv
    source = flag_values["from"].value
    if bool(flag_values.run_dir) == bool(source):
        raise UserError(
            "give --run_dir, a run of bin/train.py, or --from, a model to "
            "convert."
        )
    if not flag_values.bundle_file:
        raise UserError("give --bundle_file: where to write the bundle.")
    path = Path(flag_values.bundle_file).expanduser()
    # Checked here as well, because loading the run takes seconds.
    if path.exists() and not flag_values.overwrite:
        raise UserError(
            f"{path} exists; give --overwrite or another --bundle_file."
        )
    quiet.load_tensorflow()
    if source:
        _convert(Path(source).expanduser(), path, flag_values)
    else:
        _export(path, flag_values)
    return 0


def console() -> None:
    """The entry point of `magenta_lite_export`."""
    define_flags()
    app.run(main)


def _export(path: Path, flag_values: flags.FlagValues) -> None:
    """Writes the model of a run."""
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
    _say(f"{run.recipe} after {run.step:,} steps", path)


def _convert(source: Path, path: Path, flag_values: flags.FlagValues) -> None:
    """Writes a model that lies elsewhere."""
    from magenta_lite.bundles.bundle import read_bundle, write_bundle

    bundle = read_bundle(
        source,
        config=flag_values.config or "",
        attention_length=flag_values.attention_length,
    )
    provenance = dict(bundle.manifest["provenance"])
    provenance["converted_from"] = source.name
    write_bundle(
        path,
        model=bundle.model,
        codec=bundle.codec,
        bundle_id=bundle.id,
        description=flag_values.bundle_description or bundle.description,
        provenance=provenance,
        overwrite=flag_values.overwrite,
    )
    for note in bundle.notes:
        print(f"note: {note}")
    _say(f"{bundle.id}, {source.name}", path)


def _say(what: str, path: Path) -> None:
    size_mib = path.stat().st_size / 2**20
    print(f"{what}: {path} ({size_mib:.1f} MiB)")


def _provenance(run: LoadedRun) -> dict[str, Any]:
    """How the weights came about; nothing about the machine or its user."""
    return {
        "recipe": run.recipe,
        "step": run.step,
        "dataset": run.manifest.get("dataset"),
        "config": run.config_text,
    }
