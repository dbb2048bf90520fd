"""A progress bar that shows up only when something takes long."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

DELAY_SECONDS = 2.0


class DelayedProgress:
    """Counts towards a total; draws a bar after two seconds.

    Use it as a context manager. `rich` is imported only if the bar appears.

    Args:
      description: the text before the bar.
      total: how many units there are.
      enabled: False never draws.
    """

    def __init__(
        self, description: str, total: int, enabled: bool = True
    ) -> None:
        self._description = description
        self._total = total
        self._enabled = enabled
        self._done = 0
        self._start_seconds = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> DelayedProgress:
        return self

    def advance(self, count: int) -> None:
        """Says that `count` more units are done."""
        self._done += count
        if self._bar is None and self._is_due():
            self._show()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _is_due(self) -> bool:
        waited_seconds = time.monotonic() - self._start_seconds
        return self._enabled and waited_seconds > DELAY_SECONDS

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        # The result of a command goes to stdout; the bar must not mix in.
        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self._description, total=self._total)
        self._bar.start()
