"""Trains one recipe of each family at a size for two processor cores.

Prepares the data set, trains, takes the checkpoint that is best on the
validation split, and measures the test split beside plain statistics. The
commands are those that a user would type; they are printed. A run that is there
is not trained again, one that was stopped goes on.

  python benchmarks/event_rnns.py
  python benchmarks/event_rnns.py --runs=performance_with_dynamics \
    --dataset=maestro/asap --manual_dir=FOLDER

RNN-NADE has a script of its own, pianoroll_nade.py; what the runs play is
measured by made_music.py and improv_chords.py.
"""

import dataclasses
import json
import pathlib

import recipe_runs
from absl import app, flags

_COSINE = ("runs/cosine.gin",)
# Layers that add their input to their output learn from the first step on. One
# that attends, behind its own projection of the inputs, else predicts no more
# than unigrams for hundreds of steps.
_RESIDUAL = "EventRnn.residual=True"
_RUNS = {
    "demo": recipe_runs.RecipeRun("demo", "melody_rnn/demo", "folk_tunes"),
    "drum_kit": recipe_runs.RecipeRun(
        "drum_kit",
        "drums_rnn/drum_kit",
        "groove",
        (
            "WIDTH=128",
            "DEPTH=2",
            _RESIDUAL,
            "BATCH_SIZE=8",
            "LEARNING_RATE=3e-3",
            "NUM_STEPS=900",
            "LOG_EVERY=20",
            "EVAL_EVERY=60",
            "PATIENCE=None",
            "EventRnn.dropout=0.25",
        ),
        _COSINE,
    ),
    "basic_improv": recipe_runs.RecipeRun(
        "basic_improv",
        "improv_rnn/basic_improv",
        "nottingham",
        (
            "DEPTH=1",
            "BATCH_SIZE=64",
            "MAX_EVENTS=128",
            "LEARNING_RATE=1e-2",
            "NUM_STEPS=600",
            "EVAL_EVERY=100",
            "EventRnn.dropout=0.1",
        ),
        _COSINE,
    ),
    "performance_with_dynamics": recipe_runs.RecipeRun(
        "performance_with_dynamics",
        "performance_rnn/performance_with_dynamics",
        "maestro",
        (
            "WIDTH=512",
            "DEPTH=1",
            _RESIDUAL,
            "BATCH_SIZE=32",
            "MAX_EVENTS=256",
            "LEARNING_RATE=4e-3",
            "NUM_STEPS=6000",
            "EVAL_EVERY=500",
            "PATIENCE=None",
            "EventRnn.dropout=0.1",
        ),
        (*_COSINE, "runs/performance_augmentation.gin"),
    ),
    "polyphony": recipe_runs.RecipeRun(
        "polyphony",
        "polyphony_rnn/polyphony",
        "bach_chorales",
        (
            "WIDTH=128",
            "DEPTH=2",
            _RESIDUAL,
            "BATCH_SIZE=16",
            "MAX_EVENTS=256",
            "LEARNING_RATE=4e-3",
            "NUM_STEPS=800",
            "EVAL_EVERY=100",
            "PATIENCE=None",
            "EventRnn.dropout=0.25",
        ),
        _COSINE,
    ),
}

# Nats an event as published: an LSTM of full size on eleven hundred recordings
# of the Piano-e-Competition (Huang et al., 2018), of their validation split.
_PUBLISHED = {"performance_with_dynamics": 1.97}

_NAMES = flags.DEFINE_list("runs", list(_RUNS), f"Some of {', '.join(_RUNS)}.")
_DATASET = flags.DEFINE_string(
    "dataset", None, "Instead of the run's own; with one of --runs."
)
_MANUAL_DIR = flags.DEFINE_string(
    "manual_dir", None, "Where its files lie; with one of --runs."
)
_WORK_DIR = flags.DEFINE_string(
    "work_dir", "runs/event_rnns", "Datasets and runs are kept here."
)
_GIN_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "Changes every training, e.g. NUM_STEPS=100."
)
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")


def _run_of(name: str) -> recipe_runs.RecipeRun:
    """A training as the flags want it."""
    run = _RUNS[name]
    return dataclasses.replace(
        run,
        dataset=_DATASET.value or run.dataset,
        params=(*run.params, *_GIN_PARAM.value),
    )


def _print(name: str, result: dict) -> None:
    """The losses of a run and what it took."""
    metrics = result["metrics"]
    losses = {"model": metrics["loss"]} | {
        baseline: score["loss"]
        for baseline, score in result["baselines"].items()
    }
    if name in _PUBLISHED:
        losses["published"] = _PUBLISHED[name]
    print(
        f"{name} on {result['dataset']}/{result['split']}, step "
        f"{result['step']} of {result['num_steps']}, seed {result['seed']}, "
        f"{result['training_seconds']:.0f} s: nats an event: "
        + ", ".join(f"{n} {loss:.3f}" for n, loss in losses.items())
        + f"; nats a step: model {metrics['loss_per_step']:.4f}"
    )


def main(argv: list[str]) -> None:
    """Measures and prints."""
    del argv
    if len(_NAMES.value) > 1 and (_DATASET.value or _MANUAL_DIR.value):
        raise app.UsageError("--dataset and --manual_dir go with one run.")
    work_dir = pathlib.Path(_WORK_DIR.value).resolve()
    work_dir.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in _NAMES.value:
        results[name] = recipe_runs.measure(
            _run_of(name), work_dir, _MANUAL_DIR.value
        )
    for name, result in results.items():
        _print(name, result)
    if _OUTPUT_JSON.value:
        text = json.dumps(results, indent=2) + "\n"
        pathlib.Path(_OUTPUT_JSON.value).write_text(text)


if __name__ == "__main__":
    app.run(main)
