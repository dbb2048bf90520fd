"""A process pool in which a task that hangs or crashes costs itself only.

The pools of the standard library stop as a whole when one process dies, and
cannot end a task that takes too long. Readers of strangers' files need both.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import dataclasses
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

_START_SECONDS = 300.0  # A busy machine may take long to start a process.
_NO_START = (
    "a reader process did not start; a script of your own that starts them "
    "needs `if __name__ == '__main__':` around what it does"
)
_MAX_BUFFERED_BYTES = 2**26
_MAX_CHUNK_BYTES = 2**17
_HOLD_SECONDS = 0.05
"""Results are held back so long, then sent together: every message wakes the
parent, which costs as much as reading a small file."""

_PR_SET_PDEATHSIG = 1  # Of Linux: sys/prctl.h.


@dataclasses.dataclass(frozen=True)
class Failure:
    """Stands in for the result of a task that gave none.

    Attributes:
      reason: `timed_out`, `crashed`, `out_of_memory` or `reader_error`.
      message: what happened, for a person.
    """

    reason: str
    message: str


def map_in_processes(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    num_workers: int | None = None,
    timeout_seconds: float = 60.0,
    memory_limit_bytes: int = 2 * 2**30,
    chunk_size: int = 8,
) -> Iterator[Any]:
    """Applies a function to every item in parallel processes.

    Results come in the order of the items, whatever the number of workers. Only
    a window of items is in work at any time, and none is begun while results
    that are not due yet take 64 MiB, so memory does not grow with their number.

    Args:
      function: importable by name; its module should import quickly.
      items: picklable arguments; read lazily.
      num_workers: processes; as many as there are cores if None.
      timeout_seconds: a task that takes longer is ended.
      memory_limit_bytes: what a task may allocate (enforced on Linux).
      chunk_size: how many items are sent to a process at once; of items that
        are bytes, fewer where they take 128 KiB.

    Yields:
      One result for each item, or a `Failure`.

    Raises:
      RuntimeError: if no process can be started.
    """
    num_workers = num_workers or default_num_workers()
    source = _Source(items, chunk_size, window=4 * num_workers * chunk_size)
    pool = _Pool(function, source, timeout_seconds, memory_limit_bytes)
    results: dict[int, bytes] = {}
    num_buffered_bytes = 0
    num_yielded = 0

    def keep_busy() -> None:
        while pool.has_room(num_workers):
            # What is in work comes first, so this cannot block for ever.
            if pool.is_busy() and num_buffered_bytes > _MAX_BUFFERED_BYTES:
                return
            chunk = source.take(num_yielded)
            if not chunk:
                return
            pool.submit(chunk)

    try:
        while True:
            keep_busy()  # Before the caller takes its time over results.
            while num_yielded in results:
                result = results.pop(num_yielded)
                num_buffered_bytes -= len(result)
                num_yielded += 1
                yield ForkingPickler.loads(result)
            keep_busy()
            if not pool.is_busy():
                return
            for index, result in pool.collect():
                results[index] = result
                num_buffered_bytes += len(result)
    finally:
        pool.close()


def default_num_workers() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Source:
    """Numbers the items and deals them out in chunks, retries first."""

    def __init__(
        self, items: Iterable[Any], chunk_size: int, window: int
    ) -> None:
        self._items = enumerate(items)
        self._chunk_size = chunk_size
        self._window = window
        self._num_taken = 0
        self.retries: list[tuple[int, Any]] = []

    def take(self, num_done: int) -> list[tuple[int, Any]]:
        """The next (index, item) pairs; none while the window is full."""
        if self.retries:
            chunk, self.retries = self.retries, []
            return chunk
        if self._num_taken - num_done >= self._window:
            return []
        chunk, num_bytes = [], 0
        for index, item in itertools.islice(self._items, self._chunk_size):
            chunk.append((index, item))
            num_bytes += len(item) if isinstance(item, bytes) else 0
            if num_bytes > _MAX_CHUNK_BYTES:
                break
        self._num_taken += len(chunk)
        return chunk


class _Worker:
    """One process and the tasks that it still owes."""

    def __init__(
        self, function: Callable[[Any], Any], memory_limit: int
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._num_begun = context.RawValue(ctypes.c_int64, 0)
        self._num_done = 0
        self.process = context.Process(
            target=_serve,
            args=(theirs, self._num_begun, function, memory_limit),
            daemon=True,
        )
        self.process.start()
        theirs.close()
        self.is_ready = False
        self.tasks: collections.deque = collections.deque()
        self.deadline = time.monotonic() + _START_SECONDS

    def take_done(self) -> int:
        """The index of the task whose result comes next."""
        self._num_done += 1
        return self.tasks.popleft()[0]

    def take_begun(self) -> int:
        """The index of the task that it was last at."""
        place = max(self._num_begun.value - self._num_done - 1, 0)
        index, _ = self.tasks[place]
        del self.tasks[place]
        return index

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


class _Pool:
    """Workers, started when needed and replaced when lost."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        source: _Source,
        timeout_seconds: float,
        memory_limit: int,
    ) -> None:
        self._function = function
        self._source = source
        self._timeout_seconds = timeout_seconds
        self._memory_limit = memory_limit
        self._workers: list[_Worker] = []

    def has_room(self, num_workers: int) -> bool:
        """Whether a chunk could be started at once."""
        return len(self._workers) < num_workers or any(
            not worker.tasks for worker in self._workers
        )

    def is_busy(self) -> bool:
        """Whether a result is still to come."""
        return any(worker.tasks for worker in self._workers)

    def submit(self, chunk: list[tuple[int, Any]]) -> None:
        """Hands (index, item) pairs to a free worker."""
        worker = next((w for w in self._workers if not w.tasks), None)
        if worker is None:
            worker = _Worker(self._function, self._memory_limit)
            self._workers.append(worker)
        worker.tasks.extend(chunk)
        if worker.is_ready:
            worker.deadline = time.monotonic() + self._timeout_seconds
        with contextlib.suppress(OSError):  # `collect` finds it dead.
            worker.connection.send([item for _, item in chunk])

    def collect(self) -> Iterator[tuple[int, bytes]]:
        """Waits for something to happen; yields (index, pickled result)."""
        busy = [worker for worker in self._workers if worker.tasks]
        patience = min(w.deadline for w in busy) - time.monotonic()
        ready = connection.wait(
            [worker.connection for worker in busy], max(patience, 0.0)
        )
        for worker in busy:
            if worker.connection in ready:
                yield from self._receive(worker)
            elif time.monotonic() >= worker.deadline:
                if not worker.is_ready:
                    raise RuntimeError(_NO_START)
                yield self._lose(
                    worker,
                    "timed_out",
                    f"took longer than {self._timeout_seconds:g} s",
                )

    def close(self) -> None:
        """Ends all workers."""
        for worker in self._workers:
            worker.kill()
        self._workers = []

    def _receive(self, worker: _Worker) -> Iterator[tuple[int, bytes]]:
        try:
            results = worker.connection.recv()
        except (EOFError, OSError):
            if not worker.is_ready:
                raise RuntimeError(_NO_START) from None
            yield self._lose(worker, "crashed", "the reader process crashed")
            return
        worker.is_ready = True
        worker.deadline = time.monotonic() + self._timeout_seconds
        for result in results:
            yield worker.take_done(), result

    def _lose(
        self, worker: _Worker, reason: str, message: str
    ) -> tuple[int, bytes]:
        """Blames the task that it was at; the others are tried again."""
        index = worker.take_begun()
        self._source.retries.extend(worker.tasks)
        self._workers.remove(worker)
        worker.kill()
        return index, bytes(ForkingPickler.dumps(Failure(reason, message)))


def _serve(
    pipe: connection.Connection,
    num_begun: ctypes.c_int64,
    function: Callable[[Any], Any],
    memory_limit: int,
) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent handles Ctrl-C.
    _die_with_parent()
    _silence()
    _limit_memory(memory_limit)
    with contextlib.suppress(EOFError, OSError):  # The parent has gone.
        pipe.send([])  # It is ready.
        while True:
            results = _results(function, pipe.recv(), num_begun)
            for some in _held_together(results):
                pipe.send(some)


def _results(
    function: Callable[[Any], Any], items: list, num_begun: ctypes.c_int64
) -> Iterator[bytes]:
    """Pickled results; counts the items before it touches them."""
    for item in items:
        num_begun.value += 1
        yield bytes(ForkingPickler.dumps(_guarded(function, item)))


def _held_together(results: Iterator[bytes]) -> Iterator[list[bytes]]:
    """What comes within `_HOLD_SECONDS`, in one list."""
    held: list[bytes] = []
    start = time.monotonic()
    for result in results:
        held.append(result)
        if time.monotonic() > start + _HOLD_SECONDS:
            yield held
            held, start = [], time.monotonic()
    if held:
        yield held


def _guarded(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except MemoryError:
        return Failure("out_of_memory", "needs too much memory to read")
    except Exception as error:  # noqa: BLE001 (one bad file, one reject)
        return Failure("reader_error", f"{type(error).__name__}: {error}")


def _die_with_parent() -> None:
    """Ends this process when its parent is killed, even within a task."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _silence() -> None:
    """Drops what readers print: it would run through the progress bar."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)


def _limit_memory(num_bytes: int) -> None:
    """Lets this process allocate that much more than it has now."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + num_bytes, hard))
    except (ImportError, OSError, ValueError):
        return  # Not Linux, or a stricter limit is in force.
