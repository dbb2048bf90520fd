#!/usr/bin/env python3
"""Trains a model from a recipe; see magenta_lite.cli.train."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from magenta_lite.cli import train  # noqa: E402

if __name__ == "__main__":
    train.console()
