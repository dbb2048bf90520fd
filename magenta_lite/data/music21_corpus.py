"""The corpus that the package music21 brings; found without importing it."""

from __future__ import annotations

import importlib.util
import pathlib

from magenta_lite.data.corpus_folder import find_corpus
from magenta_lite.errors import UserError


class MissingCorpusError(UserError):
    """music21, which brings the music, is not installed."""


def corpus_dir(
    dataset: str, folder: str, manual_dir: pathlib.Path | None = None
) -> pathlib.Path:
    """The folder in which a collection's own folder lies.

    Args:
      dataset: whose it is, for errors.
      folder: of the collection, such as "bach".
      manual_dir: a copy of the corpus, or of this folder; None takes music21's.

    Raises:
      UserError: if it is not there.
    """
    if manual_dir is not None:
        return find_corpus(manual_dir, dataset, folder)
    package = importlib.util.find_spec("music21")
    for location in (package and package.submodule_search_locations) or ():
        found = pathlib.Path(location) / "corpus"
        if (found / folder).is_dir():
            return found
    raise MissingCorpusError(
        f"{dataset} comes with the package music21, which is not installed or "
        "lacks its corpus; run `pip install 'magenta_lite[corpus]'`."
    )
