"""The base of all dataset builders: NoteSequences in, a TFDS dataset out."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from magenta_lite.data import staging, worker_pool
from magenta_lite.data.pieces import Piece, Reject
from magenta_lite.data.preparation_report import SplitReport
from magenta_lite.errors import UserError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and of how much."""


class EmptyCorpusError(UserError):
    """Nothing in a corpus could be used."""


class Item(Protocol):
    """What one task of a reader is about; must be picklable."""

    @property
    def id(self) -> str:
        """Names the file or tune in the list of rejects."""


class NoteSequenceBuilder(
    tfds.core.GeneratorBasedBuilder,
    skip_registration=True,  # type: ignore[call-arg]  # TFDS is loaded lazily.
):
    """Reads a corpus in parallel processes and writes it in three splits.

    A builder says what there is to read (`items`), and which function reads one
    item in a worker process (`read_item`). It knows nothing of processes,
    splits, files or reports: this class writes features `id`, `sequence` (a
    serialized NoteSequence) and `metadata` (strings), and beside them
    `rejects.csv` and `preparation.json`. It needs no network.

    Splits: 80 % train, 10 % validation, 10 % test by a hash of `Piece.group`.
    Where the source has a split of its own, the reader says so with
    `Piece.split`, which outranks the group.

    Attributes:
      METADATA_KEYS: the names of the metadata that every piece carries.
      UNIT: what one item is, in the plural, for messages.
      TIMEOUT_SECONDS: an item that takes longer to read is left out.
      CHUNK_SIZE: how many items a process is given at once.
      num_workers: processes to read with; one for each core if None. The
        dataset is the same for any number.
      progress: told how far the work is; may be None.
    """

    VERSION = tfds.core.Version("1.0.0")
    METADATA_KEYS: ClassVar[tuple[str, ...]] = ()
    UNIT: ClassVar[str] = "files"
    TIMEOUT_SECONDS: ClassVar[float] = 60.0
    CHUNK_SIZE: ClassVar[int] = 8

    num_workers: int | None = None
    progress: Progress | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Tells TFDS where README and checksums lie: beside the builder.

        It would look below the root package, where a checkout has none.
        """
        super().__init_subclass__(**kwargs)
        source = sys.modules[cls.__module__].__file__
        cls.code_path = epath.Path(source)
        cls.pkg_dir_path = epath.Path(source).parent

    def items(self) -> Sequence[Item]:
        """What there is to read, in a fixed order.

        Raises:
          UserError: if the corpus is not there.
        """
        raise NotImplementedError

    def num_sources(self, items: Sequence[Item]) -> int:
        """How many `UNIT` the items are; one each by default."""
        return len(items)

    def read_item(self) -> Callable[[Item], list[Piece | Reject]]:
        """The function that reads one item.

        It runs in a worker process: a module-level function of a module that
        imports neither TensorFlow nor TFDS.
        """
        raise NotImplementedError

    def arrange(
        self, results: Iterator[Piece | Reject]
    ) -> Iterable[Piece | Reject]:
        """A place to change what was read; as it is by default."""
        return results

    def notice(self) -> str:
        """One line on the licence that every user must see, or ""."""
        return ""

    def source(self) -> tuple[str, str]:
        """Where the corpus lies, and a fingerprint of its files or ""."""
        return "", ""

    def _info(self) -> tfds.core.DatasetInfo:
        features = {
            "id": tfds.features.Text(),
            "sequence": tfds.features.Scalar(np.object_),
        }
        if self.METADATA_KEYS:
            features["metadata"] = tfds.features.FeaturesDict(
                {key: tfds.features.Text() for key in self.METADATA_KEYS}
            )
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            license=self.notice() or None,
            disable_shuffling=False,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator]:
        del dl_manager  # Nothing is downloaded.
        folder = pathlib.Path(self.data_dir)  # Renamed once all is written.
        items = self.items()
        staged = staging.Staging(folder)
        for result in self.arrange(self._read(items)):
            staged.add(result)
        staged.finish()
        source, fingerprint = self.source()
        if not staged.num_pieces:
            raise EmptyCorpusError(_nothing_usable(staged, source))
        report = staged.report(
            num_sources=self.num_sources(items),
            unit=self.UNIT,
            notice=self.notice(),
            source=source,
            source_fingerprint=fingerprint,
        )
        report.save(folder)
        return {
            split: self._generate_examples(staged, split, contents)
            for split, contents in report.splits.items()
        }

    def _generate_examples(
        self, staged: staging.Staging, split: str, contents: SplitReport
    ) -> Iterator[tuple[str, dict]]:
        for count, piece in enumerate(staged.pieces(split), 1):
            example: dict[str, Any] = {
                "id": piece.id,
                "sequence": piece.sequence,
            }
            if self.METADATA_KEYS:
                example["metadata"] = {
                    key: piece.metadata.get(key, "")
                    for key in self.METADATA_KEYS
                }
            yield piece.id, example
            if self.progress:
                total = contents.num_sequences
                self.progress(f"writing {split}", count, total)

    def _log_download_bytes(self) -> None:
        """Prints nothing: TFDS would announce a download of unknown size."""

    def _log_download_done(self) -> None:
        """Prints nothing, as above."""

    def _read(self, items: Sequence[Item]) -> Iterator[Piece | Reject]:
        """Reads all items in worker processes, in order."""
        results = worker_pool.map_in_processes(
            self.read_item(),
            items,
            num_workers=self.num_workers,
            timeout_seconds=self.TIMEOUT_SECONDS,
            chunk_size=self.CHUNK_SIZE,
        )
        for count, (item, result) in enumerate(
            zip(items, results, strict=True), 1
        ):
            if isinstance(result, worker_pool.Failure):
                yield Reject(item.id, result.reason, result.message)
            else:
                yield from result
            if self.progress:
                self.progress(f"reading {self.UNIT}", count, len(items))


def _nothing_usable(staged: staging.Staging, source: str) -> str:
    reasons = ", ".join(
        f"{reason} ({count})" for reason, count in staged.rejects.most_common()
    )
    first = staged.first_reject
    example = f"; the first is {first.id}: {first.message}" if first else ""
    return f"nothing in {source} can be used: {reasons}{example}"
