"""Files of new music: names that nobody has, and every format."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from magenta_lite.cli.latent_request import Step
    from magenta_lite.generation.generator import Generation

FORMATS = ("mid", "wav", "png")
"""MIDI, how it sounds and how it looks."""


@contextlib.contextmanager
def reserved_stems(output_dir: Path, count: int) -> Iterator[list[Path]]:
    """Names for outputs: `<folder>/2026-11-22_223000_01`, without a suffix.

    No file of such a name exists, and no other command gets the same ones.
    Makes the folder, and takes it away again if it stays empty.

    Args:
      output_dir: where the files will lie.
      count: how many names.

    Raises:
      OSError: if the folder cannot be made or written to.
    """
    made = not output_dir.exists()
    output_dir.mkdir(parents=True, exist_ok=True)
    lock = None
    try:
        lock, stamp = _lock_stamp(output_dir)
        digits = len(str(count))
        yield [output_dir / f"{stamp}_{i + 1:0{digits}}" for i in range(count)]
    finally:
        if lock is not None:
            lock.unlink(missing_ok=True)
        if made:
            with contextlib.suppress(OSError):
                output_dir.rmdir()


def write(
    generation: Generation, stem: Path, formats: list[str], title: str
) -> list[Path]:
    """Writes one piece in some formats.

    Args:
      generation: the music.
      stem: path without suffix.
      formats: some of `FORMATS`.
      title: stands over the picture.

    Returns:
      The files, in the order of `formats`.
    """
    paths = []
    for suffix in formats:
        path = stem.with_name(f"{stem.name}.{suffix}")
        _write_one(generation, path, suffix, title)
        paths.append(path)
    return paths


def write_steps(steps: Sequence[Step], stem: Path, title: str) -> Path:
    """Draws the steps of an interpolation under each other.

    Args:
      steps: from the first to the last; of many some are left out.
      stem: of the first output.
      title: stands over the picture.

    Returns:
      The file, `<stamp>_steps.png`.
    """
    from magenta_lite.notes import plot_steps

    stamp = stem.name.rpartition("_")[0]
    path = stem.with_name(f"{stamp}_steps.png")
    count = min(len(steps), plot_steps.MAX_STEPS)
    last = max(1, count - 1)
    shown = [steps[i * (len(steps) - 1) // last] for i in range(count)]
    plot_steps.draw_steps(
        [step.sequence for step in shown],
        [step.title for step in shown],
        path,
        title,
    )
    return path


def _write_one(
    generation: Generation, path: Path, suffix: str, title: str
) -> None:
    # Each writer loads its library when it is first needed.
    if suffix == "mid":
        from magenta_lite.notes import midi

        midi.write_midi(generation.sequence, path)
    elif suffix == "wav":
        from magenta_lite.notes import render

        render.write_wav(generation.sequence, path)
    else:
        from magenta_lite.notes import plot

        plot.draw_piano_roll(
            generation.sequence,
            path,
            primer_end_seconds=generation.primer_end_seconds,
            title=title,
        )


def _lock_stamp(output_dir: Path) -> tuple[Path, str]:
    """A time stamp that no file has, and the lock file that keeps it so."""
    second = time.strftime("%Y-%m-%d_%H%M%S")
    for attempt in range(1, 1000):
        stamp = second if attempt == 1 else f"{second}-{attempt}"
        lock = output_dir / f".{stamp}.lock"
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            continue
        if not any(output_dir.glob(f"{stamp}_*")):
            return lock, stamp
        lock.unlink()
    raise OSError(errno.EEXIST, "no free file name", str(output_dir))
