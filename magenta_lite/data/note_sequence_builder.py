"""The base of all dataset builders: NoteSequences in, a TFDS dataset out."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import pathlib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from magenta_lite.data import (
    archives,
    beam_preparation,
    copies,
    corpus_plot,
    piece_reading,
    reading_log,
    staging,
    worker_pool,
)
from magenta_lite.data.piece_records import decode_results
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
    `rejects.csv`, `preparation.json` and `corpus.png`.

    Splits: 80 % train, 10 % validation, 10 % test by a hash of `Piece.group`,
    the versions of a piece together (see `near_duplicates`). Where the source
    has a split of its own, the reader says so with `Piece.split`, which
    outranks the group.

    Memory does not grow with the corpus: pieces lie on disk until they are
    written. What has been read is kept in `work_dir`, if that is given, so that
    a builder which was killed goes on there; the dataset is the same.

    Attributes:
      METADATA_KEYS: the names of the metadata that every piece carries.
      UNIT: what one item is, in the plural, for messages.
      TIMEOUT_SECONDS: an item that takes longer to read is left out.
      CHUNK_SIZE: how many items a process is given at once.
      LINK_NEAR_DUPLICATES: whether versions of a piece are to be found; if not,
        `Piece.group` alone says what belongs together.
      UNIQUE_KEY: the metadata that is equal in exact copies of a piece; only
        the first of them is kept. "" keeps all.
      num_workers: processes to read with; one for each core if None. The
        dataset is the same for any number.
      progress: told how far the work is; may be None.
      work_dir: an existing folder that outlives this process; may be None.
      manual_dir: where the user has put the corpus; None downloads it.
      download_dir: where downloads are kept; beside the datasets if None.
      beam_options: Apache Beam's, to prepare the dataset with it; else None.
        `work_dir` and `download_dir` must then be on a disk that all of Beam's
        workers see under the same path.
    """

    VERSION = tfds.core.Version("1.0.0")
    METADATA_KEYS: ClassVar[tuple[str, ...]] = ()
    UNIT: ClassVar[str] = "files"
    TIMEOUT_SECONDS: ClassVar[float] = 60.0
    CHUNK_SIZE: ClassVar[int] = 8
    LINK_NEAR_DUPLICATES: ClassVar[bool] = True
    UNIQUE_KEY: ClassVar[str] = ""

    num_workers: int | None = None
    progress: Progress | None = None
    work_dir: pathlib.Path | None = None
    manual_dir: pathlib.Path | None = None
    download_dir: pathlib.Path | None = None
    beam_options: Any = None

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

        Their `repr` should say all about them: what an earlier process has read
        of equal ones is not read again.

        Raises:
          UserError: if the corpus is not there.
        """
        raise NotImplementedError

    def corpus_dir(
        self, archive: archives.Archive | archives.NoArchive
    ) -> pathlib.Path:
        """The folder that holds what is in an archive.

        Builders whose corpus must be brought or downloaded call this; the first
        call may take long.

        Raises:
          UserError: if it cannot be had, or is another than expected.
        """
        return archives.corpus_dir(
            archive,
            self.name,
            self.manual_dir,
            self.download_dir or pathlib.Path(self._data_dir_root, "downloads"),
            self.progress,
        )

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
        """A place to change what was read; leaves out copies by default.

        A builder that overrides this cannot be prepared on Apache Beam.
        """
        if self.UNIQUE_KEY:
            return copies.drop_copies(results, self.UNIQUE_KEY)
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
    ) -> dict[str, Any]:
        del dl_manager  # It keeps downloads under names that nobody can read.
        folder = pathlib.Path(self.data_dir)  # Renamed once all is written.
        items = self.items()
        source, fingerprint = self.source()
        beam_run = None
        if self.beam_options is not None:
            beam_run = self._beam_run(items)
            staged = beam_run.stage(folder)
        else:
            staged = self._stage(items, folder)
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
        corpus_plot.draw_corpus(report, folder / corpus_plot.FILE_NAME)
        if beam_run:
            example_fn = functools.partial(
                _key_and_example, metadata_keys=self.METADATA_KEYS
            )
            return {
                split: beam_run.examples(split, example_fn)
                for split in report.splits
            }
        return {
            split: self._generate_examples(staged, split, contents)
            for split, contents in report.splits.items()
        }

    def _generate_examples(
        self, staged: staging.Staging, split: str, contents: SplitReport
    ) -> Iterator[tuple[str, dict]]:
        for count, piece in enumerate(staged.pieces(split), 1):
            yield _key_and_example(piece, self.METADATA_KEYS)
            if self.progress:
                total = contents.num_sequences
                self.progress(f"writing {split}", count, total)

    def _stage(
        self, items: Sequence[Item], folder: pathlib.Path
    ) -> staging.Staging:
        """Reads everything and settles the splits."""
        staged = staging.Staging(folder, self.LINK_NEAR_DUPLICATES)
        with self._work_dir(folder) as work_dir:
            log = reading_log.ReadingLog(work_dir, self._key(items))
            for result in self.arrange(self._read(items, log)):
                staged.add(result)
        staged.finish()
        return staged

    def _beam_run(self, items: Sequence[Item]) -> beam_preparation.BeamRun:
        """Reads everything on Apache Beam."""
        if type(self).arrange is not NoteSequenceBuilder.arrange:
            raise beam_preparation.BeamError(
                f"{self.name} cannot be prepared on Beam: what is read of it "
                "must be looked at as a whole; leave Beam's options away."
            )
        if self.work_dir is None:
            raise ValueError("Beam needs a work_dir that all workers see")
        corpus = beam_preparation.Corpus(
            items=items,
            read_item=self.read_item(),
            timeout_seconds=self.TIMEOUT_SECONDS,
            link_near_duplicates=self.LINK_NEAR_DUPLICATES,
            unique_key=self.UNIQUE_KEY,
            key=self._key(items),
        )
        return beam_preparation.BeamRun(
            corpus, self.work_dir / "beam", self.beam_options
        )

    def _log_download_bytes(self) -> None:
        """Prints nothing: TFDS would announce a download of unknown size."""

    def _log_download_done(self) -> None:
        """Prints nothing, as above."""

    @contextlib.contextmanager
    def _work_dir(self, folder: pathlib.Path) -> Iterator[pathlib.Path]:
        if self.work_dir:
            yield self.work_dir
            return
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            yield pathlib.Path(temporary)

    def _key(self, items: Sequence[Item]) -> str:
        """What the result of reading follows from."""
        module = sys.modules[type(self).__module__]
        digest = hashlib.sha256()
        head = (
            *(type(self).__qualname__, self.builder_config, self.VERSION),
            *(self.source(), reading_log.code_fingerprint(module)),
        )
        for part in itertools.chain(head, items):
            digest.update(repr(part).encode("utf-8", "backslashreplace"))
        return digest.hexdigest()

    def _read(
        self, items: Sequence[Item], log: reading_log.ReadingLog
    ) -> Iterator[Piece | Reject]:
        """All results in order: those of the log, then those to be read.

        These are read in worker processes, and logged.
        """
        yield from log.results()
        todo = items[log.num_items :]
        results = worker_pool.map_in_processes(
            functools.partial(
                piece_reading.read_and_describe, self.read_item()
            ),
            todo,
            num_workers=self.num_workers,
            timeout_seconds=self.TIMEOUT_SECONDS,
            chunk_size=self.CHUNK_SIZE,
        )
        for item, result in zip(todo, results, strict=True):
            record = piece_reading.record_of(item.id, result)
            log.append(record)
            yield from decode_results(record)
            if self.progress:
                self.progress(f"reading {self.UNIT}", log.num_items, len(items))


def _key_and_example(
    piece: Piece, metadata_keys: Sequence[str]
) -> tuple[str, dict]:
    """A piece as TFDS takes it."""
    example: dict[str, Any] = {"id": piece.id, "sequence": piece.sequence}
    if metadata_keys:
        example["metadata"] = {
            key: piece.metadata.get(key, "") for key in metadata_keys
        }
    return piece.id, example


def _nothing_usable(staged: staging.Staging, source: str) -> str:
    reasons = ", ".join(
        f"{reason} ({count})" for reason, count in staged.rejects.most_common()
    )
    first = staged.first_reject
    example = f"; the first is {first.id}: {first.message}" if first else ""
    return f"nothing in {source} can be used: {reasons}{example}"
