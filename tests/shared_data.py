"""Where the optional folder of real music lies, for tests that read it."""

import pathlib

import pytest

_SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


def shared_dir(*parts: str) -> pathlib.Path:
    """The folder `shared/<parts>` beside the checkout; skips without it."""
    path = _SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs shared/{'/'.join(parts)} beside the checkout")
    return path
