"""What `bin/prepare.py` shows: a progress bar, and a table at the end."""

from __future__ import annotations

import time
from types import TracebackType

from rich import console, progress, table, text

from magenta_lite.data import corpus_plot
from magenta_lite.data.preparation import Prepared
from magenta_lite.data.preparation_report import PreparationReport
from magenta_lite.data.staging import REJECTS_NAME


class _SpeedColumn(progress.ProgressColumn):
    """Units per second, such as `850/s`."""

    def render(self, task: progress.Task) -> text.Text:
        speed = task.finished_speed or task.speed
        return text.Text(f"{speed:,.0f}/s" if speed else "")


class ProgressBar:
    """A bar on stderr with the speed and the time left; a context manager."""

    def __init__(self) -> None:
        stderr = console.Console(stderr=True)
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            _SpeedColumn(),
            progress.TimeRemainingColumn(),
            console=stderr,
            disable=not stderr.is_terminal,
            transient=True,
            # TFDS replaces `__import__` while it is imported; a thread that
            # draws the bar at that time would fail.
            auto_refresh=False,
        )
        self._refreshed_seconds = 0.0
        self._description = "starting"
        self._task = self._bar.add_task(self._description, total=None)

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        self._bar.refresh()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def update(self, description: str, done: int, total: int) -> None:
        """Shows how far a stage of the work is; a new stage starts anew."""
        if description != self._description:
            self._description = description
            self._bar.remove_task(self._task)
            # What an earlier process did says nothing of the speed.
            self._task = self._bar.add_task(
                description, total=total, completed=done
            )
        now_seconds = time.monotonic()
        is_due = now_seconds - self._refreshed_seconds > 0.1
        self._bar.update(self._task, completed=done, refresh=is_due)
        if is_due:
            self._refreshed_seconds = now_seconds


def print_summary(prepared: Prepared) -> None:
    """Prints what a dataset holds, what was left out and where it lies."""
    if not prepared.is_new:
        print(f"{prepared.name} is prepared already.")
    if prepared.report:
        _print_report(prepared.report)
    print(f"dataset: {prepared.directory}")
    if (prepared.directory / corpus_plot.FILE_NAME).exists():
        print(f"a look at it: {prepared.directory / corpus_plot.FILE_NAME}")
    if prepared.report and prepared.report.rejects:
        print(f"left out: {prepared.directory / REJECTS_NAME}")
    if prepared.report and prepared.report.notice:
        print(f"licence: {prepared.report.notice}")


def _print_report(report: PreparationReport) -> None:
    grid = table.Table()
    grid.add_column("split")
    for name in ("sequences", "notes", "hours"):
        grid.add_column(name, justify="right")
    parts = list(report.splits.values())
    for name, part in report.splits.items():
        grid.add_row(name, *_cells([part]))
    grid.add_section()
    grid.add_row("all", *_cells(parts))
    console.Console().print(grid)
    num_sequences = sum(part.num_sequences for part in parts)
    print(
        f"read {report.num_sources:,} {report.unit}: {num_sequences:,} "
        f"sequences, {sum(report.rejects.values()):,} left out"
    )
    for reason, count in report.rejects.items():
        print(f"  {count:>7,} {reason}")
    if num_sequences > report.num_groups > 0:
        print(
            f"versions of one piece share a split: {report.num_groups:,} "
            f"groups, the largest of {report.largest_group:,}"
        )


def _cells(parts: list) -> list[str]:
    return [
        f"{sum(part.num_sequences for part in parts):,}",
        f"{sum(part.num_notes for part in parts):,}",
        f"{sum(part.seconds for part in parts) / 3600:,.1f}",
    ]
