"""RNN-NADE on the four collections of piano_rolls, beside published results.

Prepares each collection, trains `rnn-nade_rolls` on its training split, takes
the checkpoint that is best on its validation split, and measures the test
split: the mean negative log-likelihood of a frame of 88 keys, in nats, over all
frames of all test pieces, the first frame of each piece included. The commands
are those that a user would type; they are printed.

  python benchmarks/pianoroll_nade.py --rolls_dir=FOLDER_OF_MAT_FILES
  python benchmarks/pianoroll_nade.py --rolls_dir=FOLDER --sets=jsb_chorales
"""

import json
import pathlib

import recipe_runs
from absl import app, flags

_ROLLS_DIR = flags.DEFINE_string(
    "rolls_dir", None, "Holds JSB_Chorales.mat and so on.", required=True
)
_SETS = flags.DEFINE_list(
    "sets",
    ["jsb_chorales", "nottingham", "piano_midi", "muse_data"],
    "Which collections.",
)
_WORK_DIR = flags.DEFINE_string(
    "work_dir", "runs/pianoroll_nade", "Datasets and runs are kept here."
)
_GIN_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "Changes every training, e.g. NUM_STEPS=100."
)
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_RECIPE = "pianoroll_rnn_nade/rnn-nade_rolls"

# What a collection needs otherwise than the recipe says. Chorales and piano
# pieces are few: in their own key alone they are soon learned by heart.
_ALL_KEYS = "train.augmentations=(@RandomTranspose(),)"
_PARAMS = {
    "jsb_chorales": ["BATCH_SIZE=8", "WIDTH=256", _ALL_KEYS],
    "nottingham": ["EventRnn.dropout=0.2", "NUM_STEPS=2200"],
    "piano_midi": ["NUM_STEPS=900", _ALL_KEYS],
    "muse_data": ["EventRnn.dropout=0.2", "NUM_STEPS=900"],
}

# Test nats a frame, as quoted in the literature; NADE models first: their
# likelihood, too, is that of keys that depend on each other.
_PUBLISHED = {
    "RNN-NADE (Boulanger-Lewandowski 2012)": (5.19, 2.31, 7.05, 5.60),
    "DMM-Aug-NADE (Krishnan 2017)": (5.118, 2.305, 7.048, 6.049),
    "RNN-RBM (Boulanger-Lewandowski 2012)": (6.27, 2.39, 7.09, 6.01),
    "LSTM, independent keys (Bai 2018)": (8.45, 3.29, None, None),
    "TCN, independent keys (Bai 2018)": (8.10, 3.07, None, None),
}
_COLUMNS = ("jsb_chorales", "nottingham", "piano_midi", "muse_data")


def _run_of(name: str) -> recipe_runs.RecipeRun:
    """The training on one collection."""
    return recipe_runs.RecipeRun(
        name,
        _RECIPE,
        f"piano_rolls/{name}",
        (*_PARAMS[name], *_GIN_PARAM.value),
    )


def _table(results: dict[str, dict]) -> str:
    """Ours above the published rows."""
    ours = [results.get(n, {}).get("metrics", {}).get("loss") for n in _COLUMNS]
    rows = {"rnn-nade_rolls, this run": ours, **_PUBLISHED}
    lines = [
        f"{'test nats a frame':<40}" + "".join(f"{n:>14}" for n in _COLUMNS)
    ]
    for name, values in rows.items():
        cells = ["-" if v is None else f"{v:.3f}" for v in values]
        lines.append(f"{name:<40}" + "".join(f"{c:>14}" for c in cells))
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    """Measures and prints."""
    del argv
    work_dir = pathlib.Path(_WORK_DIR.value).resolve()
    work_dir.mkdir(parents=True, exist_ok=True)
    results = {
        name: recipe_runs.measure(_run_of(name), work_dir, _ROLLS_DIR.value)
        for name in _SETS.value
    }
    print(_table(results))
    for name, result in results.items():
        print(f"{name}: trained in {result['training_seconds']:.0f} s")
    if _OUTPUT_JSON.value:
        pathlib.Path(_OUTPUT_JSON.value).write_text(
            json.dumps(results, indent=2) + "\n"
        )


if __name__ == "__main__":
    app.run(main)
