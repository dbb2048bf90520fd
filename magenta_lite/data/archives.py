"""The archives that corpora come in: downloaded, or brought by the user."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable

from magenta_lite import download
from magenta_lite.data import unpacking, work_dir
from magenta_lite.data.corpus_folder import find_corpus
from magenta_lite.errors import UserError

Progress = Callable[[str, int, int], None]

_SUFFIX = re.compile(r"\.(zip|tgz|tar(\.\w+)?)$")
_MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Archive:
    """A .zip or .tar.gz that holds a corpus.

    Attributes:
      name: of the file, also where a user brings it.
      remote: where it is, and how to know it.
      marker: a file or folder in it that every copy of the corpus has, however
        it was unpacked, such as "info.csv" or "MIDI/melody".
    """

    name: str
    remote: download.RemoteFile
    marker: str


@dataclasses.dataclass(frozen=True)
class NoArchive:
    """A corpus that nobody serves; the user brings its files.

    Attributes:
      marker: see `Archive`.
    """

    marker: str


class NoArchiveError(UserError):
    """The user has not said where such a corpus lies."""


def corpus_dir(
    archive: Archive | NoArchive,
    dataset: str,
    manual_dir: pathlib.Path | None,
    download_dir: pathlib.Path,
    progress: Progress | None = None,
) -> pathlib.Path:
    """The folder of an archive's files, the one that holds its marker.

    They are taken from `manual_dir`, if that is given: as they are if they have
    been unpacked, otherwise from the archive. Else the archive is downloaded.
    It is checked, and unpacked in `download_dir`, once.

    Args:
      archive: what is wanted.
      dataset: its name, for errors.
      manual_dir: the user's folder; nothing is written there.
      download_dir: keeps archives and what is in them.
      progress: told how far the work is.

    Raises:
      UserError: if it is not there, or is another than expected.
    """
    if isinstance(archive, NoArchive):
        if manual_dir is None:
            raise NoArchiveError(
                f"{dataset} cannot be downloaded; pass --manual_dir=FOLDER, "
                f"where {archive.marker} lies."
            )
        return find_corpus(manual_dir, dataset, archive.marker)
    path = download_dir / archive.name
    if manual_dir is not None:
        path = pathlib.Path(manual_dir).expanduser() / archive.name
        if not path.is_file():
            return find_corpus(manual_dir, dataset, archive.marker)
    stem = _SUFFIX.sub("", archive.name)
    known = archive.remote.sha256 or archive.remote.md5
    if known:
        folder = download_dir / f"{stem}-{known[:8]}"
    else:
        if manual_dir is None:
            path = _fetch(archive, dataset, download_dir, progress)
        folder = download_dir / f"{stem}-{path.stat().st_size}"
    if not folder.is_dir():
        if manual_dir is None:
            path = _fetch(archive, dataset, download_dir, progress)
        else:
            download.check_file(path, archive.remote)
        _unpack(path, folder, progress)
    return find_corpus(folder, dataset, archive.marker)


def _unpack(
    path: pathlib.Path, folder: pathlib.Path, progress: Progress | None
) -> None:
    """Unpacks an archive; what a killed process has unpacked is kept."""

    def count(num_files: int) -> None:
        if progress:
            progress(f"unpacking {path.name}", num_files, 0)

    place = folder.with_name(f".{folder.name}.unpacking")
    with work_dir.locked(place, path.name) as work:
        if not folder.is_dir():  # Another process may have been faster.
            unpacking.unpack(path, work / "files", count)
            (work / "files").rename(folder)


def _fetch(
    archive: Archive,
    dataset: str,
    download_dir: pathlib.Path,
    progress: Progress | None,
) -> pathlib.Path:
    """The downloaded archive.

    If nobody has published its checksum, that of the first download is noted
    and expected from then on.
    """
    remote = archive.remote
    pin = download_dir / f"{archive.name}.sha256"
    if not remote.sha256 and not remote.md5 and pin.is_file():
        words = pin.read_text().split()
        remote = dataclasses.replace(remote, sha256=words[0] if words else "")
    known = remote.sha256 or remote.md5

    def tell(num_bytes: int, total: int | None) -> None:
        if progress:
            what = f"downloading {archive.name} (MiB)"
            progress(what, num_bytes // _MIB, (total or 0) // _MIB)

    path = download.download(
        remote,
        download_dir / archive.name,
        progress=tell,
        hint=(
            "where there is no network, get it elsewhere, put it into a folder "
            f"as {archive.name}{f' (checksum {known})' if known else ''} and "
            f"prepare {dataset} with --manual_dir=FOLDER."
        ),
    )
    if not known:
        pin.write_text(f"{download.sha256_of(path)}  {archive.name}\n")
    return path
