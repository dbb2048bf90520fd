"""Do melodies of a trained Improv RNN fit the chords that it is given?

Takes the tunes of the test split, gives the model the chords of each and the
first steps of its melody, lets it go on, and counts which of the new notes are
tones of the chord they start over: all of them, and those that start where the
chord changes. Beside it stands the same count of the tunes themselves, and what
chance gives: the same notes, had the chords been in another key. Also measures
what counting single melody events and pairs of them predicts of the test split,
to compare with the loss that bin/evaluate.py prints, and the longest run of
melody events that a new melody has from the training split.

  python benchmarks/improv_chords.py --run_dir=runs/attention_improv
"""

import json
import pathlib

import numpy as np
from absl import app, flags

from magenta_lite.cli.open_dataset import cache_dir, open_dataset
from magenta_lite.codecs.lead_sheet import LeadSheetCodec
from magenta_lite.data.event_cache import build_event_cache
from magenta_lite.evaluation.chord_tones import chord_tones
from magenta_lite.evaluation.copied_runs import longest_copied_runs
from magenta_lite.generation.conditions import Conditions
from magenta_lite.generation.generator import Generator
from magenta_lite.generation.options import Settings
from magenta_lite.training.run_dir import load_run

_RUN_DIR = flags.DEFINE_string(
    "run_dir", None, "A run of an improv recipe.", required=True
)
_DATASET = flags.DEFINE_string("dataset", None, "The run's own if not set.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where datasets lie.")
_NUM_TUNES = flags.DEFINE_integer("num_tunes", 40, "How many chord sequences.")
_PRIMER_STEPS = flags.DEFINE_integer("primer_steps", 16, "Given of each tune.")
_NUM_STEPS = flags.DEFINE_integer("num_steps", 128, "Length, primer included.")
_TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "Of generation.")
_SEED = flags.DEFINE_integer("seed", 0, "Of generation.")
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")


def _examples(name: str, split: str, codec: LeadSheetCodec) -> list[np.ndarray]:
    cache = build_event_cache(
        open_dataset(name, _DATA_DIR.value),
        split,
        codec,
        cache_dir(_DATA_DIR.value),
    )
    return list(cache.examples())


def _improvise(generator: Generator, tune: np.ndarray) -> np.ndarray:
    """New events over a tune's chords, without those that were given."""
    num_given = _PRIMER_STEPS.value
    codec = generator.codec
    sheet = codec.decode(tune[: _NUM_STEPS.value])
    chords = codec.controls_of(sheet, _NUM_STEPS.value)
    (made,) = generator.compose(
        codec.decode(tune[:num_given]),
        _NUM_STEPS.value,
        Settings(temperature=_TEMPERATURE.value, seed=_SEED.value),
        conditions=Conditions(chords),
    )
    return made.events[num_given:]


def _n_gram_losses(
    train: list[np.ndarray], test: list[np.ndarray], size: int
) -> dict[str, float]:
    """Nats an event of unigrams and bigrams, one added to each count."""
    pairs = np.ones([size, size])
    for events in train:
        np.add.at(pairs, (events[:-1, 0], events[1:, 0]), 1)
    single = pairs.sum(axis=0) - size + 1
    unigrams = np.log(single / single.sum())
    bigrams = np.log(pairs / pairs.sum(axis=1, keepdims=True))
    before = np.concatenate([events[:-1, 0] for events in test])
    after = np.concatenate([events[1:, 0] for events in test])
    return {
        "unigram": -float(unigrams[after].mean()),
        "bigram": -float(bigrams[before, after].mean()),
    }


def main(argv: list[str]) -> None:
    """Measures and prints."""
    del argv
    run = load_run(_RUN_DIR.value)
    codec = run.codec
    name = _DATASET.value or run.manifest["dataset"]["name"]
    train, test = (_examples(name, s, codec) for s in ("train", "test"))
    tunes = [e for e in test if len(e) >= _NUM_STEPS.value]
    tunes = tunes[: _NUM_TUNES.value]
    generator = Generator(run.model, codec, run.recipe, jit_compile=False)
    made = [_improvise(generator, tune) for tune in tunes]
    given = [t[_PRIMER_STEPS.value : _NUM_STEPS.value] for t in tunes]
    result = {"baselines": _n_gram_losses(train, test, codec.field_sizes[0])}
    for what, pieces in (("made", made), ("test", given)):
        for where, at_changes in (("all", False), ("changes", True)):
            found = chord_tones(codec, pieces, at_changes)
            result[f"{what}_{where}"] = vars(found)
            print(
                f"{what}, notes at {where}: {found.share:.1%} of "
                f"{found.num_notes} are chord tones (chance "
                f"{found.chance:.1%})"
            )
    melodies = [events[:, 0] for events in train]
    runs = longest_copied_runs([m[:, 0] for m in made], melodies)
    result["longest_copied_runs"] = runs
    print(f"longest copied runs: median {np.median(runs)}, most {max(runs)}")
    print("n-grams, nats an event:", result["baselines"])
    if _OUTPUT_JSON.value:
        text = json.dumps(result, indent=2, default=float) + "\n"
        pathlib.Path(_OUTPUT_JSON.value).write_text(text)


if __name__ == "__main__":
    app.run(main)
