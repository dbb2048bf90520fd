import dataclasses
import hashlib
import pathlib
import zipfile

import pytest
from file_server import Served, serve

from magenta_lite.data import archives, unpacking
from magenta_lite.data.archives import Archive, NoArchive, NoArchiveError
from magenta_lite.data.corpus_folder import CorpusFolderError
from magenta_lite.download import ChecksumError, DownloadError, RemoteFile
from magenta_lite.errors import UserError


def make_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path.read_bytes()


@pytest.fixture
def server():
    with serve() as running:
        yield running


class Corpus:
    """A corpus of one file in a zip, on a server."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = folder
        self.downloads = folder / "downloads"
        self.data = make_zip(
            folder / "made.zip", {"top/index.csv": "a,b", "top/x.mid": "x"}
        )
        server.files["tunes.zip"] = Served(self.data)
        self.archive = Archive(
            "tunes.zip",
            RemoteFile(
                server.url + "tunes.zip",
                len(self.data),
                hashlib.sha256(self.data).hexdigest(),
            ),
            marker="index.csv",
        )

    def get(self, manual_dir=None, archive=None, **kwargs):
        return archives.corpus_dir(
            archive or self.archive,
            "tunes",
            manual_dir,
            self.downloads,
            **kwargs,
        )

    def unpinned(self):
        return dataclasses.replace(
            self.archive, remote=RemoteFile(self.archive.remote.url)
        )


@pytest.fixture
def corpus(server, tmp_path):
    return Corpus(server, tmp_path)


def test_downloads_and_unpacks_once(corpus):
    calls = []
    folder = corpus.get(progress=lambda *call: calls.append(call))
    assert (folder / "x.mid").read_text() == "x"
    assert {what for what, _, _ in calls} == {
        "downloading tunes.zip (MiB)",
        "unpacking tunes.zip",
    }
    assert corpus.get() == folder
    assert len(corpus.server.requests) == 1
    sha = corpus.archive.remote.sha256
    assert sorted(path.name for path in corpus.downloads.iterdir()) == [
        f"tunes-{sha[:8]}",
        "tunes.zip",
    ]


def test_what_is_unpacked_needs_neither_archive_nor_network(corpus):
    folder = corpus.get()
    (corpus.downloads / "tunes.zip").unlink()
    corpus.server.files.clear()
    assert corpus.get() == folder


def test_takes_a_folder_that_is_unpacked_as_it_is(corpus, tmp_path):
    mine = tmp_path / "mine" / "deep"
    mine.mkdir(parents=True)
    (mine / "index.csv").write_text("")
    assert corpus.get(tmp_path / "mine") == mine
    assert corpus.server.requests == []
    assert not corpus.downloads.exists()


def test_takes_an_archive_that_the_user_brings(corpus, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "tunes.zip").write_bytes(corpus.data)
    assert (corpus.get(mine) / "x.mid").read_text() == "x"
    assert corpus.server.requests == []
    assert [path.name for path in mine.iterdir()] == ["tunes.zip"]


def test_refuses_another_archive_than_it_should_be(corpus, tmp_path):
    (tmp_path / "mine").mkdir()
    make_zip(tmp_path / "mine" / "tunes.zip", {"index.csv": "other"})
    with pytest.raises(ChecksumError, match="mine/tunes.zip has"):
        corpus.get(tmp_path / "mine")


def test_says_what_to_do_without_a_network(corpus):
    corpus.server.files.clear()
    with pytest.raises(DownloadError) as caught:
        corpus.get()
    message = str(caught.value)
    assert message.startswith(f"cannot download {corpus.archive.remote.url}: ")
    assert message.endswith(
        "; where there is no network, get it elsewhere, put it into a folder "
        f"as tunes.zip (checksum {corpus.archive.remote.sha256}) and prepare "
        "tunes with --manual_dir=FOLDER."
    )


def test_a_checksum_that_nobody_published_is_kept_from_the_first_time(corpus):
    archive = corpus.unpinned()
    corpus.get(archive=archive)
    pin = corpus.downloads / "tunes.zip.sha256"
    assert pin.read_text().split()[0] == corpus.archive.remote.sha256
    (corpus.downloads / "tunes.zip").unlink()
    corpus.server.files["tunes.zip"].data += b"changed"
    with pytest.raises(ChecksumError, match=corpus.archive.remote.sha256):
        corpus.get(archive=archive)


def test_another_archive_of_the_same_name_is_unpacked_anew(corpus, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for number, folder in enumerate((first, second)):
        folder.mkdir()
        files = {"index.csv": "", "which": "x" * number}
        make_zip(folder / "tunes.zip", files)
    sizes = [
        len((corpus.get(folder, corpus.unpinned()) / "which").read_text())
        for folder in (first, second)
    ]
    assert sizes == [0, 1]


def test_unpacking_goes_on_after_a_kill(corpus, monkeypatch):
    class KilledError(BaseException):
        """Stands in for SIGKILL: nothing is tidied up."""

    def killed(path, folder, count):
        folder.mkdir()
        (folder / "top").mkdir()
        (folder / "top" / "x.mid").write_text("?")
        raise KilledError

    with monkeypatch.context() as patched, pytest.raises(KilledError):
        patched.setattr(unpacking, "unpack", killed)
        corpus.get()
    folder = corpus.get()
    assert (folder / "x.mid").read_text() == "?"  # Not written again.
    assert (folder / "index.csv").read_text() == "a,b"
    assert not list(corpus.downloads.glob(".*"))


def test_a_corpus_without_an_archive_must_be_brought(tmp_path):
    archive = NoArchive("index.csv")
    with pytest.raises(NoArchiveError, match="--manual_dir") as caught:
        archives.corpus_dir(archive, "tunes", None, tmp_path)
    assert isinstance(caught.value, UserError)
    with pytest.raises(CorpusFolderError, match=r"no index\.csv"):
        archives.corpus_dir(archive, "tunes", tmp_path, tmp_path)
    pathlib.Path(tmp_path, "index.csv").touch()
    found = archives.corpus_dir(archive, "tunes", tmp_path, tmp_path)
    assert found == tmp_path
