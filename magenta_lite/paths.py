"""Where the files lie that are not Python: gin configs, builders, data."""

from __future__ import annotations

import pathlib

_PACKAGE = pathlib.Path(__file__).resolve().parent
_CHECKOUT_MARK = "WORKSPACE.md"  # Never shipped, and no PyPI package has one.


def is_checkout() -> bool:
    """Whether the package runs from a checkout, not from an installed wheel."""
    return (_PACKAGE.parent / _CHECKOUT_MARK).is_file()


def gin_dir() -> pathlib.Path:
    """The folder of gin files: `gin/`, or its copy inside the wheel."""
    if is_checkout():
        return _PACKAGE.parent / "gin"
    return _PACKAGE / "gin_configs"


def datasets_dir() -> pathlib.Path:
    """The folder of dataset builders: `datasets/`, or its copy in the wheel."""
    if is_checkout():
        return _PACKAGE.parent / "datasets"
    return _PACKAGE / "datasets"


def default_data_dir() -> pathlib.Path:
    """Where prepared datasets and caches lie unless a flag says otherwise."""
    return pathlib.Path.home() / "magenta_lite_data"
