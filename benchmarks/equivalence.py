"""Whether a run is the same wherever it trains.

Each recipe family, at toy size with dropout on, trains on one device, on two
mirrored ones, on two and on three workers. Printed is the largest relative
difference of any training or validation loss from that on one device.

  python benchmarks/equivalence.py
"""

import json
import pathlib
import tempfile

import forks
from absl import app, flags

from magenta_lite.cli import config

_FAMILIES = flags.DEFINE_list(
    "families", None, "Folders of gin/recipes; all if not set."
)
_WAYS = flags.DEFINE_list(
    "ways", None, "Which of WAYS, beside one device; all if not set."
)
_NUM_STEPS = flags.DEFINE_integer("num_steps", 4, "How long to train.")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 5, "Rows of the whole batch; need not divide."
)
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

WAYS = {
    "one": (1, ["--strategy=one"]),
    "mirrored x2": (1, ["--strategy=mirrored", "--num_virtual_devices=2"]),
    "workers x2": (2, ["--strategy=multi_worker"]),
    "workers x3": (3, ["--strategy=multi_worker"]),
}


def _recipes() -> dict[str, str]:
    """One recipe of each family: the one whose name comes first."""
    found: dict[str, str] = {}
    for name in config.gin_names():
        folder, _, rest = name.partition("/")
        if folder == "recipes":
            found.setdefault(rest.split("/")[0], name)
    wanted = _FAMILIES.value or found
    return {family: found[family] for family in wanted}


def _train_all(
    recipes: dict[str, str], folder: pathlib.Path, way: list[str]
) -> int:
    """Every family after the other in this process."""
    from magenta_lite.cli import samples

    samples.make_sample_fn = lambda *args: None  # not what is compared
    for family, recipe in recipes.items():
        forks.train(
            [
                f"--gin_file={recipe}",
                "--gin_file=runs/smoke.gin",
                f"--gin_param=BATCH_SIZE={_BATCH_SIZE.value}",
                f"--gin_param=NUM_STEPS={_NUM_STEPS.value}",
                f"--gin_param=EVAL_EVERY={max(_NUM_STEPS.value // 2, 1)}",
                f"--run_dir={folder / family}",
                f"--data_dir={folder.parent / 'data'}",
                *way,
            ]
        )
    return 0


def _run(
    name: str, recipes: dict[str, str], top: pathlib.Path
) -> dict[str, list[float]]:
    """The losses of each family, trained one way."""
    num_processes, way = WAYS[name]
    folder = top / name.replace(" ", "_")
    folder.mkdir()
    environments = forks.cluster(num_processes) if num_processes > 1 else [{}]
    pids = [
        forks.fork(
            lambda: _train_all(recipes, folder, way),
            folder / f"{index}.log",
            environment,
        )
        for index, environment in enumerate(environments)
    ]
    for index, pid in enumerate(pids):
        if forks.wait(pid):
            text = (folder / f"{index}.log").read_text()
            raise RuntimeError(f"{name}, process {index}: {text[-2000:]}")
    return {
        family: [
            line["loss"]
            for split in ("train", "validation")
            for line in forks.metrics(folder / family, split)
        ]
        for family in recipes
    }


def main(argv: list[str]) -> None:
    """Trains, compares, prints."""
    del argv
    forks.import_all()
    recipes = _recipes()
    ways = ["one", *(_WAYS.value or [name for name in WAYS if name != "one"])]
    with tempfile.TemporaryDirectory() as folder:
        losses = {
            name: _run(name, recipes, pathlib.Path(folder)) for name in ways
        }
    table = {
        family: {
            name: max(
                abs(a / b - 1)
                for a, b in zip(
                    losses[name][family], losses["one"][family], strict=True
                )
            )
            for name in ways
        }
        for family in recipes
    }
    print(
        f"{'largest relative difference':32}"
        + "".join(f"{n:>14}" for n in ways)
    )
    for family, row in table.items():
        print(f"{family:32}" + "".join(f"{row[n]:14.1e}" for n in ways))
    if _OUTPUT_JSON.value:
        result = {"differences": table, "losses": losses}
        pathlib.Path(_OUTPUT_JSON.value).write_text(
            json.dumps(result, indent=2) + "\n"
        )


if __name__ == "__main__":
    app.run(main)
