"""What a person sees while a model trains."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class ProgressReport:
    """A bar on a terminal, plain lines elsewhere; a context manager.

    Args:
      num_steps: where the run ends.
      step: where it starts.
      file: where to write.
      line_seconds: the least time between two plain lines of training;
        every evaluation has its line.
    """

    def __init__(
        self,
        num_steps: int,
        step: int = 0,
        file: TextIO | None = None,
        line_seconds: float = 10.0,
    ) -> None:
        self._num_steps = num_steps
        self._line_seconds = line_seconds
        self._last_line = time.monotonic()
        self._start = (step, time.monotonic())
        self._console = Console(file=file or sys.stdout, highlight=False)
        self._bar = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(
            "train", total=num_steps, completed=step, text=""
        )

    def __enter__(self) -> ProgressReport:
        self._bar.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._bar.stop()

    def train(self, step: int, metrics: Mapping[str, float]) -> None:
        """Shows the metrics of the steps since the last call."""
        text = (
            f"loss {metrics['loss']:.4f}  "
            f"{_thousands(metrics['events_per_second'])} events/s"
        )
        self._bar.update(self._task, completed=step, text=text)
        now = time.monotonic()
        if self._bar.disable and now - self._last_line >= self._line_seconds:
            self._last_line = now
            self._print(f"{self._position(step)}  {text}  {self._left(step)}")

    def evaluation(
        self, step: int, metrics: Mapping[str, float], best: bool
    ) -> None:
        """Shows an evaluation; on a terminal it stays above the bar."""
        shown = [f"validation loss {metrics['loss']:.4f}"]
        if "accuracy" in metrics:
            shown.append(f"accuracy {metrics['accuracy']:.4f}")
        if best:
            shown.append("(best so far)")
        self._bar.update(self._task, completed=step)
        self._print(f"{self._position(step)}  {'  '.join(shown)}")

    def warn(self, step: int, line: str) -> None:
        """Shows what looks wrong; on a terminal it stays above the bar."""
        self._print(f"{self._position(step)}  warning: {line}")

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False)

    def _position(self, step: int) -> str:
        return f"step {step}/{self._num_steps}"

    def _left(self, step: int) -> str:
        """An estimate of the time left, from the pace so far."""
        first, since = self._start
        pace = (time.monotonic() - since) / max(step - first, 1)
        minutes, seconds = divmod(int(pace * (self._num_steps - step)), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left"


def _thousands(value: float) -> str:
    return f"{value:,.0f}"
