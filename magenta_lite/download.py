"""Downloads that survive cut lines, and never pass on a wrong file."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import http.client
import io
import json
import os
import pathlib
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: two processes at once are not noticed there.
    fcntl = None  # type: ignore[assignment]

from magenta_lite.errors import UserError

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have come, and how many there are if known."""

_BLOCK_BYTES = 2**18
_MAX_TRIES = 5
_FIRST_WAIT_SECONDS = 1.0
# A line that brings this much between two cuts is bad, but not hopeless.
_GOOD_TRY_BYTES = 2**20
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "magenta_lite"}
_TRY_AGAIN_CODES = (408, 425, 429, 500, 502, 503, 504)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class DownloadError(UserError):
    """A file could not be had from the network."""


class ChecksumError(DownloadError):
    """A file is not the one that was meant."""


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file on a server, and how to know it.

    Attributes:
      url: where it is.
      num_bytes: its size, if known.
      sha256: its checksum in hexadecimal, or "".
      md5: the same, where its source publishes no better one.
    """

    url: str
    num_bytes: int | None = None
    sha256: str = ""
    md5: str = ""


class _TryAgainError(Exception):
    """The line was cut, or the server is busy."""


class _UnreachableError(_TryAgainError):
    """No server answered."""


def download(
    remote: RemoteFile,
    path: str | os.PathLike,
    *,
    progress: Progress | None = None,
    hint: str = "",
    max_bytes: int = 2**36,
    timeout_seconds: float = 30.0,
    wait_fn: Callable[[float], None] = time.sleep,
) -> pathlib.Path:
    """Downloads a file, unless it is there already.

    What comes is kept in `<path>.part`, also when this process is killed, and
    the next call goes on there if the server still has the same file (its ETag,
    or the date of its last change, is the same). A cut line is tried again a
    few times, after waits of 1, 2, 4 ... seconds. The file gets its name only
    when size and checksum are right.

    Args:
      remote: what to download.
      path: where to; its folder is made.
      progress: told how far it is.
      hint: what else the user could do, for errors that more tries do not mend.
      max_bytes: larger files are refused.
      timeout_seconds: how long a server may be silent.
      wait_fn: waits so many seconds.

    Returns:
      `path`.

    Raises:
      DownloadError: if the server cannot be reached or has no such file, if the
        disk is full, or if another process downloads the same file.
      ChecksumError: if what came is something else; it is deleted.
    """
    path = pathlib.Path(path)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(remote, path, max_bytes, timeout_seconds, progress)
    try:
        with transfer.open_part() as part:
            if path.is_file():  # Another process was faster.
                return path
            _repeat(transfer, part, wait_fn)
            transfer.check(part)
            transfer.put_in_place()
    except _TryAgainError as error:
        raise DownloadError(
            _one_line(f"cannot download {remote.url}: {error}", hint)
        ) from error
    except DownloadError as error:
        raise type(error)(_one_line(str(error), hint)) from error
    except OSError as error:
        raise _disk_error(error, transfer.part_path) from error
    return path


def check_file(path: str | os.PathLike, remote: RemoteFile) -> None:
    """Checks that a file is the one that is meant.

    Raises:
      ChecksumError: if its size or its checksum is another.
    """
    with pathlib.Path(path).open("rb", buffering=0) as file:
        _check(file, remote, f"{path}")


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 of a file in hexadecimal."""
    with pathlib.Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Transfer:
    """One file on its way; knows what lies on disk of it."""

    def __init__(
        self,
        remote: RemoteFile,
        path: pathlib.Path,
        max_bytes: int,
        timeout_seconds: float,
        progress: Progress | None,
    ) -> None:
        self._remote = remote
        self._path = path
        self.part_path = path.with_name(path.name + ".part")
        self._state_path = path.with_name(path.name + ".part.json")
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._progress = progress

    @contextlib.contextmanager
    def open_part(self) -> Iterator[io.FileIO]:
        """The unfinished file, locked."""
        handle = os.open(self.part_path, os.O_RDWR | os.O_CREAT, 0o666)
        with os.fdopen(handle, "r+b", buffering=0) as part:
            if fcntl is not None:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise DownloadError(
                        f"another process is downloading {self._path}; wait "
                        "for it, or end it and run this again."
                    ) from None
            try:
                yield part
            finally:
                self._tidy_up()

    def run(self, part: io.FileIO) -> None:
        """Fetches what is missing, or all.

        Raises:
          _TryAgainError: if it could go well another time.
          DownloadError: if not.
        """
        start = part.seek(0, os.SEEK_END)
        validator = self._validator() if start else ""
        # Without either, pieces of two files could be glued together.
        if start and not (validator or self._has_checksum):
            start = 0
        try:
            with self._request(start, validator) as response:
                if response.status != http.client.PARTIAL_CONTENT:
                    start = 0
                elif not _starts_at(response, start):
                    raise DownloadError(
                        f"{self._remote.url} sends another part than asked for."
                    )
                total = self._total(response, start)
                self._save_state(response)
                part.truncate(start)
                part.seek(start)
                self._receive(response, part, total)
        except urllib.error.HTTPError as error:
            self._explain_status(error, start, part)
        except urllib.error.URLError as error:
            raise _UnreachableError(_reason(error.reason)) from error
        except (http.client.HTTPException, TimeoutError) as error:
            raise _TryAgainError(_reason(error)) from error
        except ConnectionError as error:
            raise _TryAgainError(_reason(error)) from error

    def check(self, part: io.FileIO) -> None:
        """Deletes the file if it is something else than what is meant.

        Raises:
          ChecksumError: if it is.
        """
        try:
            part.seek(0)
            _check(part, self._remote, self._remote.url)
        except ChecksumError:
            self._delete()
            raise

    def put_in_place(self) -> None:
        """Gives the finished file its name."""
        os.replace(self.part_path, self._path)
        self._state_path.unlink(missing_ok=True)

    def _tidy_up(self) -> None:
        """Leaves nothing behind if nothing has come."""
        with contextlib.suppress(OSError):
            if not self.part_path.stat().st_size:
                self._delete()
                self._path.parent.rmdir()  # Fails where anything else lies.

    @property
    def _has_checksum(self) -> bool:
        return bool(self._remote.sha256 or self._remote.md5)

    def _request(self, start: int, validator: str) -> Any:
        headers = dict(_HEADERS)
        if start:
            headers["Range"] = f"bytes={start}-"
            if validator:
                headers["If-Range"] = validator
        request = urllib.request.Request(self._remote.url, headers=headers)
        return urllib.request.urlopen(request, timeout=self._timeout_seconds)

    def _total(self, response: Any, start: int) -> int | None:
        """The size of the whole file by the server; None if it does not say."""
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else None
        expected = self._remote.num_bytes
        if total is not None and expected is not None and total != expected:
            self._delete()
            raise ChecksumError(
                f"{self._remote.url} has {total} bytes, expected {expected}: "
                "the server has another file now."
            )
        if total is not None and total > self._max_bytes:
            raise DownloadError(
                f"{self._remote.url} has {total} bytes, more than the "
                f"{self._max_bytes} allowed."
            )
        free = shutil.disk_usage(self._path.parent).free
        if total is not None and total - start > free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return total

    def _receive(
        self, response: Any, part: io.FileIO, total: int | None
    ) -> None:
        limit = total if total is not None else self._max_bytes
        place = part.tell()
        while block := response.read(_BLOCK_BYTES):
            place += len(block)
            if place > limit:
                raise DownloadError(
                    f"{self._remote.url} sends more than {limit} bytes."
                )
            view = memoryview(block)
            while view:
                view = view[part.write(view) :]
            if self._progress:
                self._progress(place, total)
        if total is not None and place < total:
            raise _TryAgainError(f"the line was cut after {place} bytes")

    def _explain_status(
        self, error: urllib.error.HTTPError, start: int, part: io.FileIO
    ) -> None:
        """Raises what a status other than success means."""
        status = f"the server says {error.code} {error.reason}".strip()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            if error.headers.get("Content-Range", "") == f"bytes */{start}":
                return  # All of it had come.
            part.truncate(0)
            raise _TryAgainError(status) from error
        if error.code in _TRY_AGAIN_CODES:
            raise _TryAgainError(status) from error
        raise DownloadError(
            f"cannot download {self._remote.url}: {status}."
        ) from error

    def _validator(self) -> str:
        """What to ask the server for the rest of the same file with."""
        try:
            state = json.loads(self._state_path.read_text())
            return (
                state["validator"] if state["url"] == self._remote.url else ""
            )
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _save_state(self, response: Any) -> None:
        etag = response.headers.get("ETag", "")
        if etag.startswith("W/"):  # Weak: the bytes may differ.
            etag = ""
        validator = etag or response.headers.get("Last-Modified", "")
        state = {"url": self._remote.url, "validator": validator}
        self._state_path.write_text(json.dumps(state))

    def _delete(self) -> None:
        self.part_path.unlink(missing_ok=True)
        self._state_path.unlink(missing_ok=True)


def _repeat(
    transfer: _Transfer, part: io.FileIO, wait_fn: Callable[[float], None]
) -> None:
    """Tries until all has come, or as often as it makes sense."""
    num_failed = 0
    before = os.fstat(part.fileno()).st_size
    has_begun = False
    while True:
        try:
            return transfer.run(part)
        except _TryAgainError as error:
            gained = os.fstat(part.fileno()).st_size - before
            has_begun |= gained > 0 or not isinstance(error, _UnreachableError)
            num_failed = 1 if gained >= _GOOD_TRY_BYTES else num_failed + 1
            # Whoever is offline should not have to wait to be told.
            if not has_begun or num_failed >= _MAX_TRIES:
                raise
            before += gained
            wait_fn(_FIRST_WAIT_SECONDS * 2.0 ** (num_failed - 1))


def _check(file: io.FileIO, remote: RemoteFile, what: str) -> None:
    size = os.fstat(file.fileno()).st_size
    if remote.num_bytes is not None and size != remote.num_bytes:
        raise ChecksumError(
            f"{what} has {size} bytes, expected {remote.num_bytes}."
        )
    for name, expected in (("sha256", remote.sha256), ("md5", remote.md5)):
        if not expected:
            continue
        file.seek(0)
        got = hashlib.file_digest(file, name).hexdigest()
        if got != expected.lower():
            raise ChecksumError(
                f"{what} has the {name} {got}, expected {expected}: it is "
                "damaged, or another file."
            )


def _starts_at(response: Any, start: int) -> bool:
    told = response.headers.get("Content-Range", "")
    return told.startswith(f"bytes {start}-")


def _disk_error(error: OSError, part: pathlib.Path) -> DownloadError:
    if error.errno in _DISK_FULL:
        return DownloadError(
            f"{part.parent}: no space left; make room and run this again: what "
            "has come is kept."
        )
    return DownloadError(f"{part}: cannot be written: {_reason(error)}.")


def _reason(error: object) -> str:
    """What an error of the network says, in a few words."""
    if isinstance(error, TimeoutError):
        return "the server is silent"
    if isinstance(error, socket.gaierror):
        return f"its server is not found ({error.strerror})"
    return str(getattr(error, "strerror", "") or error or type(error).__name__)


def _one_line(message: str, hint: str) -> str:
    message = " ".join(message.split()).rstrip(".")
    return f"{message}; {hint}" if hint else f"{message}."
