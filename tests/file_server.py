"""A real HTTP server on loopback that misbehaves on demand."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import threading
from collections.abc import Iterator


@dataclasses.dataclass
class Served:
    """A file, and how the server treats it.

    Attributes:
      data: what it holds.
      cuts: after how many bytes to cut each answer; answers beyond this list
        are whole.
      has_ranges: whether parts may be asked for.
      etag: its version; one of its own by default, none if "".
      statuses: the first answers' status instead of the file.
      redirect_to: another name to go to.
      silent: never answers.
      announced: the length to state instead of the true one; -1 for none.
    """

    data: bytes = b""
    cuts: list[int] = dataclasses.field(default_factory=list)
    has_ranges: bool = True
    etag: str | None = None
    statuses: list[int] = dataclasses.field(default_factory=list)
    redirect_to: str = ""
    silent: bool = False
    announced: int | None = None


class FileServer:
    """Files by name; `requests` holds (name, Range header) of all requests."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, Served] = {}
        self.requests: list[tuple[str, str]] = []
        self.release = threading.Event()


@contextlib.contextmanager
def serve() -> Iterator[FileServer]:
    """Runs a server in a thread of this process."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        host, port = server.server_address[:2]
        served = FileServer(f"http://{host}:{port}/")
        server.served = served
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            served.release.set()
            server.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        del args  # Quiet.

    def do_GET(self):  # noqa: N802 (the library's name)
        served = self.server.served
        name = self.path.lstrip("/")
        wanted = self.headers.get("Range", "")
        served.requests.append((name, wanted))
        file = served.files.get(name)
        if file is None:
            return self.send_error(404)
        if file.statuses:
            return self.send_error(file.statuses.pop(0))
        if file.redirect_to:
            self.send_response(302)
            self.send_header("Location", served.url + file.redirect_to)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if file.silent:
            return served.release.wait(30)
        self._send(file, wanted)

    def _send(self, file, wanted):
        etag = file.etag
        if etag is None:
            etag = f'"{hashlib.sha256(file.data).hexdigest()[:16]}"'
        size = len(file.data)
        start = 0
        condition = self.headers.get("If-Range")
        if wanted and file.has_ranges and condition in (None, etag):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start}-{size - 1}/{size}"
            )
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        length = size - start if file.announced is None else file.announced
        if length >= 0:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        body = file.data[start:]
        if file.cuts:
            body = body[: file.cuts.pop(0)]
        with contextlib.suppress(OSError):
            self.wfile.write(body)
        self.close_connection = True
