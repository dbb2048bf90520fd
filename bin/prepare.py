#!/usr/bin/env python3
"""Turns a corpus or a folder into a dataset; see magenta_lite.cli.prepare."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from magenta_lite.cli import prepare  # noqa: E402

if __name__ == "__main__":
    prepare.console()
