#!/usr/bin/env python3
"""Measures a run or a bundle on a dataset; see magenta_lite.cli.evaluate."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from magenta_lite.cli import evaluate  # noqa: E402

if __name__ == "__main__":
    evaluate.console()
