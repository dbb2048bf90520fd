#!/usr/bin/env python3
"""Trains a grid of configurations; see magenta_lite.cli.sweep."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from magenta_lite.cli import sweep  # noqa: E402

if __name__ == "__main__":
    sweep.console()
