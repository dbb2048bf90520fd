"""Points in a latent space: on the way between two, near one, shifted."""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_lite.generation.errors import GenerationError

_PARALLEL = 1e-6


@dataclasses.dataclass(frozen=True)
class LatentPoints:
    """What clips are decoded from; an output may be several clips in a row.

    Attributes:
      z: float32 `[outputs, clips, z_size]`.
      qpms: float64 `[outputs]`, tempos in quarters a minute; None where nobody
        said.
      controls: float32 `[outputs, clips, num_clip_events, control_depth]`,
        what the decoder is told unless something else is asked for; None for
        what it is told by default.
      start_step: where the first clip lies in time.
      num_steps: length of each output; that of its clips if None.
    """

    z: np.ndarray
    qpms: np.ndarray | None = None
    controls: np.ndarray | None = None
    start_step: int = 0
    num_steps: int | None = None


def lerp(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """On the straight line between points.

    Args:
      start: `[..., z_size]`.
      end: `[..., z_size]`.
      share: `[...]`, 0 for the start, 1 for the end.

    Returns:
      float64 `[..., z_size]`; arguments broadcast.
    """
    share = np.asarray(share, np.float64)[..., np.newaxis]
    return (1 - share) * start + share * end


def slerp(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """On the arc between points, as MusicVAE interpolates (Shoemake, 1985).

    Vectors of a Gaussian prior lie near a sphere; a straight line leaves it
    for the middle, where there are few. Points in one direction or in opposite
    ones span no arc: there the line is taken.

    Args:
      start: `[..., z_size]`.
      end: `[..., z_size]`.
      share: `[...]`, 0 for the start, 1 for the end.

    Returns:
      float64 `[..., z_size]`; arguments broadcast.
    """
    share = np.asarray(share, np.float64)
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    lengths = np.linalg.norm(start, axis=-1) * np.linalg.norm(end, axis=-1)
    cosine = (start * end).sum(axis=-1) / np.where(lengths > 0, lengths, 1)
    angle = np.arccos(np.clip(cosine, -1, 1))
    sine = np.sin(angle)
    is_flat = (sine < _PARALLEL) | (lengths == 0)
    divisor = np.where(is_flat, 1, sine)
    first = np.where(is_flat, 1 - share, np.sin((1 - share) * angle) / divisor)
    second = np.where(is_flat, share, np.sin(share * angle) / divisor)
    return first[..., np.newaxis] * start + second[..., np.newaxis] * end


PATHS = {"slerp": slerp, "lerp": lerp}
"""Ways from one point to another, by name."""


def path(
    start: np.ndarray, end: np.ndarray, num_points: int, kind: str = "slerp"
) -> np.ndarray:
    """Points evenly spread on the way between two, both included.

    Args:
      start: `[z_size]`.
      end: `[z_size]`.
      num_points: how many; a single one is the start.
      kind: one of `PATHS`.

    Returns:
      float64 `[num_points, z_size]`.

    Raises:
      GenerationError: if there is no such path, or no point on it.
    """
    if kind not in PATHS:
        raise GenerationError(
            f"path is {kind!r}; use {' or '.join(map(repr, PATHS))}."
        )
    if num_points < 1:
        raise GenerationError(f"num_outputs is {num_points}; use 1 or more.")
    return PATHS[kind](start, end, np.linspace(0, 1, num_points))


def prior(
    num_points: int, z_size: int, seed: int, same: bool = False
) -> np.ndarray:
    """Draws from the standard normal distribution.

    Args:
      num_points: how many; the first ones do not depend on it.
      z_size: of each.
      seed: makes the randomness.
      same: whether all are the first one.

    Returns:
      float64 `[num_points, z_size]`.
    """
    drawn = np.random.default_rng(seed).standard_normal(
        [1 if same else num_points, z_size]
    )
    return np.repeat(drawn, num_points, axis=0) if same else drawn


def near(
    point: np.ndarray, num_points: int, strength: float, seed: int
) -> np.ndarray:
    """Points around one: on the arcs from it to draws from the prior.

    Args:
      point: `[z_size]`.
      num_points: how many.
      strength: how far to go, from 0, the point itself, to 1, the draws.
      seed: makes the randomness.

    Returns:
      float64 `[num_points, z_size]`.

    Raises:
      GenerationError: if the strength is not in 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise GenerationError(f"strength is {strength}; use 0 to 1.")
    drawn = prior(num_points, len(point), seed)
    return slerp(point, drawn, np.full([num_points], strength))
