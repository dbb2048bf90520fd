#!/usr/bin/env python3
"""Makes music with a bundle; see magenta_lite.cli.generate."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from magenta_lite.cli import generate  # noqa: E402

if __name__ == "__main__":
    generate.console()
