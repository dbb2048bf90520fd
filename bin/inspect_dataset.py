#!/usr/bin/env python3
"""Shows what a recipe finds in a dataset: magenta_lite.cli.inspect_dataset."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from magenta_lite.cli import inspect_dataset  # noqa: E402

if __name__ == "__main__":
    inspect_dataset.console()
