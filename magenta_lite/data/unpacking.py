"""Unpacks archives of strangers: nothing outside the folder, no bombs."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO

from magenta_lite.errors import UserError

_MAX_RATIO = 200
_SPARE_BYTES = 2**24
_MAX_MEMBERS = 2_000_000
_MAX_PATH_CHARS = 1000
_BLOCK_BYTES = 2**20
_DRIVE = re.compile(r"^[a-zA-Z]:")


class ArchiveError(UserError):
    """An archive is broken, or would do harm."""


@dataclasses.dataclass(frozen=True)
class _Member:
    """One file of an archive.

    Attributes:
      name: its path, as the archive has it.
      num_bytes: its size, as the archive says.
      open: opens it to be read.
    """

    name: str
    num_bytes: int
    open: Callable[[], IO[bytes]]


def unpack(
    archive: pathlib.Path,
    folder: pathlib.Path,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Unpacks a .zip or .tar.gz.

    Files that are there from an earlier call, which was killed, are not written
    again. Only plain files are unpacked; links, devices and rights are not.

    Args:
      archive: the file.
      folder: what to unpack it into; it is made.
      progress: told how many files are there.

    Raises:
      ArchiveError: if the archive is broken, if a path leads out of the folder,
        or if it holds more than 200 times its own size or two million files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    room = _MAX_RATIO * archive.stat().st_size + _SPARE_BYTES
    try:
        with _members(archive) as members:
            for count, member in enumerate(members, 1):
                path = folder / _safe_name(member.name, archive)
                room -= member.num_bytes
                if room < 0 or count > _MAX_MEMBERS:
                    raise ArchiveError(
                        f"{archive}: unpacks to far more than it should; it "
                        "was not made in good faith, or it is damaged."
                    )
                _write(member, path)
                if progress:
                    progress(count)
    except (
        *(tarfile.TarError, zipfile.BadZipFile, zlib.error),
        *(EOFError, NotImplementedError, RuntimeError),
    ) as error:
        raise ArchiveError(
            f"{archive}: is broken ({error}); delete it and get it again."
        ) from error


@contextlib.contextmanager
def _members(archive: pathlib.Path) -> Iterator[Iterator[_Member]]:
    """The plain files of an archive, read one after the other."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            yield _zip_members(opened)
    else:
        # A stream: with random access, tarfile would keep every member.
        with tarfile.open(archive, "r|*") as stream:
            yield _tar_members(stream)


def _zip_members(opened: zipfile.ZipFile) -> Iterator[_Member]:
    for info in opened.infolist():
        is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
        if not info.is_dir() and not is_link:
            yield _Member(
                info.filename,
                info.file_size,
                lambda info=info: opened.open(info),  # type: ignore[misc]
            )


def _tar_members(stream: tarfile.TarFile) -> Iterator[_Member]:
    for info in stream:
        stream.members = []  # type: ignore[attr-defined]  # Keeps memory flat.
        if info.isreg():
            yield _Member(
                info.name,
                info.size,
                lambda info=info: stream.extractfile(info),  # type: ignore
            )


def _safe_name(name: str, archive: pathlib.Path) -> pathlib.PurePosixPath:
    """A path that stays below the folder.

    Raises:
      ArchiveError: if it does not.
    """
    path = pathlib.PurePosixPath(name.replace("\\", "/"))
    if (
        path.is_absolute()
        or ".." in path.parts
        or not path.parts
        or "\0" in name
        or _DRIVE.match(name)
        or len(name) > _MAX_PATH_CHARS
    ):
        raise ArchiveError(
            f"{archive}: holds a path that leads out of its folder "
            f"({name[:100]!r}); it was not made in good faith."
        )
    return path


def _write(member: _Member, path: pathlib.Path) -> None:
    """Writes a file, unless all of it is there from an earlier time."""
    with contextlib.suppress(OSError):
        if path.stat().st_size == member.num_bytes and member.num_bytes:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    left = member.num_bytes
    with member.open() as source, path.open("wb") as target:
        while block := source.read(min(_BLOCK_BYTES, left + 1)):
            left -= len(block)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.name} is longer than stated")
            target.write(block)
    if left:
        raise zipfile.BadZipFile(f"{member.name} is shorter than stated")
