import io
import tarfile
import zipfile

import pytest

from magenta_lite.data import unpacking
from magenta_lite.data.unpacking import ArchiveError, unpack

FILES = {"a/one.mid": b"one", "a/b/two.mid": b"two" * 1000, "none": b""}


def make_zip(path, files=FILES):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/", "")
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def make_tar(path, files=FILES):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_unpacks_every_file(tmp_path, make):
    counts = []
    unpack(make(tmp_path / "x"), tmp_path / "out", counts.append)
    assert contents(tmp_path / "out") == FILES
    assert counts == [1, 2, 3]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_goes_on_where_it_was_killed(tmp_path, make):
    archive, out = make(tmp_path / "x"), tmp_path / "out"
    (out / "a" / "b").mkdir(parents=True)
    (out / "a" / "one.mid").write_bytes(b"ONE")  # Whole, by its size.
    (out / "a" / "b" / "two.mid").write_bytes(b"tw")  # Cut off.
    unpack(archive, out)
    assert contents(out) == {**FILES, "a/one.mid": b"ONE"}


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    "name",
    ["../evil", "/evil", "a/../../evil", "..\\evil", "C:\\evil", "a" * 2000],
)
def test_nothing_leaves_the_folder(tmp_path, make, name):
    archive = make(tmp_path / "x", {"good": b"1", name: b"2"})
    with pytest.raises(ArchiveError, match="leads out") as caught:
        unpack(archive, tmp_path / "deep" / "er" / "out")
    assert "\n" not in str(caught.value)
    found = {path.name for path in tmp_path.rglob("*")}
    assert found == {"x", "deep", "er", "out", "good"}


def test_links_and_devices_are_left_aside(tmp_path):
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, kind in [
            ("soft", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("pipe", tarfile.FIFOTYPE),
            ("device", tarfile.CHRTYPE),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("soft/inside")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    unpack(path, tmp_path / "out")
    assert contents(tmp_path / "out") == {"soft/inside": b"x"}
    zipped = tmp_path / "x.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    unpack(zipped, tmp_path / "zipped")
    assert contents(tmp_path / "zipped") == {}


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_bomb_does_not_go_off(tmp_path, make, monkeypatch):
    archive = make(tmp_path / "x", {f"zeros{n}": bytes(10**6) for n in (1, 2)})
    monkeypatch.setattr(unpacking, "_MAX_RATIO", 2)
    monkeypatch.setattr(unpacking, "_SPARE_BYTES", 1_500_000)
    with pytest.raises(ArchiveError, match="far more"):
        unpack(archive, tmp_path / "out")
    assert set(contents(tmp_path / "out")) == {"zeros1"}


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "_MAX_MEMBERS", 2)
    with pytest.raises(ArchiveError, match="far more"):
        unpack(make_zip(tmp_path / "x"), tmp_path / "out")


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_damaged_archive_is_one_line(tmp_path, make, place):
    noise = {
        str(n): bytes(n * k * k % 251 for k in range(999)) for n in range(9)
    }
    archive = make(tmp_path / "x", noise)
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * place)])
    with pytest.raises(ArchiveError, match="broken") as caught:
        unpack(archive, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_what_is_no_archive_is_one_line(tmp_path):
    (tmp_path / "x").write_text("<html>not found</html>")
    with pytest.raises(ArchiveError, match="broken"):
        unpack(tmp_path / "x", tmp_path / "out")
