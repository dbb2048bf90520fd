import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from toy_codec import (
    BrokenCodec,
    PairCodec,
    ToyCodec,
    ToyDataset,
    dataset_of_lengths,
    sequence_of,
)

from magenta_lite.data import cache_files, parallel_encode
from magenta_lite.data.event_cache import (
    EmptyDatasetError,
    build_event_cache,
)
from magenta_lite.data.sequence_table import (
    SequenceCounts,
    SequenceTableWriter,
    read_sequence_table,
)

_ROOT = pathlib.Path(__file__).resolve().parents[2]

_TUNES = [
    sequence_of([(0, 1), (2, 0)]),
    sequence_of([]),
    sequence_of([(127, 0)]),
    sequence_of([(4, 0)]),
    sequence_of([(8, 2)]),
]


def _content(cache):
    return [events.tolist() for events in cache.examples()]


def _files(cache):
    return {p.name: p.read_bytes() for p in sorted(cache.path.iterdir())}


def test_examples_and_rejects(tmp_path):
    dataset = ToyDataset(_TUNES)
    dataset._records.append(b"\xff no proto")
    cache = build_event_cache(dataset, "train", ToyCodec(), tmp_path)
    assert _content(cache) == [[1, 0, 3], [9, 0, 0]]
    assert cache.lengths.tolist() == [3, 3]
    assert cache.num_examples == 2
    assert cache.total_events == 6
    assert cache.max_length == 3
    assert cache.num_sequences == 6
    assert dict(cache.rejects) == {
        "no_notes": 1,
        "UserError": 1,
        "fewer_than_two_events": 1,
        "damaged_record": 1,
    }


@pytest.mark.parametrize(
    "pitches, dtype",
    [(255, "uint8"), (256, "<u2"), (65535, "<u2"), (65536, "<i4")],
)
def test_smallest_dtype_that_fits(tmp_path, pitches, dtype):
    dataset = ToyDataset([sequence_of([(pitches - 1, 1)])])
    cache = build_event_cache(dataset, "train", ToyCodec(pitches), tmp_path)
    assert cache.dtype == np.dtype(dtype)
    assert _content(cache) == [[pitches, 0]]


def test_vector_events(tmp_path):
    dataset = ToyDataset(_TUNES[:1])
    cache = build_event_cache(dataset, "train", PairCodec(), tmp_path)
    assert cache.event_shape == (2,)
    assert cache.lengths.tolist() == [3]
    assert _content(cache) == [[[1, 1], [0, 0], [3, 3]]]


def test_shards_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(cache_files, "MAX_SHARD_VALUES", 6)
    dataset = dataset_of_lengths([3, 3, 2, 20, 2])
    cache = build_event_cache(dataset, "train", ToyCodec(), tmp_path)
    assert [s.num_examples for s in cache.shards] == [2, 1, 1, 1]
    assert [s.num_events for s in cache.shards] == [6, 2, 20, 2]
    assert [len(e) for e in cache.examples()] == [3, 3, 2, 20, 2]


def test_second_build_does_not_encode(tmp_path):
    dataset = ToyDataset(_TUNES)
    first = build_event_cache(dataset, "train", ToyCodec(), tmp_path)
    second = build_event_cache(dataset, "train", ToyCodec(), tmp_path)
    assert dataset.reads == 1
    assert first == second


def test_another_codec_or_content_is_encoded_anew(tmp_path):
    paths = set()
    for fingerprint in ("1", "2"):
        for codec in (ToyCodec(), ToyCodec(10), PairCodec()):
            dataset = ToyDataset(_TUNES, fingerprint)
            cache = build_event_cache(dataset, "train", codec, tmp_path)
            paths.add(cache.path)
            assert dataset.reads == 1
    assert len(paths) == 6


def _truncate(folder):
    path = folder / "shard-00000.events"
    path.write_bytes(path.read_bytes()[:-1])


def _garble(folder):
    path = folder / "shard-00000.events"
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))


def _delete_lengths(folder):
    (folder / "shard-00000.lengths").unlink()


def _garble_sequences(folder):
    path = folder / "sequences.csv"
    path.write_text(path.read_text().replace("train/0", "train/9"))


def _cut_index(folder):
    path = folder / "index.json"
    path.write_text(path.read_text()[:-20])


def _empty_index(folder):
    (folder / "index.json").write_text("[]")


def _foreign_index(folder):
    index = json.loads((folder / "index.json").read_text())
    index["identity"]["dataset_fingerprint"] = "of something else"
    (folder / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    "damage",
    [
        _truncate,
        _garble,
        _delete_lengths,
        _garble_sequences,
        _cut_index,
        _empty_index,
        _foreign_index,
    ],
)
def test_damaged_cache_is_rebuilt(tmp_path, damage):
    dataset = ToyDataset(_TUNES)
    cache = build_event_cache(dataset, "train", ToyCodec(), tmp_path)
    files = _files(cache)
    damage(cache.path)
    rebuilt = build_event_cache(dataset, "train", ToyCodec(), tmp_path)
    assert dataset.reads == 2
    assert _files(rebuilt) == files


def test_failure_leaves_nothing(tmp_path):
    class Failing(ToyDataset):
        def sequences(self, split):
            yield from super().sequences(split)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_event_cache(Failing(_TUNES), "train", ToyCodec(), tmp_path)
    assert list(tmp_path.iterdir()) == []


_KILLED_BUILD = """
import os, signal, sys
from toy_codec import ToyCodec, ToyDataset, sequence_of
from magenta_lite.data.event_cache import build_event_cache

class Killed(ToyDataset):
    def sequences(self, split):
        yield from super().sequences(split)
        os.kill(os.getpid(), signal.SIGKILL)

tunes = [sequence_of([(0, 1), (2, 0)])]
build_event_cache(Killed(tunes), "train", ToyCodec(), sys.argv[1])
"""


def _python(code, *args):
    paths = [str(_ROOT), str(_ROOT / "tests")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_killed_build_leaves_nothing_wrong(tmp_path):
    assert _python(_KILLED_BUILD, tmp_path).returncode == -9
    (leftover,) = tmp_path.iterdir()
    assert ".building-" in leftover.name
    dataset = ToyDataset(_TUNES[:1])
    cache = build_event_cache(dataset, "train", ToyCodec(), tmp_path)
    assert _content(cache) == [[1, 0, 3]]
    assert list(tmp_path.iterdir()) == [cache.path]


def test_folder_of_a_running_build_is_left_alone(tmp_path):
    dataset = ToyDataset(_TUNES)
    cache = build_event_cache(dataset, "train", ToyCodec(), tmp_path / "a")
    import socket

    name = f"{cache.path.name}.building-{socket.gethostname()}-{os.getppid()}"
    (tmp_path / "b" / name).mkdir(parents=True)
    build_event_cache(dataset, "train", ToyCodec(), tmp_path / "b")
    assert {p.name for p in (tmp_path / "b").iterdir()} == {
        name,
        cache.path.name,
    }


def test_faster_process_wins(tmp_path):
    class Overtaken(ToyDataset):
        def sequences(self, split):
            if not self.reads:
                self.reads += 1
                build_event_cache(
                    ToyDataset(_TUNES), split, ToyCodec(), tmp_path / "other"
                )
                (done,) = (tmp_path / "other").iterdir()
                done.rename(tmp_path / done.name)
            yield from super().sequences(split)

    dataset = Overtaken(_TUNES)
    cache = build_event_cache(dataset, "train", ToyCodec(), tmp_path)
    assert _content(cache) == [[1, 0, 3], [9, 0, 0]]


@pytest.fixture
def many_workers(monkeypatch):
    """However little there is to do, processes are started."""
    monkeypatch.setattr(parallel_encode, "_LARGE_BYTES", 0)


def test_content_does_not_depend_on_the_number_of_workers(
    tmp_path, many_workers
):
    lengths = [1 + i % 17 for i in range(230)]
    caches = [
        build_event_cache(
            dataset_of_lengths(lengths),
            "train",
            ToyCodec(),
            tmp_path / str(workers),
            num_workers=workers,
        )
        for workers in (1, 2)
    ]
    assert _files(caches[0]) == _files(caches[1])
    assert caches[0].num_examples == sum(length > 1 for length in lengths)


def test_only_much_to_do_starts_processes(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("started processes")

    monkeypatch.setattr(
        "magenta_lite.data.worker_pool.map_in_processes", refuse
    )
    dataset = dataset_of_lengths([3] * 9)
    cache = build_event_cache(
        dataset, "train", ToyCodec(), tmp_path / "a", num_workers=2
    )
    assert cache.num_examples == 9
    monkeypatch.setattr(parallel_encode, "_TRIAL_SECONDS", 0.0)
    monkeypatch.setattr(parallel_encode, "WORTH_SECONDS", 0.0)
    build_event_cache(dataset, "train", ToyCodec(), tmp_path / "b", 1)
    with pytest.raises(AssertionError, match="started"):
        build_event_cache(dataset, "train", ToyCodec(), tmp_path / "c", 2)


def test_nothing_usable_is_an_error_that_says_why(tmp_path):
    dataset = ToyDataset([_TUNES[1], _TUNES[1], _TUNES[3]])
    for _ in range(2):
        with pytest.raises(EmptyDatasetError) as caught:
            build_event_cache(dataset, "train", ToyCodec(), tmp_path)
        assert caught.value.split == "train"
        assert str(caught.value) == (
            "split 'train' of 'toy' gives no example: ToyCodec read 3 "
            "sequences and made 0 examples; left out: no_notes 2 (a tune "
            "without notes), fewer_than_two_events 1 (too short to hold "
            "anything to predict)."
        )
    assert dataset.reads == 1


def test_what_came_of_each_sequence(tmp_path, many_workers):
    dataset = dataset_of_lengths([3] * 210)
    dataset._records[5] = _TUNES[3].SerializeToString()
    dataset._records[7] = b"\xff no proto"
    for num_workers in (1, 2):
        cache = build_event_cache(
            dataset,
            "train",
            ToyCodec(),
            tmp_path / str(num_workers),
            num_workers,
        )
        counts = list(cache.sequences())
        assert [c.sequence_id for c in counts] == [
            f"train/{i}" for i in range(210)
        ]
        for number, count in enumerate(counts):
            expected = {
                5: (0, 0, {"fewer_than_two_events": 1}),
                7: (0, 0, {"damaged_record": 1}),
            }.get(number, (1, 3, {}))
            assert expected == (
                count.num_examples,
                count.num_events,
                count.rejects,
            )


def test_ids_of_every_kind_are_kept(tmp_path):
    path = tmp_path / "table.csv"
    names = ["a,b", 'quo"te', "line\nbreak", "été 音", ""]
    writer = SequenceTableWriter(path)
    for number, name in enumerate(names):
        writer.write(SequenceCounts(name, number, 2 * number, {"a": 1, "b": 2}))
    writer.close()
    assert list(read_sequence_table(path)) == [
        SequenceCounts(name, number, 2 * number, {"a": 1, "b": 2})
        for number, name in enumerate(names)
    ]


def test_no_sequences_is_an_error(tmp_path):
    with pytest.raises(EmptyDatasetError, match="holds no sequences"):
        build_event_cache(ToyDataset([]), "train", ToyCodec(), tmp_path)


@pytest.mark.parametrize("workers, error", [(1, ValueError), (2, RuntimeError)])
def test_bug_in_a_codec_is_no_reject(tmp_path, many_workers, workers, error):
    dataset = dataset_of_lengths([3] * 9)
    with pytest.raises(error, match="BrokenCodec made events"):
        build_event_cache(
            dataset, "train", BrokenCodec(), tmp_path, num_workers=workers
        )


def test_workers_do_not_import_tensorflow():
    code = (
        "import sys, magenta_lite.data.event_cache\n"
        "print([m for m in ('tensorflow', 'rich') if m in sys.modules])"
    )
    assert _python(code).stdout == "[]\n"


def test_progress_bar_shows_only_when_it_takes_long(monkeypatch, capsys):
    from magenta_lite.data import delayed_progress

    with delayed_progress.DelayedProgress("encoding", 2) as bar:
        bar.advance(1)
        assert bar._bar is None
        monkeypatch.setattr(delayed_progress, "DELAY_SECONDS", -1.0)
        bar.advance(1)
        assert bar._bar is not None
    with delayed_progress.DelayedProgress("x", 2, enabled=False) as bar:
        bar.advance(1)
        assert bar._bar is None
    assert capsys.readouterr().out == ""
