"""Ctrl-C and SIGTERM that wait for the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Interrupted(Exception):  # noqa: N818 (it is no error)
    """The user asked the run to stop."""


class Interrupts:
    """Notes a first Ctrl-C or SIGTERM; a second Ctrl-C acts at once.

    A context manager. Outside the main thread, where Python handles no
    signals, it notes nothing.
    """

    def __init__(self) -> None:
        self.pending = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: Any) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raises `Interrupted` if a signal came."""
        if self.pending:
            raise Interrupted

    def between(self, items: Iterable[T]) -> Iterator[T]:
        """Yields the items; raises `Interrupted` once a signal came."""
        for item in items:
            self.check()
            yield item

    def _note(self, number: int, frame: Any) -> None:
        if self.pending and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.pending = True
