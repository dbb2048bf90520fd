import errno
import hashlib
import pathlib
import socket

import pytest
from file_server import Served, serve

from magenta_lite import download as download_lib
from magenta_lite.download import (
    ChecksumError,
    DownloadError,
    RemoteFile,
    check_file,
    download,
)

DATA = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture
def server():
    with serve() as running:
        yield running


class Fetch:
    """Downloads from one server, and remembers the waits."""

    def __init__(self, server, folder):
        self.server = server
        self.path = folder / "downloads" / "file.zip"
        self.part = self.path.with_name("file.zip.part")
        self.waits = []

    def __call__(self, name="file", sha256=SHA256, md5="", **options):
        num_bytes = options.pop("num_bytes", None)
        return download(
            RemoteFile(self.server.url + name, num_bytes, sha256, md5),
            self.path,
            wait_fn=self.waits.append,
            **{"timeout_seconds": 10.0, **options},
        )

    @property
    def ranges(self):
        return [wanted for _, wanted in self.server.requests]

    @property
    def left(self):
        return sorted(path.name for path in self.path.parent.iterdir())


@pytest.fixture
def fetch(server, tmp_path):
    server.files["file"] = Served(DATA)
    return Fetch(server, tmp_path)


def fails(fetch, error_type=DownloadError, **options):
    """The one line of a download that fails."""
    with pytest.raises(error_type) as caught:
        fetch(**options)
    assert not fetch.path.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_downloads_once(fetch):
    calls = []
    path = fetch(
        num_bytes=len(DATA), md5=MD5, progress=lambda *call: calls.append(call)
    )
    assert path.read_bytes() == DATA
    assert fetch.left == ["file.zip"]
    assert calls[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})
    assert fetch().read_bytes() == DATA
    assert fetch.ranges == [""]  # The second call asked for nothing.


def test_goes_on_where_the_line_was_cut(fetch, server):
    server.files["file"].cuts = [300_000, 100_000]
    assert fetch().read_bytes() == DATA
    assert fetch.ranges == ["", "bytes=300000-", "bytes=400000-"]
    assert fetch.waits == [1.0, 2.0]


def test_gives_up_after_five_cuts_and_goes_on_later(fetch, server):
    server.files["file"].cuts = [100_000] * 5
    message = fails(fetch)
    assert "cut after 500000 bytes" in message
    assert fetch.waits == [1.0, 2.0, 4.0, 8.0]
    assert fetch.part.stat().st_size == 500_000
    assert fetch().read_bytes() == DATA
    assert fetch.ranges[-1] == "bytes=500000-"


def test_a_bad_line_that_still_brings_much_is_not_given_up(
    fetch, server, monkeypatch
):
    monkeypatch.setattr(download_lib, "_GOOD_TRY_BYTES", 100_000)
    server.files["file"].cuts = [100_000] * 9
    assert fetch().read_bytes() == DATA
    assert fetch.waits == [1.0] * 9


def test_does_not_glue_two_files_together(fetch, server):
    server.files["file"].cuts = [300_000] + [0] * 4
    fails(fetch)
    other = DATA[::-1]
    server.files["file"] = Served(other)
    assert fetch(sha256="").read_bytes() == other
    assert fetch.ranges[-1] == "bytes=300000-"  # The ETag told them apart.


def test_without_etag_and_checksum_it_starts_again(fetch, server):
    server.files["file"] = Served(DATA, cuts=[300_000], etag="")
    assert fetch(sha256="").read_bytes() == DATA
    assert fetch.ranges == ["", ""]


def test_without_etag_the_checksum_guards_what_is_put_together(fetch, server):
    server.files["file"] = Served(DATA, cuts=[300_000], etag="")
    assert fetch().read_bytes() == DATA
    assert fetch.ranges == ["", "bytes=300000-"]


def test_a_server_that_sends_no_parts_starts_again(fetch, server):
    server.files["file"] = Served(DATA, cuts=[300_000], has_ranges=False)
    assert fetch().read_bytes() == DATA
    assert fetch.ranges == ["", "bytes=300000-"]


def test_a_part_that_is_whole_is_only_checked(fetch, server):
    fetch.path.parent.mkdir()
    fetch.part.write_bytes(DATA)
    assert fetch().read_bytes() == DATA
    assert fetch.ranges == [f"bytes={len(DATA)}-"]


def test_a_part_that_is_too_long_is_dropped(fetch):
    fetch.path.parent.mkdir()
    fetch.part.write_bytes(DATA + b"x")
    assert fetch().read_bytes() == DATA
    assert fetch.ranges == [f"bytes={len(DATA) + 1}-", ""]


@pytest.mark.parametrize("name", ["sha256", "md5"])
def test_a_wrong_checksum_deletes_the_file(fetch, name):
    got = {"sha256": SHA256, "md5": MD5}[name]
    wrong = "0" * len(got)
    message = fails(fetch, ChecksumError, **{"sha256": "", name: wrong})
    assert wrong in message and got in message
    assert fetch.left == []
    assert fetch.waits == []


def test_a_file_of_another_size_is_not_even_begun(fetch):
    message = fails(fetch, ChecksumError, num_bytes=1000)
    assert f"has {len(DATA)} bytes, expected 1000" in message
    assert fetch.left == []


def test_the_size_is_checked_where_the_server_does_not_say(fetch, server):
    server.files["file"].announced = -1
    assert fetch(num_bytes=len(DATA)).read_bytes() == DATA
    fetch.path.unlink()
    assert "expected 1000" in fails(fetch, ChecksumError, num_bytes=1000)


@pytest.mark.parametrize("announced", [None, -1])
def test_more_than_allowed_is_refused(fetch, server, announced):
    server.files["file"].announced = announced
    message = fails(fetch, max_bytes=500_000)
    assert "500000" in message
    assert not fetch.part.exists() or fetch.part.stat().st_size <= 500_000


def test_no_such_file_is_said_at_once(fetch):
    message = fails(fetch, name="gone", hint="look elsewhere.")
    assert "the server says 404" in message
    assert message.endswith("look elsewhere.")
    assert fetch.waits == []
    assert not fetch.path.parent.exists()


def test_a_busy_server_is_asked_again(fetch, server):
    server.files["file"].statuses = [503, 429]
    assert fetch().read_bytes() == DATA
    assert fetch.waits == [1.0, 2.0]


def test_follows_a_redirect(fetch, server):
    server.files["moved"] = Served(redirect_to="file")
    assert fetch(name="moved").read_bytes() == DATA


def test_a_silent_server_is_given_up(fetch, server):
    server.files["file"].silent = True
    message = fails(fetch, timeout_seconds=0.05)
    assert "silent" in message


def test_without_a_server_the_user_is_told_at_once(fetch, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/file.zip"
        with pytest.raises(DownloadError) as caught:
            download(
                RemoteFile(url),
                tmp_path / "file.zip",
                hint="do it by hand.",
                wait_fn=fetch.waits.append,
            )
    assert str(caught.value) == (
        f"cannot download {url}: Connection refused; do it by hand."
    )
    assert fetch.waits == []


def test_a_full_disk_keeps_what_has_come(fetch, server, monkeypatch):
    server.files["file"].cuts = [300_000] + [0] * 4
    fails(fetch)
    usage = download_lib.shutil.disk_usage(fetch.path.parent)
    with monkeypatch.context() as patched:
        patched.setattr(
            download_lib.shutil,
            "disk_usage",
            lambda path: usage._replace(free=1000),
        )
        assert "no space left" in fails(fetch)
    assert fetch.part.stat().st_size == 300_000
    assert fetch().read_bytes() == DATA


def test_a_write_that_fails_is_one_line(fetch, monkeypatch):
    def full(self, *args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download_lib._Transfer, "_receive", full)
    assert "no space left" in fails(fetch)


def test_two_processes_do_not_write_the_same_file(fetch):
    fcntl = pytest.importorskip("fcntl")
    fetch.path.parent.mkdir()
    with fetch.part.open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another process" in fails(fetch)
        assert fetch.part.exists()  # It is the other one's.
    assert fetch().read_bytes() == DATA


def test_a_file_by_hand_is_checked(tmp_path):
    path = pathlib.Path(tmp_path, "by_hand.zip")
    path.write_bytes(DATA)
    check_file(path, RemoteFile("http://x/", len(DATA), SHA256, MD5))
    with pytest.raises(ChecksumError, match="by_hand.zip has 1048576 bytes"):
        check_file(path, RemoteFile("http://x/", 5))
