"""How close drums are played to how a drummer played them."""

from __future__ import annotations

import numpy as np

_MIDI_VELOCITIES = 127
_STIFF_VELOCITY = 100 / _MIDI_VELOCITIES


def groove_errors(
    made: np.ndarray,
    truth: np.ndarray,
    qpms: np.ndarray,
    steps_per_quarter: int = 4,
) -> dict[str, float]:
    """Errors of timing and loudness at the drummer's own hits.

    An offset of 1 is half a step early. Hits that were not made are measured
    all the same: a model says of every drum how it would be hit.

    Args:
      made: float `[clips, time, 3 * drums]`: hits, velocities from 0 to 1,
        offsets from -1 to 1; as `GrooveEncoding.labels`.
      truth: the same.
      qpms: float `[clips]`, tempos.
      steps_per_quarter: of the grid.

    Returns:
      `timing_mae_ms`; `velocity_mae` in MIDI's 127 steps; `velocity_mse` of
      velocities from 0 to 1; `hit_f1`, `num_hits`.
    """
    made_hits, made_velocity, made_offset = np.split(made, 3, axis=-1)
    hits, velocity, offset = np.split(truth, 3, axis=-1)
    hits, made_hits = hits > 0.5, made_hits > 0.5
    half_step_ms = 1000 * 60 / np.asarray(qpms) / steps_per_quarter / 2
    late_ms = np.abs(made_offset - offset) * half_step_ms[:, None, None]
    loud = np.abs(made_velocity - velocity)
    both = (hits & made_hits).sum()
    all_hits = hits.sum() + made_hits.sum()
    if not hits.any():
        return {"num_hits": 0}
    return {
        "timing_mae_ms": float(late_ms[hits].mean()),
        "velocity_mae": float(_MIDI_VELOCITIES * loud[hits].mean()),
        "velocity_mse": float(np.square(loud[hits]).mean()),
        "hit_f1": float(2 * both / all_hits),
        "num_hits": int(hits.sum()),
    }


def stiff(truth: np.ndarray) -> np.ndarray:
    """The same hits on the grid, all at velocity 100: quantised input."""
    hits, velocity, offset = np.split(truth, 3, axis=-1)
    loud = np.full_like(velocity, _STIFF_VELOCITY)
    return np.concatenate([hits, loud, np.zeros_like(offset)], axis=-1)


def mean_performance(
    truth: np.ndarray, training: np.ndarray, steps_per_bar: int | None = None
) -> np.ndarray:
    """The same hits as they are played on average.

    Args:
      truth: float `[clips, time, 3 * drums]`, whose hits are taken.
      training: the same, of whose hits velocities and offsets are averaged.
      steps_per_bar: if given, a mean for each step of a bar, where there is a
        hit; else one for each drum.
    """
    num_steps = truth.shape[1]
    hits, *played = np.split(training, 3, axis=-1)
    parts = [truth[..., : truth.shape[-1] // 3]]
    for values in played:
        by_drum = _mean(hits, values)
        table = np.tile(by_drum, [num_steps, 1])  # [t, d]
        if steps_per_bar:
            places = np.arange(training.shape[1]) % steps_per_bar
            for place in range(steps_per_bar):
                chosen = places == place
                own = _mean(hits[:, chosen], values[:, chosen], by_drum)
                table[np.arange(num_steps) % steps_per_bar == place] = own
        parts.append(np.broadcast_to(table, parts[0].shape))
    return np.concatenate(parts, axis=-1)


def _mean(
    hits: np.ndarray, values: np.ndarray, fallback: np.ndarray | float = 0.0
) -> np.ndarray:
    """Of values at hits, by drum: `[drums]`."""
    count = hits.sum(axis=(0, 1))
    total = (hits * values).sum(axis=(0, 1))
    return np.where(count > 0, total / np.maximum(count, 1), fallback)
