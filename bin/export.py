#!/usr/bin/env python3
"""Writes the model of a run as a bundle; see magenta_lite.cli.export."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from magenta_lite.cli import export  # noqa: E402

if __name__ == "__main__":
    export.console()
