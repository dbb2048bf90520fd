"""From frames of keys that are on to notes."""

from __future__ import annotations

import numpy as np


def key_spans(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The stretches of frames in which a key stays on.

    Args:
      frames: `[time, keys]`, 0 or False where a key is off.

    Returns:
      First frames, last frames exclusive, and keys: int64 `[spans]` each, by
      first frame and key.
    """
    padded = np.pad(frames.astype(bool), [[1, 1], [0, 0]]).astype(np.int8)
    changes = np.diff(padded, axis=0).T  # [keys, time + 1]
    keys, starts = np.nonzero(changes > 0)
    _, ends = np.nonzero(changes < 0)
    order = np.lexsort((keys, starts))
    return starts[order], ends[order], keys[order]
