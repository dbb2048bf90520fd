import collections
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magenta_lite.data import near_duplicates
from magenta_lite.data.external_sort import ExternalSort
from magenta_lite.data.near_duplicates import NearDuplicates, sketch


def phrases_of(*numbers):
    return np.sort(np.array(numbers, np.uint64) * np.uint64(2**40 + 1))


def groups_of(folder, sketches, names=None):
    """For each piece the index of the first piece of its group."""
    finder = NearDuplicates(folder)
    for number, one in enumerate(sketches):
        finder.add(names[number] if names else 1000 + number, one)
    found = finder.groups().tolist()
    return [found.index(group) for group in found]


def test_a_sketch_of_few_phrases_is_all_of_them():
    phrases = phrases_of(*range(256))
    assert sketch(phrases) == b"\0" + phrases.astype("<u8").tobytes()


def test_a_sketch_of_many_phrases_is_the_smallest_half_often_enough():
    # 300 numbers spread evenly: one halving leaves 151.
    phrases = np.arange(300, dtype=np.uint64) * np.uint64(2**64 // 300)
    found = sketch(phrases)
    assert found[0] == 1
    np.testing.assert_array_equal(
        np.frombuffer(found[1:], "<u8"), phrases[:151]
    )


def test_three_of_ten_phrases_link_and_two_do_not(tmp_path):
    piece = phrases_of(*range(10))
    enough = phrases_of(0, 1, 2, *range(20, 40))
    too_few = phrases_of(8, 9, *range(50, 70))
    sketches = [sketch(p) for p in (piece, enough, too_few)]
    assert groups_of(tmp_path, sketches) == [0, 0, 2]


def test_a_tenth_of_a_long_piece_links(tmp_path):
    piece = phrases_of(*range(130))
    enough = phrases_of(*range(13), *range(1000, 1200))
    too_few = phrases_of(*range(118, 130), *range(2000, 2200))
    sketches = [sketch(p) for p in (piece, enough, too_few)]
    assert groups_of(tmp_path, sketches) == [0, 0, 2]


def test_links_chain_and_names_link(tmp_path):
    pieces = [range(10), range(7, 17), range(14, 24), range(90, 99), range(80)]
    sketches = [sketch(phrases_of(*piece)) for piece in pieces[:4]] + [b""]
    assert groups_of(tmp_path, sketches) == [0, 0, 0, 3, 4]
    names = [1, 2, 3, 4, 4]
    assert groups_of(tmp_path, sketches, names) == [0, 0, 0, 3, 3]


def test_what_very_many_share_does_not_link_but_being_the_same_does(tmp_path):
    common = list(range(5))
    pieces = [[*common, *range(10 * n, 10 * n + 5)] for n in range(1, 202)]
    sketches = [sketch(phrases_of(*piece)) for piece in pieces]
    assert groups_of(tmp_path, sketches) == list(range(201))
    assert groups_of(tmp_path, sketches[:1] * 300) == [0] * 300


def test_a_large_family_is_one_group(tmp_path):
    # More than 32 versions: not all pairs are counted.
    rng = np.random.default_rng(1)
    tune = rng.integers(0, 2**64, 100, np.uint64)
    family = [np.sort(rng.permutation(tune)[:60]) for _ in range(150)]
    others = [
        np.sort(rng.integers(0, 2**64, 100, np.uint64)) for _ in range(50)
    ]
    found = groups_of(tmp_path, [sketch(p) for p in family + others])
    assert found == [0] * 150 + list(range(150, 200))


def test_long_pieces_of_different_samples_are_compared_rightly(tmp_path):
    rng = np.random.default_rng(2)
    long = np.sort(rng.integers(0, 2**64, 5000, np.uint64))
    half = np.sort(rng.permutation(long)[:2000])
    other = np.sort(rng.integers(0, 2**64, 3000, np.uint64))
    sketches = [sketch(p) for p in (long, half, other)]
    assert len({one[0] for one in sketches[:2]}) == 2
    assert groups_of(tmp_path, sketches) == [0, 0, 2]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sets(st.integers(0, 60), max_size=25), max_size=12))
def test_equals_a_comparison_of_all_pairs(tmp_path_factory, pieces):
    folder = tmp_path_factory.getbasetemp()
    found = groups_of(folder, [sketch(phrases_of(*p)) for p in pieces])
    expected = list(range(len(pieces)))
    for one, other in itertools.combinations(range(len(pieces)), 2):
        shared = len(pieces[one] & pieces[other])
        fewer = min(len(pieces[one]), len(pieces[other]))
        if shared and shared >= 0.3 * fewer:
            old, new = sorted((expected[one], expected[other]))[::-1]
            expected = [new if group == old else group for group in expected]
    assert found == expected


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(8)), st.integers(0, 5))
def test_neither_order_nor_strangers_change_a_group(
    tmp_path_factory, order, num_strangers
):
    folder = tmp_path_factory.getbasetemp()
    pieces = {
        n: sketch(phrases_of(*range(8 * (n // 3), 8 * (n // 3) + 8 + n % 3)))
        for n in range(8)
    }

    def named(numbers):
        finder = NearDuplicates(folder)
        for number in range(num_strangers):
            finder.add(900 + number, sketch(phrases_of(*range(500, 505))))
        for number in numbers:
            finder.add(number, pieces[number])
        groups = finder.groups().tolist()[num_strangers:]
        return dict(zip(numbers, groups, strict=True))

    num_strangers, kept = 0, num_strangers
    usual = named(range(8))
    num_strangers = kept
    assert named(order) == usual


def test_large_groups_are_not_all_for_training(tmp_path):
    """The smallest of many names would nearly always be a training one."""
    finder = NearDuplicates(tmp_path)
    rng = np.random.default_rng(3)
    names = rng.integers(0, 2**64, [1000, 8], np.uint64)
    for group, row in enumerate(names.tolist()):
        for name in row:
            finder.add(
                name, sketch(phrases_of(*range(9 * group, 9 * group + 9)))
            )
    groups = np.unique(finder.groups())
    assert len(groups) == 1000
    assert np.mean(groups < 0.8 * 2**64) == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("block_bytes", [12 * 7, 12 * 100, 2**20])
def test_sorting_on_disk_equals_sorting_in_memory(tmp_path, block_bytes):
    rng = np.random.default_rng(4)
    keys = rng.integers(0, 2**64, 400, np.uint64)[rng.integers(0, 400, 1000)]
    values = rng.integers(0, 2**32, 1000, np.uint32)
    sort = ExternalSort(tmp_path, block_bytes)
    for start in range(0, 1000, 99):
        sort.append(keys[start : start + 99], values[start : start + 99])
    blocks = list(sort.blocks())
    rows = np.concatenate(blocks)
    order = np.lexsort((values, keys))
    np.testing.assert_array_equal(rows["key"], keys[order])
    np.testing.assert_array_equal(rows["value"], values[order])
    seen = collections.Counter(
        key for block in blocks for key in np.unique(block["key"]).tolist()
    )
    assert set(seen.values()) == {1}
    assert (len(blocks) > 1) == (block_bytes < 12000)
    assert not list(tmp_path.iterdir())


def test_no_pieces_make_no_groups(tmp_path):
    assert len(near_duplicates.NearDuplicates(tmp_path).groups()) == 0
