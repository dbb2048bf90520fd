"""A folder for work in progress, which one process at a time may use."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows: two processes at once are not noticed there.
    fcntl = None  # type: ignore[assignment]

from magenta_lite.errors import UserError

_LOCK_NAME = "lock"


class BusyError(UserError):
    """Another process does the same work."""


class StoppedError(UserError):
    """The work cannot go on now, but could later."""


@contextlib.contextmanager
def locked(path: pathlib.Path, what: str) -> Iterator[pathlib.Path]:
    """The folder `path`, kept for the next process if this one is stopped.

    What an earlier process left in it is still there, whether it was killed or
    interrupted or the disk was full. The folder goes away when all went well,
    and with a `UserError`, which another try would meet again; not with a
    `StoppedError`.

    Args:
      path: where; what is missing above it is made, and goes away with it if
        it stays empty.
      what: what is being made, for messages.

    Raises:
      BusyError: if another process is at it.
      OSError: if the folder cannot be made.
    """
    missing = [above for above in path.parents if not above.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = _lock(path, what)
        try:
            yield path
        except StoppedError:
            raise
        except UserError:
            shutil.rmtree(path, ignore_errors=True)
            raise
        else:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(handle)  # This unlocks it.
    finally:
        for above in missing:
            with contextlib.suppress(OSError):
                above.rmdir()  # Fails where something has been written.


def _lock(path: pathlib.Path, what: str) -> int:
    """Makes the folder and holds a lock in it: an open file."""
    while True:
        path.mkdir(exist_ok=True)
        try:
            handle = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue  # Its last user has just removed it.
        is_busy = _is_locked_elsewhere(handle)
        if not is_busy and _is_still_at(path, handle):
            return handle
        os.close(handle)
        if is_busy:
            raise BusyError(
                f"another process is preparing {what} in {path.parent}; wait "
                "for it, or end it and run this again."
            )


def _is_locked_elsewhere(handle: int) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # Some network file systems know no locks.
    return False


def _is_still_at(path: pathlib.Path, handle: int) -> bool:
    """Whether the open lock is the one that others would find."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path / _LOCK_NAME))
    except FileNotFoundError:
        return False
