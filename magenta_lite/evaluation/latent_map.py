"""Clips in the plane: the two directions in which they vary most."""

from __future__ import annotations

import os

import numpy as np

from magenta_lite.notes import plot
from magenta_lite.notes.atomic import temporary_file

_MAX_MARKS = 5000


def principal_plane(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Projects points on their first two principal components.

    Args:
      points: float `[points, size]`, two sizes at least.

    Returns:
      float64 `[points, 2]`, centred, and the share of the variance that each
      of the two has, float64 `[2]`.
    """
    centred = np.asarray(points, np.float64) - np.mean(points, axis=0)
    _, deviations, directions = np.linalg.svd(centred, full_matrices=False)
    shares = np.zeros([2])
    variance = np.square(deviations)[:2]
    shares[: len(variance)] = variance / max(np.square(deviations).sum(), 1e-30)
    plane = np.zeros([len(centred), 2])
    found = centred @ directions[:2].T
    plane[:, : found.shape[1]] = found
    return plane, shares


def draw_map(
    points: np.ndarray,
    values: np.ndarray,
    path: str | os.PathLike,
    value_name: str,
    title: str,
) -> None:
    """Draws a map of clips to a PNG file.

    Args:
      points: float `[clips, z_size]`.
      values: float `[clips]`, told by colour.
      path: where to; the file appears whole or not at all.
      value_name: what the values are.
      title: a line above the picture.

    Raises:
      NotesError: if the file cannot be written.
    """
    from matplotlib.figure import Figure

    plane, shares = principal_plane(points)
    if len(plane) > _MAX_MARKS:  # Evenly chosen, lest they hide each other.
        kept = np.linspace(0, len(plane) - 1, _MAX_MARKS).astype(int)
        plane, values = plane[kept], values[kept]
    figure = Figure(
        figsize=(8.2, 7), dpi=130, layout="constrained", facecolor="white"
    )
    axis = figure.subplots()
    marks = axis.scatter(
        plane[:, 0],
        plane[:, 1],
        c=values,
        s=9,
        cmap="viridis",
        alpha=0.75,
        linewidths=0,
    )
    figure.colorbar(marks, label=value_name)
    axis.set_aspect("equal", adjustable="datalim")
    for set_label, share, name in (
        (axis.set_xlabel, shares[0], "first"),
        (axis.set_ylabel, shares[1], "second"),
    ):
        set_label(
            f"{name} principal component ({share:.0%} of the variance)",
            color=plot.INK,
        )
    axis.grid(color=plot.GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.set_title(title, loc="left", color=plot.INK, fontsize=12)
    with temporary_file(path) as temporary:
        figure.savefig(temporary, format="png")
