"""What bin/evaluate.py measures of a latent model, beside its loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from magenta_lite.codecs.clips import QUARTERS_PER_BAR, ClipCodec
from magenta_lite.codecs.groove import GrooveClipCodec
from magenta_lite.data.event_cache import Dataset, EventCache
from magenta_lite.evaluation import (
    clip_statistics,
    groove_metrics,
    latent_map,
    latent_use,
    reconstruction,
)
from magenta_lite.generation import clip_input
from magenta_lite.generation.clip_input import Clip
from magenta_lite.generation.latent import LatentGenerator
from magenta_lite.generation.options import Settings
from magenta_lite.models.base import LatentModel
from magenta_lite.notes.proto import NoteSequence

_MAX_SAMPLES = 1024
_MAX_MAPPED = 5000
_ROWS_AT_ONCE = 256
_ROWS_STEP = 64


def report(
    model: LatentModel,
    codec: ClipCodec,
    dataset: Dataset,
    split: str,
    cache: EventCache,
    batches: Iterable[Mapping[str, tf.Tensor]],
    cache_of: Callable[[str], EventCache],
    map_png: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Measures a latent model on a split.

    Args:
      model: any latent model.
      codec: of the model.
      dataset: what is measured on.
      split: which part of it.
      cache: the split's events.
      batches: the same as batches.
      cache_of: the events of another split, of which means are taken.
      map_png: where to draw a map of the clips; None for nowhere.
      seed: makes the randomness.

    Returns:
      JSON values by name: `reconstruction`, `space` (divergence of each
      dimension, active units), `prior` (draws from the prior beside clips of
      the split), and for models of performed drums `groove`.
    """
    generator = LatentGenerator(model, codec)

    def draw(z: np.ndarray, controls: np.ndarray, seed: int) -> np.ndarray:
        # Every other number of rows would be compiled anew.
        added = [[0, -len(z) % _ROWS_STEP]]
        made, _ = generator.draw(
            np.pad(z, [*added, [0, 0]]),
            Settings(seed=seed),
            np.pad(controls, [*added, [0, 0], [0, 0]]),
        )
        return made[: len(z)]

    result = {
        "reconstruction": reconstruction.measure_reconstruction(
            model, batches, draw, seed
        ),
        "space": latent_use.measure_latent_use(model, batches).as_json(),
        "prior": _prior(generator, _chosen(cache, _MAX_SAMPLES), draw, seed),
    }
    if isinstance(codec, GrooveClipCodec):
        training = cache_of("train") if "train" in dataset.splits else None
        result["groove"] = _groove(generator, dataset, split, training)
    if map_png:
        title = f"{dataset.name}/{split}: {cache.num_examples:,} clips"
        path = Path(map_png).expanduser()
        _draw_map(generator, _chosen(cache, _MAX_MAPPED), path, title)
    return result


def format_report(result: Mapping[str, Any]) -> list[str]:
    """A report as lines for people."""
    lines = []
    for title, values in result.items():
        numbers = {
            name: value
            for name, value in values.items()
            if isinstance(value, int | float)
        }
        lines += [f"{title}:"] if numbers else []
        lines += [f"  {n:<36}{v:10.4f}" for n, v in numbers.items()]
        for name, inner in values.items():
            if isinstance(inner, dict):
                told = ", ".join(f"{n} {v:.4g}" for n, v in inner.items())
                lines.append(f"{title}, {name}: {told}")
    return lines


def _prior(
    generator: LatentGenerator,
    clips: list[np.ndarray],
    draw: Callable[[np.ndarray, np.ndarray, int], np.ndarray],
    seed: int,
) -> dict[str, Any]:
    """Draws from the prior beside as many clips, under the same controls."""
    controls = generator.controls_of([Clip(events) for events in clips])
    z = generator.prior_points(len(clips), seed).z[:, 0]
    made = draw(z, controls, seed)
    data = clip_statistics.clip_statistics(generator.codec, clips)
    ours = clip_statistics.clip_statistics(generator.codec, list(made))
    return {
        **clip_statistics.distances(ours, data),
        "samples": ours.as_json(),
        "data": data.as_json(),
    }


def _groove(
    generator: LatentGenerator,
    dataset: Dataset,
    split: str,
    training: EventCache | None,
) -> dict[str, Any]:
    """How close to a drummer a model plays what a drummer played.

    The likeliest hits of the mean vector, beside the same hits quantised and
    as they are played on average. The dataset tells the tempos.
    """
    codec = generator.codec
    clips = []
    for _, data in dataset.sequences(split):
        sequence = NoteSequence.FromString(data)
        qpm = clip_input.qpm_of(sequence)
        clips += [Clip(e, qpm) for e in codec.extract(sequence).events]
    bar = codec.num_clip_events // clip_input.num_bars(codec)
    truth = _numbers(generator, [clip.events for clip in clips])
    made = []
    for first in range(0, len(clips), _ROWS_AT_ONCE):
        points = generator.clip_points(clips[first : first + _ROWS_AT_ONCE])
        assert points.controls is not None
        events, _ = generator.draw(
            points.z[:, 0], Settings(temperature=0.0), points.controls[:, 0]
        )
        made.append(_numbers(generator, list(events)))
    versions = {
        "model": np.concatenate(made),
        "quantised": groove_metrics.stiff(truth),
    }
    if training is not None:
        known = _numbers(generator, list(training.examples()))
        mean = groove_metrics.mean_performance
        versions["mean"] = mean(truth, known)
        versions["mean_by_step"] = mean(truth, known, bar)
    qpms = np.array([clip.qpm for clip in clips])
    steps_per_quarter = bar // QUARTERS_PER_BAR
    return {
        name: groove_metrics.groove_errors(
            version, truth, qpms, steps_per_quarter
        )
        for name, version in versions.items()
    }


def _draw_map(
    generator: LatentGenerator, clips: list[np.ndarray], path: Path, title: str
) -> None:
    """Draws where clips lie in the latent space."""
    mu = generator.latents([Clip(events) for events in clips]).mu
    notes = clip_statistics.clip_statistics(generator.codec, clips).notes
    path.parent.mkdir(parents=True, exist_ok=True)
    latent_map.draw_map(mu, notes, path, "notes in the clip", title)


def _chosen(cache: EventCache, most: int) -> list[np.ndarray]:
    """At most so many examples, evenly spread."""
    count = cache.num_examples
    places = set(np.linspace(0, count - 1, min(most, count)).astype(int))
    return [e for i, e in enumerate(cache.examples()) if i in places]


def _numbers(
    generator: LatentGenerator, events: list[np.ndarray]
) -> np.ndarray:
    """Hits, velocities, offsets of clips: float32 `[n, time, 3 * drums]`."""
    stacked = tf.constant(np.stack(events), tf.int32)
    return generator.model.encoding.labels(stacked).numpy()
