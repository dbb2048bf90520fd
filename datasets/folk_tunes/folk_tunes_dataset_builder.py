"""folk_tunes: dance tunes and songs in ABC notation, from music21's corpus."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import tensorflow_datasets as tfds

from magenta_lite.data import music21_corpus
from magenta_lite.data.note_sequence_builder import NoteSequenceBuilder
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.datasets.folk_tunes import tunes

_PUBLIC_DOMAIN = ("ryans_mammoth", "oneills_1850", "airds_airs")
_ESSEN_NOTICE = (
    "The Essen collection is for non-commercial use only: see the README of "
    "folk_tunes."
)


@dataclasses.dataclass
class FolkTunesConfig(tfds.core.BuilderConfig):
    """Which collections to read.

    Attributes:
      collections: keys of `tunes.FOLDERS`.
      notice: what a user must know of the licence.
    """

    collections: tuple[str, ...] = ()
    notice: str = ""


class Builder(NoteSequenceBuilder):
    """See README.md."""

    RELEASE_NOTES = {"1.0.0": "First release."}
    METADATA_KEYS = ("title", "key", "meter", "collection")
    UNIT = "tunes"
    CHUNK_SIZE = 32
    LINK_NEAR_DUPLICATES = False  # `arrange` does, by title, too.
    BUILDER_CONFIGS = [
        FolkTunesConfig(
            name="public_domain",
            description="Ryan's Mammoth, O'Neill's 1850 and Aird's Airs.",
            collections=_PUBLIC_DOMAIN,
        ),
        FolkTunesConfig(
            name="ryans_mammoth",
            description="Ryan's Mammoth Collection (1883).",
            collections=("ryans_mammoth",),
        ),
        FolkTunesConfig(
            name="oneills_1850",
            description="O'Neill's Music of Ireland (1903).",
            collections=("oneills_1850",),
        ),
        FolkTunesConfig(
            name="airds_airs",
            description="Aird's Airs (1782-1801).",
            collections=("airds_airs",),
        ),
        FolkTunesConfig(
            name="essen",
            description="The Essen Folksong Collection; non-commercial.",
            collections=("essen",),
            notice=_ESSEN_NOTICE,
        ),
    ]
    DEFAULT_BUILDER_CONFIG_NAME = "public_domain"

    def items(self) -> list[tunes.Tune]:
        """The text of every tune, also of collections that are only linked.

        A tune must lie in the same split whichever config holds it, and which
        split that is depends on its versions in the other collections.
        """
        return [
            tune
            for collection in _linked_with(self.builder_config.collections)
            for tune in tunes.find_tunes(
                music21_corpus.corpus_dir(
                    self.name, tunes.FOLDERS[collection], self.manual_dir
                ),
                collection,
            )
        ]

    def num_sources(self, items: Sequence[tunes.Tune]) -> int:
        """Tunes of this config's own collections."""
        return sum(map(self._is_own, (tune.id for tune in items)))

    def read_item(self) -> Callable[[tunes.Tune], list[Piece | Reject]]:
        """Parses one tune."""
        return tunes.read_tune

    def arrange(
        self, results: Iterator[Piece | Reject]
    ) -> Iterator[Piece | Reject]:
        """Links the versions of each tune; a few thousand fit in memory."""
        pieces = []
        for result in results:
            if not isinstance(result, Reject):
                pieces.append(result)
            elif self._is_own(result.id):
                yield result
        for piece in tunes.link_versions(pieces):
            if self._is_own(piece.id):
                yield piece

    def notice(self) -> str:
        """The licence of the Essen collection."""
        return self.builder_config.notice

    def source(self) -> tuple[str, str]:
        """The package; its version is not followed, `VERSION` is."""
        return "the ABC corpus of music21", ""

    def _is_own(self, tune_id: str) -> bool:
        return tune_id.split("/")[0] in self.builder_config.collections


def _linked_with(collections: tuple[str, ...]) -> tuple[str, ...]:
    """The collections that share tunes with the given ones."""
    return collections if collections == ("essen",) else _PUBLIC_DOMAIN
