r"""Trains a grid of configurations and compares them.

  bin/sweep.py --sweep_dir=sweeps/first \
    --gin_file=recipes/melody_rnn/basic_rnn.gin \
    --grid="LEARNING_RATE=1e-3,3e-4" --grid="WIDTH=64,128"

`--grid_files=recipes/a/b.gin,recipes/c/d.gin` compares files in the same way.

Each cell of the grid is an ordinary run of bin/train.py in a folder of its own
below --sweep_dir. sweep.tsv there holds a row for each, the lowest validation
loss first. The same command again goes on where it stopped, and tries again
what failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

import magenta_lite
from magenta_lite.cli import app, model_source
from magenta_lite.cli.sweep_cells import Cell, make_cells
from magenta_lite.cli.sweep_table import (
    Outcome,
    format_table,
    read_outcome,
    write_table,
)
from magenta_lite.errors import UserError

TABLE = "sweep.tsv"
LOG = "train.log"
_TRAIN = """
import sys
sys.argv[0] = "train"
from magenta_lite.cli import train
train.console()
"""


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines this command's flags; commands share names, so not at import."""
    flags.DEFINE_string(
        "sweep_dir",
        None,
        "Where the runs and the table are written.",
        flag_values=flag_values,
    )
    flags.DEFINE_multi_string(
        "grid",
        [],
        "A gin binding with several values, `NAME=VALUE,VALUE`; repeatable: "
        "all combinations are trained.",
        flag_values=flag_values,
    )
    flags.DEFINE_multi_string(
        "grid_files",
        [],
        "Gin files, of which each cell has one, `FILE,FILE`; repeatable.",
        flag_values=flag_values,
    )
    flags.DEFINE_multi_string(
        "gin_file",
        [],
        "A gin file of all cells, read after those of --grid_files.",
        flag_values=flag_values,
    )
    flags.DEFINE_multi_string(
        "gin_param", [], "A gin binding of all cells.", flag_values=flag_values
    )
    flags.DEFINE_string(
        "dataset",
        None,
        "What to train on instead of the recipes' dataset.",
        flag_values=flag_values,
    )
    model_source.define_data_dir(flag_values)


def main(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> int:
    """Trains all cells, one after the other, and prints the table."""
    del argv
    if not flag_values.sweep_dir:
        raise UserError("give --sweep_dir: where to write the runs.")
    if not flag_values.grid and not flag_values.grid_files:
        raise UserError(
            'give --grid, e.g. --grid="LEARNING_RATE=1e-3,3e-4", or '
            "--grid_files."
        )
    folder = Path(flag_values.sweep_dir).expanduser()
    cells = make_cells(flag_values.grid_files, flag_values.grid)
    common = [
        *(f"--gin_file={name}" for name in flag_values.gin_file),
        *(f"--gin_param={param}" for param in flag_values.gin_param),
    ]
    for name in ("dataset", "data_dir"):
        if flag_values[name].value:
            common.append(f"--{name}={flag_values[name].value}")
    folder.mkdir(parents=True, exist_ok=True)
    # What ends a job ends the cell that trains, which saves.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcomes: list[Outcome] = []
    for number, cell in enumerate(cells, 1):
        print(f"cell {number} of {len(cells)}: {cell.name}", flush=True)
        outcomes.append(train_cell(cell, folder / cell.name, common))
        write_table(folder / TABLE, outcomes)
        if outcomes[-1].status == "interrupted":
            print("stopped; run the same command again to go on.")
            return 130
    print(format_table(outcomes))
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failed:
        raise UserError(
            f"{len(failed)} of {len(cells)} cells failed, first "
            f"{failed[0].cell.name}: {failed[0].message}; the same command "
            "tries them again."
        )
    return 0


def console() -> None:
    """The entry point of `magenta_lite_sweep`."""
    define_flags()
    app.run(main)


def train_cell(cell: Cell, run_dir: Path, common: Sequence[str]) -> Outcome:
    """Trains a cell, or goes on with it, as a command of its own."""
    command = [
        sys.executable,
        "-c",
        _TRAIN,
        *(f"--gin_file={name}" for name in cell.files),
        *common,
        *(f"--gin_param={param}" for param in cell.params),
        f"--run_dir={run_dir}",
    ]
    log = run_dir.with_name(f"{run_dir.name}.{LOG}")
    with log.open("a") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": _python_path()},
        )
        try:
            status = process.wait()
        except KeyboardInterrupt:
            process.terminate()  # it saves and ends
            process.wait()
            return read_outcome(cell, run_dir, "interrupted")
    if status == 0:
        return read_outcome(cell, run_dir, "finished")
    if status == 130:
        return read_outcome(cell, run_dir, "interrupted")
    lines = log.read_text(errors="replace").strip().splitlines() or [""]
    return read_outcome(cell, run_dir, "failed", lines[-1])


def _python_path() -> str:
    """So that the cells run the very package that runs this."""
    package = Path(magenta_lite.__file__).resolve().parent
    before = os.environ.get("PYTHONPATH")
    return os.pathsep.join(filter(None, (str(package.parent), before)))
