"""Symbolic-music models: trained from NoteSequences, shared as bundles.

Importing this package imports no TensorFlow; `load_bundle` does, when called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from magenta_lite.generation.generator import Generator

__version__ = "0.1.0"


def load_bundle(path: str) -> Generator:
    """Loads a generator bundle (`.mag`) as an object that makes music.

    Args:
      path: a bundle file.

    Returns:
      A `Generator`; its `generate(primer, num_steps=128, temperature=1.0,
      seed=0)` returns a list of NoteSequences.

    Raises:
      magenta_lite.errors.UserError: if the file is missing, damaged or not a
        bundle that this version reads.
    """
    from magenta_lite.generation import generator

    return generator.load_bundle(path)
