"""Where a run comes from: what somebody needs to do it again elsewhere."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import magenta_lite
from magenta_lite import paths

_PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "note-seq",
    "gin-config",
    "tensorflow-datasets",
    "symusic",
    "safetensors",
)


def provenance(command: Sequence[str]) -> dict[str, Any]:
    """Command, time, versions and source of this process, as JSON values."""
    return {
        "command": list(command),
        "started": time.time(),
        "versions": {
            "magenta_lite": magenta_lite.__version__,
            "python": platform.python_version(),
            **{p: importlib.metadata.version(p) for p in _PACKAGES},
        },
        "git": git_revision(),
    }


def git_revision() -> dict[str, Any] | None:
    """Commit of the checkout, and whether its files differ from it.

    None where the package is installed, or where there is no git.
    """
    if not paths.is_checkout():
        return None
    folder = paths.gin_dir().parent
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "changed": bool(changes)}


def _git(folder: object, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
