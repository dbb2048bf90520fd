"""Published models are downloaded once, resumed, and known again."""

import json
import socket

import pytest
from file_server import Served, serve

from magenta_lite import bundles
from magenta_lite.bundles import published
from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.published import Published, download
from magenta_lite.download import ChecksumError, DownloadError

DATA = bytes(range(256)) * 40


@pytest.fixture
def server():
    with serve() as server:
        server.files["models/toy.mag"] = Served(DATA)
        yield server


def names(server):
    return {"toy": Published(f"{server.url}models/toy.mag", "basic_rnn")}


def test_a_download_resumes_pins_and_is_kept(server, tmp_path):
    server.files["models/toy.mag"].cuts = [4000]
    seen = []
    path = download(
        "toy",
        tmp_path / "new" / "cache",
        progress=lambda *state: seen.append(state),
        published=names(server),
    )
    assert path.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert [wanted for _, wanted in server.requests] == ["", "bytes=4000-"]

    again = download("toy", path.parent, published=names(server))
    assert again == path and len(server.requests) == 2
    path.write_bytes(DATA[:-1] + b"?")
    with pytest.raises(ChecksumError, match=r"toy\.mag"):
        download("toy", path.parent, published=names(server))


def test_another_file_than_the_first_time_is_refused(server, tmp_path):
    path = download("toy", tmp_path, published=names(server))
    path.unlink()
    server.files["models/toy.mag"] = Served(b"x" + DATA[1:])
    with pytest.raises(ChecksumError, match="sha256"):
        download("toy", tmp_path, published=names(server))
    assert not path.exists()


def test_damaged_pins_are_written_anew(server, tmp_path):
    pins = tmp_path / "checksums.json"
    pins.write_text("[")
    download("toy", tmp_path, published=names(server))
    assert list(json.loads(pins.read_text())) == [names(server)["toy"].url]


def test_offline_is_one_line(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    nobody = {"toy": Published(f"http://127.0.0.1:{port}/toy.mag", "")}
    with pytest.raises(DownloadError, match="by other means") as caught:
        download("toy", tmp_path, published=nobody)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.mag*"))


def test_the_cache_is_where_the_environment_says(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MAGENTA_LITE_CACHE", str(tmp_path))
    path = download("toy", published=names(server))
    assert path == tmp_path / "bundles" / "toy.mag"


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(BundleError, match="'nothing'.*attention_rnn"):
        bundles.download("nothing")


def test_addresses():
    assert len(published.PUBLISHED) == 26
    for name, model in bundles.PUBLISHED.items():
        assert model.url.rpartition("/")[2].startswith(f"{name}.")
        host = model.url.split("/")[2]
        assert host in (
            "download.magenta.tensorflow.org",
            "storage.googleapis.com",
        )
