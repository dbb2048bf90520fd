"""Measuring each of several things in a process of its own."""

import json
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterable


def measure_each(
    names: Iterable[str],
    compare: Callable[[str, dict], dict],
    show: Callable[[str, dict], None],
    output_json: str | None,
) -> None:
    """Runs this very command once for each name, with `--child=<name>`.

    Args:
      names: what to measure; a child prints a JSON object in its last line.
      compare: adds to the result of a name.
      show: prints it.
      output_json: where to write all results; None for nowhere.
    """
    results = {}
    for name in names:
        child = subprocess.run(
            [sys.executable, *sys.argv, f"--child={name}"],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        results[name] = compare(name, json.loads(child.stdout.splitlines()[-1]))
        show(name, results[name])
    if output_json:
        pathlib.Path(output_json).write_text(
            json.dumps(results, indent=2) + "\n"
        )
