"""Finds a corpus in the folder that a user names with --manual_dir."""

from __future__ import annotations

import os
import pathlib

from magenta_lite.errors import UserError

_MAX_DEPTH = 2


class CorpusFolderError(UserError):
    """A corpus is not where its user says."""


def find_corpus(
    manual_dir: str | os.PathLike, name: str, marker: str
) -> pathlib.Path:
    """The folder in which a corpus lies, however its archive was unpacked.

    Args:
      manual_dir: that folder, or one that holds it up to two levels down.
      name: of the dataset, for errors.
      marker: a file or folder that every copy of the corpus has, such as
        "info.csv" or "MIDI/melody".

    Raises:
      CorpusFolderError: if there is no such folder, or no corpus in it.
    """
    top = pathlib.Path(manual_dir).expanduser()
    if not top.is_dir():
        problem = "is not a folder" if top.exists() else "does not exist"
        raise CorpusFolderError(
            f"--manual_dir: {top} {problem}; name the folder of {name}."
        )
    if top.resolve().name == marker:
        return top.resolve().parent
    for depth in range(_MAX_DEPTH + 1):
        for found in sorted(top.glob("*/" * depth + marker)):
            return found.parents[marker.count("/")]
    raise CorpusFolderError(
        f"--manual_dir: {top} does not hold {name}: there is no {marker} in "
        f"it, nor in folders up to {_MAX_DEPTH} below; its README says where "
        "to get it."
    )
