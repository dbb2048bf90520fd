"""A dataset by the name that `--dataset` or a recipe gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from magenta_lite import paths

SYNTHETIC = "synthetic"


def open_dataset(dataset: Any, data_dir: str | os.PathLike | None) -> Any:
    """Opens a dataset for reading.

    Args:
      dataset: the name of a prepared dataset, "synthetic" for made-up tunes,
        or a dataset object, which is returned as it is.
      data_dir: where prepared datasets lie; None is the default place.

    Raises:
      magenta_lite.errors.UserError: if it was not prepared.
    """
    if not isinstance(dataset, str):
        return dataset
    if dataset == SYNTHETIC:
        from magenta_lite.data.synthetic import SyntheticDataset

        return SyntheticDataset()
    from magenta_lite.data.sources import PreparedDataset

    return PreparedDataset(dataset, data_dir)


def cache_dir(data_dir: str | os.PathLike | None) -> Path:
    """Where the event caches of datasets in `data_dir` lie."""
    top = Path(data_dir).expanduser() if data_dir else paths.default_data_dir()
    return top / "event_cache"
