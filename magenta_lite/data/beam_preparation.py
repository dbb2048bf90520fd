"""Prepares a corpus on Apache Beam: on many machines, or on this one.

Reading, the search for near-duplicates and writing are Beam's; each is spread
over all workers. In between one process decides about the splits: it holds some
thirty bytes for each piece. The dataset is the one that
`NoteSequenceBuilder` makes without Beam, piece for piece.
"""

from __future__ import annotations

import array
import dataclasses
import functools
import hashlib
import itertools
import pathlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from magenta_lite.data import copies, near_duplicates, staging
from magenta_lite.data.blocks import DROPPED, PIECES_BITS, Blocks, ReadItem
from magenta_lite.data.pieces import SPLITS, Piece, Reject
from magenta_lite.errors import UserError

if TYPE_CHECKING:
    import apache_beam as beam

_BLOCK_ITEMS = 256
_KEY_NAME = "key"
_LINKS_NAME = "links"

Sketch = tuple[int, int, int]
"""Of a piece: its number, how many phrases the sample holds, its level."""


class BeamError(UserError):
    """A dataset cannot be prepared on Beam."""


def pipeline_options(flags: Sequence[str]) -> Any:
    """Beam's options, of flags such as `--runner=DirectRunner`.

    Raises:
      BeamError: if Beam is not installed, or does not take them.
    """
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise BeamError(
            "Apache Beam is not installed; run `pip install "
            "'magenta_lite[beam]'`."
        ) from error
    return PipelineOptions(list(flags))


@dataclasses.dataclass(frozen=True)
class Corpus:
    """What is to be prepared.

    Attributes:
      items: what there is to read.
      read_item: reads one; importable on every worker.
      timeout_seconds: an item that takes longer is left out.
      link_near_duplicates: whether versions of a piece share a split.
      unique_key: see `copies.drop_copies`; "" keeps copies.
      key: changes with everything that the result follows from.
    """

    items: Sequence[Any]
    read_item: ReadItem
    timeout_seconds: float
    link_near_duplicates: bool
    unique_key: str
    key: str


class BeamRun:
    """A corpus on its way through Beam.

    Args:
      corpus: what is to be prepared.
      folder: on a disk that all workers share. What an earlier run has read of
        the same corpus is not read again.
      options: see `pipeline_options`.
    """

    def __init__(
        self, corpus: Corpus, folder: pathlib.Path, options: Any
    ) -> None:
        self._corpus = corpus
        self._folder = folder
        self._options = options
        self._blocks = Blocks(str(folder))
        self._num_blocks = -(-len(corpus.items) // _BLOCK_ITEMS)

    def stage(self, folder: pathlib.Path) -> staging.Staging:
        """Reads everything, and tells each block the splits of its pieces.

        Args:
          folder: of the dataset.

        Returns:
          All pieces, finished, with the SHA-256 in place of their sequences.
        """
        self._read()
        staged = staging.Staging(
            folder, link_near_duplicates=False, holds_digests=True
        )
        numbered, heads = itertools.tee(self._numbered_heads())
        results: Iterator[Piece | Reject] = (head for _, head in heads)
        if self._corpus.unique_key:
            results = copies.drop_copies(results, self._corpus.unique_key)
        num_in_block = np.zeros(self._num_blocks, np.int64)
        numbers = array.array("Q")
        for (number, head), result in zip(numbered, results, strict=True):
            staged.add(result)
            if isinstance(head, Piece):
                num_in_block[number >> PIECES_BITS] += 1
                if isinstance(result, Piece):
                    numbers.append(number)
        kept = np.frombuffer(numbers, np.uint64)
        staged.link(*_read_links(self._folder, kept))
        staged.finish()
        self._put_splits(kept, staged.splits, num_in_block)
        return staged

    def examples(
        self, split: str, example_fn: Callable[[Piece], tuple[str, dict]]
    ) -> beam.PTransform:
        """What TFDS takes for a split; to be called after `stage`.

        Args:
          split: its name.
          example_fn: makes a key and an example of a piece; picklable.
        """
        import apache_beam as beam

        return (
            "Blocks" >> beam.Create(range(self._num_blocks))
            | "Spread" >> beam.Reshuffle()
            | "Pieces" >> beam.FlatMap(self._blocks.pieces, SPLITS.index(split))
            | "Examples" >> beam.Map(example_fn)
        )

    def _read(self) -> None:
        """Runs the pipeline that reads and looks for near-duplicates."""
        import apache_beam as beam

        self._prepare_folder()
        read = functools.partial(
            _read_block,
            blocks=self._blocks,
            read_item=self._corpus.read_item,
            timeout_seconds=self._corpus.timeout_seconds,
        )
        with beam.Pipeline(options=self._options) as pipeline:
            done = (
                pipeline
                | "Blocks" >> beam.Create(range(self._num_blocks))
                | "Spread" >> beam.Reshuffle()
                | "Read" >> beam.Map(read)
            )
            if self._corpus.link_near_duplicates:
                prefix = str(self._folder / _LINKS_NAME)
                _ = (
                    _find_links(done, self._blocks)
                    | "AsText" >> beam.MapTuple("{} {}".format)
                    | "WriteLinks" >> beam.io.WriteToText(prefix)
                )

    def _prepare_folder(self) -> None:
        key_path = self._folder / _KEY_NAME
        if not key_path.is_file() or key_path.read_text() != self._corpus.key:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
            key_path.write_text(self._corpus.key)
        for path in self._folder.glob(f"{_LINKS_NAME}-*"):
            path.unlink()  # Of a run that was killed.
        # On disk, since what is in the pipeline itself must be small.
        items = self._corpus.items
        for block in range(self._num_blocks):
            start = block * _BLOCK_ITEMS
            own = list(items[start : start + _BLOCK_ITEMS])
            _items_path(self._folder, block).write_bytes(_coder().encode(own))

    def _numbered_heads(self) -> Iterator[tuple[int, Piece | Reject]]:
        """All heads in order, with the numbers of pieces; -1 for rejects."""
        for block in range(self._num_blocks):
            place = 0
            for head in self._blocks.heads(block):
                if isinstance(head, Piece):
                    bare = dataclasses.replace(head, sketch=b"")
                    yield block << PIECES_BITS | place, bare
                    place += 1
                else:
                    yield -1, head

    def _put_splits(
        self, kept: np.ndarray, splits: np.ndarray, num_in_block: np.ndarray
    ) -> None:
        """Tells each block the splits of its pieces.

        Args:
          kept: numbers of the pieces that are in the dataset: uint64
            `[pieces]`, in order.
          splits: of these: uint8 `[pieces]`.
          num_in_block: how many pieces each block has: int64 `[blocks]`.
        """
        blocks = np.arange(self._num_blocks + 1, dtype=np.uint64)
        bounds = np.searchsorted(kept, blocks << np.uint64(PIECES_BITS))
        places = (kept & np.uint64(2**PIECES_BITS - 1)).astype(np.int64)
        for block in range(self._num_blocks):
            own = slice(bounds[block], bounds[block + 1])
            in_block = np.full(num_in_block[block], DROPPED, np.uint8)
            in_block[places[own]] = splits[own]
            self._blocks.put_splits(block, in_block)


def _items_path(folder: str | pathlib.Path, block: int) -> pathlib.Path:
    return pathlib.Path(folder, f"{block:07d}.items")


def _coder() -> Any:
    """Beam's own way to write what it passes from worker to worker."""
    from apache_beam import coders

    return coders.FastPrimitivesCoder()


def _read_block(
    block: int, blocks: Blocks, read_item: ReadItem, timeout_seconds: float
) -> int:
    items = _coder().decode(_items_path(blocks.folder, block).read_bytes())
    blocks.read(block, items, read_item, timeout_seconds)
    return block


def _find_links(done: beam.PCollection, blocks: Blocks) -> beam.PCollection:
    """Pairs of numbers of pieces that are versions of each other.

    What `NearDuplicates` does in one process, by the same rules.
    """
    import apache_beam as beam

    by_content = (
        done
        | "Sketches" >> beam.FlatMap(_sketches, blocks)
        | "ByContent" >> beam.GroupByKey()
    )
    copies = by_content | "Copies" >> beam.FlatMapTuple(_links_of_copies)
    versions = (
        by_content
        | "Phrases" >> beam.FlatMapTuple(_phrases_of_first)
        | "ByPhrase" >> beam.GroupByKey()
        | "Pairs" >> beam.FlatMapTuple(_pairs_of_holders)
        | "NumShared" >> beam.combiners.Count.PerElement()
        | "Linked" >> beam.FlatMapTuple(_link_of_pair)
    )
    return (copies, versions) | "AllLinks" >> beam.Flatten()


def _sketches(
    block: int, blocks: Blocks
) -> Iterator[tuple[bytes, tuple[int, bytes]]]:
    """The sketch of each piece that has phrases, by what it holds."""
    pieces = (one for one in blocks.heads(block) if isinstance(one, Piece))
    for index, piece in enumerate(pieces):
        if len(piece.sketch) > 1:
            content = hashlib.sha256(piece.sketch).digest()[:8]
            yield content, (block << PIECES_BITS | index, piece.sketch)


def _links_of_copies(
    content: bytes, pieces: Iterable[tuple[int, bytes]]
) -> Iterator[tuple[int, int]]:
    del content
    first, *others = sorted(number for number, _ in pieces)
    for other in others:
        yield first, other


def _phrases_of_first(
    content: bytes, pieces: Iterable[tuple[int, bytes]]
) -> Iterator[tuple[int, Sketch]]:
    """The phrases of the first of some pieces that all hold the same."""
    del content
    number, sketch = min(pieces)
    phrases = np.frombuffer(sketch[1:], "<u8").tolist()
    for phrase in phrases:
        yield phrase, (number, len(phrases), sketch[0])


def _pairs_of_holders(
    phrase: int, holders: Iterable[Sketch]
) -> Iterator[tuple[Sketch, Sketch]]:
    del phrase
    some = list(itertools.islice(holders, near_duplicates.MAX_HOLDERS + 1))
    ordered = sorted(map(tuple, some))
    for one, other in zip(
        *near_duplicates.columns_to_pair(len(ordered)), strict=True
    ):
        yield ordered[one], ordered[other]


def _link_of_pair(
    pair: tuple[Sketch, Sketch], num_shared: int
) -> Iterator[tuple[int, int]]:
    numbers, *sizes_and_levels = np.array(pair).T
    one, other = np.array(sizes_and_levels).T
    if near_duplicates.are_linked(np.array(num_shared), one, other):
        yield numbers[0].item(), numbers[1].item()


def _read_links(
    folder: pathlib.Path, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The links between pieces that are kept, as places among them.

    Args:
      folder: of the blocks.
      kept: numbers of pieces, in order: uint64 `[pieces]`.

    Returns:
      int64 `[links]` twice.
    """
    lines = [
        np.loadtxt(path, np.uint64, ndmin=2)
        for path in sorted(folder.glob(f"{_LINKS_NAME}-*"))
        if path.stat().st_size
    ]
    if not lines or not len(kept):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    links = np.concatenate(lines)
    places = np.searchsorted(kept, links).clip(max=len(kept) - 1)
    is_kept = (kept[places] == links).all(axis=1)
    return places[is_kept, 0], places[is_kept, 1]
