"""What a trained model plays, in numbers, beside the music it should be like.

Makes some pieces and sets their statistics against those of as long beginnings
of the pieces of the test split: range, longest note, the longest run of events
that comes twice, the longest that stands in the training split, too. Of drums
also how alike neighbouring bars are, and how often each drum is hit.

  python benchmarks/made_music.py --run_dir=runs/drum_kit \
    --output_dir=music
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping

import numpy as np
from absl import app, flags

from magenta_lite.cli import music_files
from magenta_lite.cli.open_dataset import cache_dir, open_dataset
from magenta_lite.codecs.base import Codec, DecodeContext
from magenta_lite.codecs.drums import DrumsCodec
from magenta_lite.data.event_cache import build_event_cache
from magenta_lite.evaluation import drum_statistics, piece_statistics
from magenta_lite.evaluation.piece_statistics import PieceStatistics
from magenta_lite.generation.generator import Generation, Generator
from magenta_lite.generation.options import Settings
from magenta_lite.notes.postprocess import post_process
from magenta_lite.notes.proto import NoteSequence
from magenta_lite.training.run_dir import load_run

_RUN_DIR = flags.DEFINE_string(
    "run_dir", None, "A run of bin/train.py.", required=True
)
_DATASET = flags.DEFINE_string("dataset", None, "The run's own if not set.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where datasets lie.")
_NUM_OUTPUTS = flags.DEFINE_integer("num_outputs", 16, "How many pieces.")
_NUM_STEPS = flags.DEFINE_integer(
    "num_steps", None, "Length of a piece; the codec's default if not set."
)
_TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "Above 1: more random.")
_TOP_P = flags.DEFINE_float("top_p", 1.0, "See bin/generate.py.")
_SEED = flags.DEFINE_integer("seed", 0, "The same seed, the same music.")
_QPM = flags.DEFINE_float("qpm", None, "Tempo of what is written.")
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", None, "Where pieces are written as MIDI and PNG, if set."
)
_OUTPUT_JSON = flags.DEFINE_string("output_json", None, "Where to write.")

_DEFAULT_QPM = 120.0


def _make() -> tuple[Generator, str, list[Generation]]:
    """The generator, the name of its data set, and new pieces."""
    run = load_run(_RUN_DIR.value)
    generator = Generator(run.model, run.codec, run.recipe)
    settings = Settings(
        temperature=_TEMPERATURE.value,
        top_p=_TOP_P.value,
        num_outputs=_NUM_OUTPUTS.value,
        seed=_SEED.value,
    )
    made = generator.compose(
        num_steps=_NUM_STEPS.value, settings=settings, qpm=_QPM.value
    )
    return generator, _DATASET.value or run.manifest["dataset"]["name"], made


def _write(generator: Generator, made: list[Generation]) -> None:
    output_dir = pathlib.Path(_OUTPUT_DIR.value)
    output_dir.mkdir(parents=True, exist_ok=True)
    for number, generation in enumerate(made):
        title = f"{generator.bundle_id} · seed {_SEED.value} · {number + 1}"
        stem = output_dir / f"{generator.bundle_id}_{number + 1:02}"
        music_files.write(generation, stem, ["mid", "png"], title)


def _events(name: str, split: str, codec: Codec) -> list[np.ndarray]:
    """All examples of a split."""
    cache = build_event_cache(
        open_dataset(name, _DATA_DIR.value),
        split,
        codec,
        cache_dir(_DATA_DIR.value),
    )
    return list(cache.examples())


def _beginnings(
    examples: list[np.ndarray], codec: Codec, num_steps: int
) -> list[np.ndarray]:
    """As long as the new pieces, of all examples that are so long."""
    table = codec.steps_table()
    cut = [piece_statistics.first_steps(e, table, num_steps) for e in examples]
    pairs = zip(cut, examples, strict=True)
    return [some for some, whole in pairs if len(some) < len(whole)]


def _play(events: np.ndarray, codec: Codec, num_steps: int) -> NoteSequence:
    """What a generator would make of events."""
    rate = codec.steps_per_second(_QPM.value or _DEFAULT_QPM)
    context = DecodeContext(qpm=_QPM.value or _DEFAULT_QPM)
    return post_process(codec.decode(events, context), num_steps / rate)


def _drum_numbers(
    sets: Mapping[str, list[np.ndarray]], codec: DrumsCodec
) -> dict[str, dict]:
    """Bar-to-bar consistency and shares of the drums, of sets by name.

    Also how far the shares are from those of "test": 0 alike, 1 disjoint.
    """
    bar = 4 * codec.steps_per_quarter
    shares = {
        name: drum_statistics.class_histogram(events, len(codec.drum_classes))
        for name, events in sets.items()
    }
    return {
        name: {
            "bar_consistency": drum_statistics.bar_consistency(events, bar),
            "class_histogram": shares[name].round(4).tolist(),
            "distance_to_test": drum_statistics.total_variation(
                shares[name], shares["test"]
            ),
        }
        for name, events in sets.items()
    }


def _print(made: list[PieceStatistics], test: list[PieceStatistics]) -> None:
    """Medians, and the most extreme piece of each kind."""
    print(f"{'median (least to most)':24}{'made':>28}{'test split':>28}")
    for field in dataclasses.fields(PieceStatistics):
        cells = []
        for pieces in (made, test):
            values = [getattr(piece, field.name) for piece in pieces]
            middle = piece_statistics.medians(pieces)[field.name]
            ends = f"({min(values):.5g} to {max(values):.5g})"
            cells.append(f"{middle:.5g} {ends}")
        print(f"{field.name:24}" + "".join(f"{cell:>28}" for cell in cells))


def main(argv: list[str]) -> None:
    """Makes pieces and measures them."""
    del argv
    generator, dataset, made = _make()
    codec = generator.codec
    num_steps = _NUM_STEPS.value or codec.default_num_steps
    training = _events(dataset, "train", codec)
    test = _beginnings(_events(dataset, "test", codec), codec, num_steps)
    new = [generation.events for generation in made]
    new_pieces = piece_statistics.describe_pieces(
        [generation.sequence for generation in made], new, training
    )
    test_pieces = piece_statistics.describe_pieces(
        [_play(events, codec, num_steps) for events in test], test, training
    )
    print(
        f"{generator.bundle_id}: {len(new)} pieces of {num_steps} steps, seed "
        f"{_SEED.value}; {len(test)} of {dataset}/test"
    )
    _print(new_pieces, test_pieces)
    result = {
        "id": generator.bundle_id,
        "dataset": dataset,
        "num_steps": num_steps,
        "settings": {
            flag.name: flag.value for flag in (_TEMPERATURE, _TOP_P, _SEED)
        },
        "made": [dataclasses.asdict(piece) for piece in new_pieces],
        "test": [dataclasses.asdict(piece) for piece in test_pieces],
    }
    if isinstance(codec, DrumsCodec):
        known = _beginnings(training, codec, num_steps)
        result["drums"] = _drum_numbers(
            {"made": new, "test": test, "train": known}, codec
        )
        for name, numbers in result["drums"].items():
            print(f"{name:6}{json.dumps(numbers)}")
    if _OUTPUT_DIR.value:
        _write(generator, made)
    if _OUTPUT_JSON.value:
        text = json.dumps(result, indent=2) + "\n"
        pathlib.Path(_OUTPUT_JSON.value).write_text(text)


if __name__ == "__main__":
    app.run(main)
