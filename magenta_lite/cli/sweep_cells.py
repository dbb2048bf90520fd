"""The cells of a sweep: all combinations of files and bindings."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from magenta_lite.errors import UserError

_UNSAFE = re.compile(r"[^\w.=+-]+")


@dataclasses.dataclass(frozen=True)
class Cell:
    """One configuration of the grid.

    Attributes:
      files: gin files of its own, at most one from each --grid_files.
      params: its bindings, one from each --grid.
    """

    files: tuple[str, ...]
    params: tuple[str, ...]

    @property
    def name(self) -> str:
        """A name for its folder that tells what it is."""
        parts = [Path(file).stem for file in self.files] + list(self.params)
        return _UNSAFE.sub("_", ",".join(parts).replace(",", "+")) or "only"


def make_cells(grid_files: Iterable[str], grid: Iterable[str]) -> list[Cell]:
    """All combinations, in the order of the flags.

    Args:
      grid_files: each "FILE,FILE".
      grid: each "NAME=VALUE,VALUE"; commas within brackets or quotes part
        nothing.

    Raises:
      UserError: for a binding without a value, or two equal cells.
    """
    files = [split_values(value) for value in grid_files]
    params = []
    for binding in grid:
        name, equals, values = binding.partition("=")
        if not equals or not name.strip() or not values.strip():
            raise UserError(
                f"--grid={binding!r} is no binding; write NAME=VALUE,VALUE."
            )
        params.append([f"{name.strip()}={v}" for v in split_values(values)])
    cells = [
        Cell(chosen[: len(files)], chosen[len(files) :])
        for chosen in itertools.product(*files, *params)
    ]
    names = [cell.name for cell in cells]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"the grid holds {name} more than once.")
    return cells


def split_values(text: str) -> list[str]:
    """Parts a list at its commas, but not within brackets or quotes."""
    values, start = [], 0
    for place in [i for i, c in enumerate(text) if c == ","] + [len(text)]:
        part = text[start:place].strip()
        # What is inside of a bracket or a quote cannot be read by itself.
        if place == len(text) or _is_whole(part):
            values.append(part)
            start = place + 1
    return [value for value in values if value]


def _is_whole(text: str) -> bool:
    opened = sum(text.count(c) for c in "([{")
    closed = sum(text.count(c) for c in ")]}")
    if opened != closed:
        return False
    try:
        ast.literal_eval(text)
    except SyntaxError:
        return text.count('"') % 2 == 0 and text.count("'") % 2 == 0
    except ValueError:
        return True
    return True
