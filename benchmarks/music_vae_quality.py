"""How good MusicVAE and GrooVAE become in about half an hour on two cores.

Prepares the corpora, trains recipes at sizes that fit the time, and measures
the test split: how many events of a clip come back when the model decodes by
itself (temperature 1, the latent vector drawn from the clip's Gaussian) and
when it is told the events before each one, how many latent dimensions are in
use, and the bound on the likelihood. The commands are those that a user would
type; they are printed.

  python benchmarks/music_vae_quality.py
  python benchmarks/music_vae_quality.py --tasks=melody_2bar,interpolation

Tasks: `melody_2bar` (folk_tunes), `drums_2bar` (Groove, its own split),
`melody_16bar_flat` and `melody_16bar_hierarchical` (equal in weights; 2, 4 and
8 bars come first, since neither learns anything from 16 bars at once),
`humanize` (Groove, 2 bars; errors beside those of quantised input and of mean
performances), `interpolation` (the model of melody_2bar: ways between pairs of
test clips, beside mixing the two event by event), `bars` (how much of each bar
comes back from the models of 16).

Try it out in minutes: `--gin_param=NUM_STEPS=20 --gin_param=EVAL_EVERY=10
--dataset=synthetic --num_pairs=8`.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from absl import app, flags

if TYPE_CHECKING:
    import numpy as np

    from magenta_lite.codecs.base import Codec

_WORK_DIR = flags.DEFINE_string(
    "work_dir", "runs/music_vae_quality", "Datasets, runs, bundles are here."
)
_GIN_PARAM = flags.DEFINE_multi_string(
    "gin_param", [], "Changes every training, e.g. NUM_STEPS=100."
)
_DATASET = flags.DEFINE_string(
    "dataset", None, "Instead of every task's own, e.g. synthetic."
)
_NUM_PAIRS = flags.DEFINE_integer(
    "num_pairs", 512, "Pairs of test clips to interpolate between."
)
_SEED = flags.DEFINE_integer("seed", 0, "Of trainings and draws.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")
_CHILD = flags.DEFINE_string("child", None, "Internal: measure this bundle.")
_CHILD_TASK = flags.DEFINE_string("child_task", None, "Internal: in this way.")

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_NUM_POINTS = 11


@dataclasses.dataclass(frozen=True)
class _Task:
    """A training and what shall come out.

    Attributes:
      recipe: of the family music_vae.
      dataset: what it learns.
      params: what it needs otherwise than the recipe says.
      targets: by the name of a figure.
      overlays: of gin/, behind the recipe.
      lessons: params of trainings that come before, each of which starts from
        the weights of the one before; the last one hands them to this task's.
    """

    recipe: str
    dataset: str
    params: tuple[str, ...]
    targets: dict[str, float] = dataclasses.field(default_factory=dict)
    overlays: tuple[str, ...] = ()
    lessons: tuple[tuple[str, ...], ...] = ()


_MELODIES = (
    "EVAL_EVERY=200",
    "Z_SIZE=256",
    "ENCODER_UNITS=(128,)",
    "FREE_BITS=0.0",
    "MAX_BETA=0.01",
    "MelodyClipCodec.max_clips=None",
    "RandomTranspose.shifts=(-3,-2,-1,0,1,2,3)",
)
_LESSONS = (
    (2, 2500, 2e-3, 0.999),
    (4, 1200, 1e-3, 0.99),
    (8, 1200, 1e-3, 0.99),
)
"""Bars, steps, learning rate, rate of beta."""
_SIXTEEN_BARS = (16, 9000, 1e-3, 0.99)


def _melodies(
    lesson: tuple[int, int, float, float], own: str, hierarchical: bool
) -> tuple[str, ...]:
    """Params for melodies of some bars, as many events a step as of 16.

    Both models read bar by bar: what is compared are the decoders.
    """
    bars, steps, learning_rate, beta_rate = lesson
    params = [
        own,
        f"NUM_BARS={bars}",
        f"BATCH_SIZE={512 // bars}",
        f"NUM_STEPS={steps}",
        f"LEARNING_RATE={learning_rate}",
        f"BETA_RATE={beta_rate}",
        f"MusicVae.encoder_lengths=(16,{bars})",
    ]
    if hierarchical:
        params.append(f"MusicVae.decoder_lengths=({bars},16)")
    return (*_MELODIES, *params)


def _sixteen_bars(recipe: str, units: str, hierarchical: bool) -> _Task:
    """Melodies of 16 bars, after 2, 4 and 8: weights know no length."""
    own = f"DECODER_UNITS={units}"
    return _Task(
        recipe,
        "folk_tunes",
        _melodies(_SIXTEEN_BARS, own, hierarchical),
        overlays=_TRANSPOSED,
        lessons=tuple(_melodies(x, own, hierarchical) for x in _LESSONS),
    )


_COSINE = ("runs/cosine.gin",)
_TRANSPOSED = (*_COSINE, "runs/transposition.gin")
_TASKS = {
    "melody_2bar": _Task(
        "mel_2bar_demo",
        "folk_tunes",
        (),
        {"sampled_accuracy": 0.90, "active_units": 16},
    ),
    "drums_2bar": _Task(
        "drums_2bar_demo",
        "groove",
        (),
        {"sampled_accuracy": 0.85, "active_units": 16},
    ),
    "melody_16bar_flat": _sixteen_bars("flat-mel_16bar", "(161,161)", False),
    "melody_16bar_hierarchical": _sixteen_bars(
        "hierdec-mel_16bar", "(128,128)", True
    ),
    "humanize": _Task(
        "groovae_2bar_humanize",
        "groove/2bar",
        (
            "BATCH_SIZE=64",
            "NUM_STEPS=5500",
            "EVAL_EVERY=500",
            "LEARNING_RATE=2e-3",
            "MusicVae.dropout=0.1",
            "FREE_BITS=0.0",
            "MAX_BETA=0.01",
            "BETA_RATE=0.999",
            "MusicVae.sampling_schedule='inverse_sigmoid'",
            "MusicVae.sampling_rate=250.0",
            "ENCODER_UNITS=(256,)",
        ),
        overlays=_COSINE,
    ),
}
_CHOSEN = flags.DEFINE_list(
    "tasks",
    [*_TASKS, "interpolation", "bars"],
    f"Which of {', '.join(_TASKS)}, interpolation, bars.",
)


def _run(command: str, *arguments: str) -> None:
    """Runs a script of bin/ and says so."""
    print(f"$ bin/{command}.py", *arguments, flush=True)
    script = _ROOT / "bin" / f"{command}.py"
    subprocess.run([sys.executable, str(script), *arguments], check=True)


def _measure(name: str, work_dir: pathlib.Path) -> dict:
    """Trains a task's model; the figures of its test split."""
    task = _TASKS[name]
    dataset = _DATASET.value or task.dataset
    data_dir = f"--data_dir={work_dir / 'data'}"
    run_dir = work_dir / name
    if dataset != "synthetic":
        _run("prepare", f"--dataset={dataset}", data_dir)
    start = time.perf_counter()
    params, warm = [], None
    for number, chosen in enumerate((*task.lessons, task.params)):
        is_last = number == len(task.lessons)
        part = name if is_last else f"{name}_lesson_{number + 1}"
        params = [*chosen, f"SEED={_SEED.value}", *_GIN_PARAM.value]
        _train(task, dataset, work_dir, part, params, warm)
        warm = work_dir / f"{part}.mag"
    seconds = time.perf_counter() - start
    result_file = work_dir / f"{name}.json"
    _run(
        "evaluate",
        f"--run_dir={run_dir}",
        "--split=test",
        data_dir,
        f"--output_json={result_file}",
        f"--map_png={work_dir / f'{name}.png'}",
    )
    result = json.loads(result_file.read_text())
    return {
        "figures": _figures(result, run_dir),
        "params": params,
        "training_seconds": seconds,
        "evaluation": result,
    }


def _train(
    task: _Task,
    dataset: str,
    work_dir: pathlib.Path,
    part: str,
    params: list[str],
    warm_start_bundle: pathlib.Path | None,
) -> None:
    """One training, and the bundle of it."""
    run_dir = work_dir / part
    arguments = [
        f"--gin_file=recipes/music_vae/{task.recipe}.gin",
        *(f"--gin_file={overlay}" for overlay in task.overlays),
        *(f"--gin_param={param}" for param in params),
        f"--dataset={dataset}",
        f"--run_dir={run_dir}",
        f"--data_dir={work_dir / 'data'}",
    ]
    if warm_start_bundle is not None:
        arguments.append(f"--warm_start_bundle={warm_start_bundle}")
    _run("train", *arguments)
    _run(
        "export",
        f"--run_dir={run_dir}",
        f"--bundle_file={work_dir / f'{part}.mag'}",
        "--overwrite",
    )


def _figures(result: dict, run_dir: pathlib.Path) -> dict[str, float]:
    """The few that count."""
    latent, metrics = result["latent"], result["metrics"]
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    betas = [
        line["beta"]
        for line in map(json.loads, lines)
        if line["split"] == "train" and "beta" in line
    ]
    shown = (
        "sampled_accuracy",
        "sampled_accuracy_mean_z",
        "sampled_f1",
        "teacher_forced_accuracy",
        "elbo",
    )
    figures = {
        name: latent["reconstruction"][name]
        for name in shown
        if name in latent["reconstruction"]
    }
    figures["active_units"] = latent["space"]["active_units"]
    figures["kl"] = metrics["kl"]
    figures["last_training_beta"] = betas[-1] if betas else metrics["beta"]
    for version, errors in latent.get("groove", {}).items():
        for name in ("timing_mae_ms", "velocity_mae"):
            figures[f"{version} {name}"] = errors[name]
    return figures


def _in_child(task: str, name: str, work_dir: pathlib.Path) -> dict:
    """Measures a bundle in a process of its own, which loads TensorFlow."""
    bundle = work_dir / f"{name}.mag"
    if not bundle.exists():
        raise SystemExit(f"{bundle} is missing; the task {name} makes it.")
    arguments = [
        f"--child={bundle}",
        f"--child_task={task}",
        f"--work_dir={work_dir}",
        f"--num_pairs={_NUM_PAIRS.value}",
        f"--seed={_SEED.value}",
    ]
    if _DATASET.value:
        arguments.append(f"--dataset={_DATASET.value}")
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _clips(codec: Codec, split: str, work_dir: pathlib.Path) -> np.ndarray:
    """The clips of a split of folk_tunes: int `[clips, time]`."""
    import numpy as np

    from magenta_lite.cli import open_dataset
    from magenta_lite.data import event_cache

    data_dir = str(work_dir / "data")
    dataset = open_dataset.open_dataset(
        _DATASET.value or _TASKS["melody_2bar"].dataset, data_dir
    )
    cache = event_cache.build_event_cache(
        dataset, split, codec, open_dataset.cache_dir(data_dir)
    )
    return np.stack(list(cache.examples()))


def _measure_bars(bundle: str, work_dir: pathlib.Path) -> dict:
    """The share of the test split's events that come back, of each bar."""
    import numpy as np

    import magenta_lite
    from magenta_lite.generation.clip_input import Clip
    from magenta_lite.generation.options import Settings

    generator = magenta_lite.load_bundle(bundle)
    clips = _clips(generator.codec, "test", work_dir)
    mu = generator.latents([Clip(clip) for clip in clips]).mu
    events, _ = generator.draw(mu, Settings(seed=_SEED.value))
    same = np.stack(events)[:, : clips.shape[1]] == clips
    by_bar = same.reshape([len(clips), 16, -1]).mean(axis=(0, 2))
    return {"accuracy_by_bar": by_bar.tolist()}


def _measure_interpolation(bundle: str, work_dir: pathlib.Path) -> dict:
    """Distances along ways in the latent space, and along direct mixes."""
    import numpy as np

    import magenta_lite
    from magenta_lite.evaluation import interpolation
    from magenta_lite.generation import latent_points
    from magenta_lite.generation.clip_input import Clip
    from magenta_lite.generation.options import Settings

    generator = magenta_lite.load_bundle(bundle)
    clips = _clips(generator.codec, "test", work_dir)
    order = np.random.default_rng(_SEED.value).permutation(len(clips))
    pairs = min(_NUM_PAIRS.value, len(clips) // 2)
    starts, ends = clips[order[:pairs]], clips[order[pairs : 2 * pairs]]
    mu = generator.latents([Clip(c) for c in [*starts, *ends]]).mu
    shares = np.linspace(0, 1, _NUM_POINTS)
    z = latent_points.slerp(mu[:pairs, None], mu[pairs:, None], shares)
    # What is likeliest: noise of the draws would add to every distance.
    events, _ = generator.draw(
        z.reshape([-1, z.shape[-1]]), Settings(temperature=0.0)
    )
    ways = {
        "latent": events.reshape([pairs, _NUM_POINTS, -1]),
        "mixed": interpolation.direct_mixes(
            starts, ends, _NUM_POINTS, _SEED.value
        ),
    }
    training = list(_clips(generator.codec, "train", work_dir))
    return {
        "num_pairs": pairs,
        **{
            kind: interpolation.path_distances(way)
            | {
                "bigram_nats": [
                    interpolation.bigram_nats(
                        training, way[:, point], generator.codec.num_events
                    )
                    for point in range(_NUM_POINTS)
                ]
            }
            for kind, way in ways.items()
        },
    }


def _tell(name: str, result: dict) -> None:
    """Prints the figures of a task beside their targets."""
    print(f"== {name}")
    if name == "interpolation":
        for kind in ("latent", "mixed"):
            for what, values in result[kind].items():
                row = " ".join(f"{value:6.3f}" for value in values)
                print(f"  {kind + ' ' + what:<24}{row}")
        return
    if name == "bars":
        for model, found in result.items():
            row = " ".join(f"{x:5.3f}" for x in found["accuracy_by_bar"])
            print(f"  {model:<28}{row}")
        return
    targets = _TASKS[name].targets
    for figure, value in result["figures"].items():
        target = f"  (target {targets[figure]})" if figure in targets else ""
        print(f"  {figure:<28}{value:10.4f}{target}")
    print(f"  trained in {result['training_seconds']:.0f} s")


def main(argv: list[str]) -> None:
    """Measures and prints."""
    del argv
    work_dir = pathlib.Path(_WORK_DIR.value).resolve()
    if _CHILD.value:
        measures = {
            "interpolation": _measure_interpolation,
            "bars": _measure_bars,
        }
        measure = measures[_CHILD_TASK.value]
        print(json.dumps(measure(_CHILD.value, work_dir)))
        return
    work_dir.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in _CHOSEN.value:
        if name == "interpolation":
            results[name] = _in_child(name, "melody_2bar", work_dir)
        elif name == "bars":
            results[name] = {
                model: _in_child(name, model, work_dir)
                for model in ("melody_16bar_hierarchical", "melody_16bar_flat")
            }
        else:
            results[name] = _measure(name, work_dir)
        _tell(name, results[name])
        if _OUTPUT_JSON.value:  # after each, since every one takes its time
            pathlib.Path(_OUTPUT_JSON.value).write_text(
                json.dumps(results, indent=2) + "\n"
            )


if __name__ == "__main__":
    app.run(main)
