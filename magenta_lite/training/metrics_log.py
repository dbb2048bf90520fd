"""Where a run writes what it measured: metrics.jsonl and TensorBoard."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from magenta_lite.errors import UserError
from magenta_lite.training.exhibits import Exhibit
from magenta_lite.training.run_dir import RunDir, write_text


class MetricsLog:
    """A context manager that appends to the files of a run.

    Args:
      run: where they lie.
      step: of the checkpoint that the run goes on from; lines of later steps
        were written by a run that was cut off and are dropped.

    Raises:
      UserError: from any method, if the files cannot be written.
    """

    def __init__(self, run: RunDir, step: int) -> None:
        _drop_lines_after(run, step)
        self._file = run.metrics_file.open("a")
        self._writers = {
            split: tf.summary.create_file_writer(
                str(run.tensorboard_dir / split)
            )
            for split in ("train", "validation")
        }

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, exception_type: type | None, *exception: Any) -> None:
        # What stopped the run says more than a file that would not close.
        hidden = (UserError, OSError) if exception_type else ()
        for file in (self._file, *self._writers.values()):
            with contextlib.suppress(*hidden), _writing():
                file.close()

    def scalars(
        self, split: str, step: int, metrics: Mapping[str, float]
    ) -> None:
        """Logs metrics of the "train" or "validation" split at a step."""
        line = {"step": step, "wall": round(time.time(), 3), "split": split}
        numbers = {name: _rounded(value) for name, value in metrics.items()}
        with _writing():
            self._file.write(json.dumps({**line, **numbers}) + "\n")
            self._file.flush()
        with _writing(), self._writers[split].as_default(step):
            for name, value in metrics.items():
                tf.summary.scalar(name, value)

    def text(self, name: str, step: int, text: str) -> None:
        """Shows text in TensorBoard, e.g. the operative gin."""
        indented = "\n".join(f"    {line}" for line in text.splitlines())
        with _writing(), self._writers["train"].as_default(step):
            tf.summary.text(name, indented)

    def show(self, step: int, exhibits: Iterable[Exhibit]) -> None:
        """Shows pictures, sounds and histograms in TensorBoard."""
        with _writing(), self._writers["validation"].as_default(step):
            for exhibit in exhibits:
                exhibit.write()

    def flush(self) -> None:
        """Lets readers see everything written so far."""
        for writer in self._writers.values():
            with _writing():
                writer.flush()


class Silence:
    """Stands in for a report in the processes that write nothing."""

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *exception: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Turns TensorFlow's and Python's writing errors into one line."""
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        reason = str(getattr(error, "message", error)).splitlines()[0]
        raise UserError(
            f"the metrics could not be written ({reason[-160:]}); make room "
            "and run the same command again."
        ) from error


def _rounded(value: float) -> float | None:
    """Eight significant digits; null for what JSON has no word for."""
    return float(f"{value:.8g}") if np.isfinite(value) else None


def _drop_lines_after(run: RunDir, step: int) -> None:
    if not run.metrics_file.is_file():
        return
    lines = run.metrics_file.read_text().splitlines(keepends=True)
    kept = [line for line in lines if _step_of(line) <= step]
    if kept != lines:
        write_text(run.metrics_file, "".join(kept))


def _step_of(line: str) -> float:
    """The step of a line; infinite if the line was cut off."""
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")
