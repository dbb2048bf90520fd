"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

from magenta_lite.notes.errors import NotesError


@contextlib.contextmanager
def temporary_file(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A name in the folder of `path`, moved to `path` if all goes well.

    Keeps the suffix of `path`, which libraries take for the format.

    Raises:
      NotesError: if the folder is missing, full or not writable; nothing is
        left behind and what was at `path` stays.
    """
    path = pathlib.Path(path)
    temporary = None
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem[:100]}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = pathlib.Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise NotesError(
            "not_writable",
            f"{path}: cannot be written: {error.strerror or error}.",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
