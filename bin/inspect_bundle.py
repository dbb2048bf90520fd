#!/usr/bin/env python3
"""Shows what a bundle holds: magenta_lite.cli.inspect_bundle."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from magenta_lite.cli import inspect_bundle  # noqa: E402

if __name__ == "__main__":
    inspect_bundle.console()
