"""Trains a recipe on a data set and measures it, with a user's commands."""

import dataclasses
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class RecipeRun:
    """One training.

    Attributes:
      name: of the run directory.
      recipe: the gin file, e.g. "drums_rnn/drum_kit".
      dataset: what `--dataset` takes.
      params: gin bindings on top of the recipe.
      overlays: gin files on top of it.
    """

    name: str
    recipe: str
    dataset: str
    params: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()


def run_command(command: str, *arguments: str) -> None:
    """Runs a script of bin/ and says so."""
    print(f"$ bin/{command}.py", *arguments, flush=True)
    script = ROOT / "bin" / f"{command}.py"
    subprocess.run([sys.executable, str(script), *arguments], check=True)


def train_arguments(run: RecipeRun) -> list[str]:
    """What bin/train.py is given, but for where data and runs lie."""
    return [
        f"--gin_file=recipes/{run.recipe}.gin",
        *(f"--gin_file={overlay}" for overlay in run.overlays),
        *(f"--gin_param={param}" for param in run.params),
        f"--dataset={run.dataset}",
    ]


def measure(
    run: RecipeRun, work_dir: pathlib.Path, manual_dir: str | None = None
) -> dict:
    """Prepares, trains (or goes on) and measures the test split.

    The weights that are measured are those with the lowest validation loss.

    Args:
      run: what to train.
      work_dir: data sets go to `data` in it, the run to a folder of its name.
      manual_dir: where the files of the data set lie.

    Returns:
      What bin/evaluate.py writes, `train_arguments`, and what
      `training_history` finds.
    """
    data_dir = f"--data_dir={work_dir / 'data'}"
    manual = [f"--manual_dir={manual_dir}"] if manual_dir else []
    run_command("prepare", f"--dataset={run.dataset}", *manual, data_dir)
    run_dir = work_dir / run.name
    run_command(
        "train", *train_arguments(run), f"--run_dir={run_dir}", data_dir
    )
    result_file = work_dir / f"{run.name}.json"
    run_command(
        "evaluate",
        f"--run_dir={run_dir}",
        "--split=test",
        data_dir,
        f"--output_json={result_file}",
    )
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return {
        **json.loads(result_file.read_text()),
        "train_arguments": train_arguments(run),
        **training_history(run_dir, [json.loads(line) for line in lines]),
    }


def training_history(run_dir: pathlib.Path, lines: list[dict]) -> dict:
    """How long a run took and how its losses went.

    Args:
      run_dir: of the run.
      lines: of its metrics.jsonl.

    Returns:
      `num_steps`, `seed`, `training_seconds` (wall time from the start of the
      run to its last step, with any pauses between), and `curves`: (step,
      loss) pairs of the "train" and the "validation" split.
    """
    manifest = json.loads((run_dir / "manifest.json").read_text())
    curves = {
        split: [(x["step"], x["loss"]) for x in lines if x["split"] == split]
        for split in ("train", "validation")
    }
    return {
        "num_steps": lines[-1]["step"],
        "seed": manifest["seed"],
        "training_seconds": lines[-1]["wall"] - manifest["started"],
        "curves": curves,
    }
