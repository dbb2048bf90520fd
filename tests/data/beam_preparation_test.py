import collections
import itertools
import json
import random

import numpy as np
import pytest
import tensorflow_datasets as tfds
from corpora import midi_bytes

from magenta_lite.data import beam_preparation, near_duplicates, preparation
from magenta_lite.data.blocks import PIECES_BITS

DIRECT = ["--runner=DirectRunner", "--direct_num_workers=1"]


def write_corpus(folder):
    """Tunes, some of them versions of each other, and files that are none."""
    folder.mkdir()
    dice = random.Random(1)
    for number in range(14):
        tune = [dice.randint(55, 80) for _ in range(60)]
        (folder / f"tune_{number}.mid").write_bytes(midi_bytes(tune))
        if number % 3 == 0:
            changed = tune[:50] + [dice.randint(55, 80) for _ in range(30)]
            moved = [pitch + 2 for pitch in changed]
            (folder / f"version_{number}.mid").write_bytes(midi_bytes(moved))
        if number % 4 == 0:
            (folder / f"copy_{number}.mid").write_bytes(midi_bytes(tune))
        if number % 5 == 0:
            (folder / f"junk_{number}.mid").write_bytes(b"no music")
    return folder


def contents(prepared):
    builder = tfds.builder_from_directory(prepared.directory)
    return {
        split: [
            (example["id"], example["sequence"], example["metadata"])
            for example in tfds.as_numpy(builder.as_dataset(split=split))
        ]
        for split in builder.info.splits
    }


@pytest.mark.slow
def test_beam_makes_the_same_dataset(tmp_path, monkeypatch):
    pytest.importorskip("apache_beam")
    monkeypatch.setattr(beam_preparation, "_BLOCK_ITEMS", 4)
    folder = write_corpus(tmp_path / "music")
    alone = preparation.prepare_folder(folder, "mine", tmp_path / "alone")
    beamed = preparation.prepare_folder(
        folder, "mine", tmp_path / "beamed", beam_flags=DIRECT
    )
    for name in ("preparation.json", "rejects.csv"):
        one, other = (p.directory / name for p in (alone, beamed))
        assert one.read_bytes() == other.read_bytes(), name
    assert contents(alone) == contents(beamed)
    report = json.loads((beamed.directory / "preparation.json").read_text())
    assert report["rejects"] == {"not_midi": 3}
    assert report["num_groups"] == 14  # Versions and copies were found.
    assert not list((tmp_path / "beamed").glob(".preparing*"))


@pytest.mark.slow
def test_beam_drops_copies_and_keeps_official_splits(tmp_path):
    pytest.importorskip("apache_beam")
    from magenta_lite.datasets.lakh import lakh_dataset_builder as lakh

    folder = tmp_path / "clean_midi" / "Somebody"
    folder.mkdir(parents=True)
    write_corpus(folder / "x")
    made = []
    for options in (None, beam_preparation.pipeline_options(DIRECT)):
        place = tmp_path / f"made{len(made)}"
        builder = lakh.Builder(data_dir=place, config="clean")
        builder.manual_dir = tmp_path
        builder.work_dir = tmp_path / f"work{len(made)}"
        builder.work_dir.mkdir()
        builder.beam_options = options
        builder.num_workers = 1
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(beam_options=options)
        )
        made.append(builder)
    reports = [
        (place / name).read_text()
        for name in ("preparation.json", "rejects.csv")
        for place in (made[0].data_path, made[1].data_path)
    ]
    assert reports[0] == reports[1]
    assert reports[2] == reports[3]
    assert json.loads(reports[0])["rejects"]["duplicate"] == 4


def test_a_builder_that_looks_at_the_whole_refuses_beam(tmp_path):
    from magenta_lite.datasets.folk_tunes.folk_tunes_dataset_builder import (
        Builder,
    )

    builder = Builder(data_dir=tmp_path)
    with pytest.raises(beam_preparation.BeamError, match="as a whole"):
        builder._beam_run([])


def test_without_beam_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(
        __import__("sys").modules,
        "apache_beam.options.pipeline_options",
        None,
    )
    with pytest.raises(beam_preparation.BeamError, match=r"\[beam\]"):
        beam_preparation.pipeline_options([])


def grouped(pairs):
    """What Beam's GroupByKey does, in one process."""
    groups = collections.defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups.items()


def found_on_beam(sketches):
    """The links that the functions on Beam's workers find."""
    by_content = grouped(
        (sketch, (number, sketch))
        for number, sketch in enumerate(sketches)
        if len(sketch) > 1
    )
    links = [
        link
        for group in by_content
        for link in beam_preparation._links_of_copies(*group)
    ]
    phrases = itertools.chain.from_iterable(
        beam_preparation._phrases_of_first(*group) for group in by_content
    )
    num_shared = collections.Counter(
        pair
        for group in grouped(phrases)
        for pair in beam_preparation._pairs_of_holders(*group)
    )
    for item in num_shared.items():
        links += beam_preparation._link_of_pair(*item)
    return np.array(links, np.int64).reshape(-1, 2)


@pytest.mark.parametrize("seed", range(5))
def test_links_are_those_of_one_process(tmp_path, seed):
    rng = np.random.default_rng(seed)
    spread = 0x9E3779B97F4A7C15
    pool = [number * spread % 2**64 for number in range(1, 4000)]
    sketches, names = [], []
    for number in range(400):
        start = rng.integers(3000)
        size = rng.choice([0, 1, 20, 300, 600])
        phrases = set(pool[start : start + size])
        if rng.random() < 0.5:
            phrases.add(pool[-1])  # So many hold it that it does not count.
        if rng.random() < 0.2:
            phrases.add(pool[-2])  # Held by between 32 and 200.
        made = near_duplicates.sketch(np.array(sorted(phrases), np.uint64))
        sketches.append(made)
        names.append(int(rng.integers(1, 2**63)) if number % 7 else 5)
    alone = near_duplicates.NearDuplicates(tmp_path)
    beamed = near_duplicates.NearDuplicates(tmp_path)
    for name, made in zip(names, sketches, strict=True):
        alone.add(name, made)
        beamed.add(name, b"")
    links = found_on_beam(sketches)
    beamed.link(links[:, 0], links[:, 1])
    groups = alone.groups()
    assert 5 < len(np.unique(groups)) < 350
    np.testing.assert_array_equal(beamed.groups(), groups)


def test_links_of_pieces_that_were_dropped_do_not_count(tmp_path):
    kept = np.array([0, 2, 1 << PIECES_BITS, 5 << PIECES_BITS], np.uint64)
    lines = ["0 2", "0 1", f"2 {1 << PIECES_BITS}", f"3 {5 << PIECES_BITS}"]
    (tmp_path / "links-00000-of-00002").write_text("\n".join(lines) + "\n")
    (tmp_path / "links-00001-of-00002").write_text("")
    one, other = beam_preparation._read_links(tmp_path, kept)
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == [
        (0, 1),
        (1, 2),
    ]
