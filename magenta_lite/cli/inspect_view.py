"""What `bin/inspect_dataset.py` shows and writes."""

from __future__ import annotations

import os
import pathlib
import shutil

import numpy as np
from rich import console, table

from magenta_lite.data.cache_files import EventCache
from magenta_lite.data.extraction_report import ExtractionReport
from magenta_lite.notes.atomic import temporary_file

_MAX_BARS = 60


def print_report(report: ExtractionReport, title: str) -> None:
    """Prints what was used, and a table of what was left out and why."""
    shortest, median, longest = report.lengths
    print(
        f"{title}, {report.codec}: {report.num_used:,} of "
        f"{report.num_sequences:,} sequences used"
    )
    print(
        f"{report.num_examples:,} examples, {report.num_events:,} events; "
        f"lengths {shortest:,} to {longest:,}, median {median:,}"
    )
    if not report.rejects:
        print("nothing was left out.")
        return
    grid = table.Table()
    grid.add_column("left out")
    for name in ("parts", "share", "sequences"):
        grid.add_column(name, justify="right")
    grid.add_column("meaning, what to do", overflow="fold")
    for reject in report.rejects:
        grid.add_row(
            reject.reason,
            f"{reject.num_parts:,}",
            f"{report.share(reject.num_parts):.1%}",
            f"{reject.num_sequences:,}",
            reject.explanation,
        )
    console.Console().print(grid)


def write_csv(cache: EventCache, path: str | os.PathLike) -> None:
    """Copies the table of sequences: id, examples, events, what was left out.

    Raises:
      NotesError: if the file cannot be written.
    """
    with temporary_file(_made_folder(path)) as temporary:
        shutil.copyfile(cache.sequences_path, temporary)


def write_picture(
    cache: EventCache, path: str | os.PathLike, title: str
) -> None:
    """Draws how long examples are and how often each event occurs, as PNG.

    Raises:
      NotesError: if the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title)
    lengths, events = figure.subplots(1, 2)
    lengths.hist(cache.lengths, bins=_MAX_BARS)
    lengths.set(xlabel="events of an example", ylabel="examples")
    counts = event_counts(cache)
    events.bar(np.arange(len(counts)), counts, width=1.0)
    events.set(xlabel="event", ylabel="times", yscale="log")
    with temporary_file(_made_folder(path)) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def event_counts(cache: EventCache) -> np.ndarray:
    """How often each value occurs, in any field: int64 `[largest + 1]`."""
    counts = np.zeros([0], np.int64)
    for shard in cache.shards:
        more = np.bincount(cache.read_events(shard).ravel())
        size = max(len(counts), len(more))
        counts = np.pad(counts, (0, size - len(counts)))
        counts += np.pad(more, (0, size - len(more)))
    return counts


def _made_folder(path: str | os.PathLike) -> pathlib.Path:
    path = pathlib.Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
