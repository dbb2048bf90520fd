"""What came of a sweep's cells, as a table."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

from magenta_lite.cli.sweep_cells import Cell
from magenta_lite.notes.atomic import temporary_file

_COLUMNS = ("validation loss", "at step", "steps", "status", "cell", "message")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a cell.

    Attributes:
      cell: which.
      status: "finished", "interrupted" or "failed".
      loss: the lowest validation loss in nats an event; None if there is none.
      step: of that loss.
      steps: how many steps were taken.
      message: the last line of a cell that failed.
    """

    cell: Cell
    status: str
    loss: float | None = None
    step: int = 0
    steps: int = 0
    message: str = ""


def read_outcome(
    cell: Cell, run_dir: Path, status: str, message: str = ""
) -> Outcome:
    """An outcome, with what the run in a folder measured."""
    file = run_dir / "metrics.jsonl"
    lines = []
    if file.is_file():
        lines = [json.loads(line) for line in file.read_text().splitlines()]
    losses = [
        (line["loss"], line["step"])
        for line in lines
        if line["split"] == "validation" and line["loss"] is not None
    ]
    loss, step = min(losses, default=(None, 0))
    steps = max((line["step"] for line in lines), default=0)
    return Outcome(cell, status, loss, step, steps, message)


def sort(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """The lowest validation loss first, those without one last."""
    return sorted(
        outcomes, key=lambda o: (o.loss is None, o.loss or 0.0, o.cell.name)
    )


def _row(outcome: Outcome) -> tuple[str, ...]:
    loss = "" if outcome.loss is None else f"{outcome.loss:.4f}"
    return (
        loss,
        str(outcome.step) if loss else "",
        str(outcome.steps),
        outcome.status,
        outcome.cell.name,
        " ".join(outcome.message.split()),
    )


def write_table(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Writes the sorted table, with tabs between the columns."""
    rows = [_COLUMNS, *(_row(outcome) for outcome in sort(outcomes))]
    with temporary_file(path) as temporary:
        text = "".join("\t".join(row) + "\n" for row in rows)
        Path(temporary).write_text(text)


def format_table(outcomes: Iterable[Outcome]) -> str:
    """The sorted table for people."""
    rows = [_COLUMNS, *(_row(outcome) for outcome in sort(outcomes))]
    rows = [row[:5] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        "  ".join(
            text.ljust(width) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    )
