import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from magenta_lite.evaluation.copied_runs import (
    longest_copied_runs,
    longest_repeat,
)


def plain_search(piece, training):
    best = 0
    for example in training:
        for i in range(len(piece)):
            for j in range(len(example)):
                length = 0
                while (
                    i + length < len(piece)
                    and j + length < len(example)
                    and piece[i + length] == example[j + length]
                ):
                    length += 1
                best = max(best, length)
    return best


events = st.lists(st.integers(0, 2), max_size=12)


@given(events, st.lists(events, max_size=3))
def test_equals_plain_search(piece, training):
    arrays = [np.array(example, np.int32) for example in training]
    found = longest_copied_runs([np.array(piece, np.int32)], arrays)
    assert found == [plain_search(piece, training)]


def test_no_run_crosses_two_examples():
    training = [np.array([1, 2]), np.array([3, 4])]
    assert longest_copied_runs([np.array([1, 2, 3, 4])], training) == [2]


def test_vectors_are_equal_in_every_field():
    training = [np.array([[1, 2], [3, 4], [5, 6]])]
    pieces = [np.array([[3, 4], [5, 6]]), np.array([[3, 4], [6, 5]])]
    assert longest_copied_runs(pieces, training) == [2, 1]


def test_nothing_is_copied_from_nothing():
    assert longest_copied_runs([np.array([1]), np.zeros([0], int)], []) == [
        0,
        0,
    ]


@given(events)
def test_longest_repeat_equals_plain_search(piece):
    best = 0
    for i in range(len(piece)):
        for j in range(i + 1, len(piece)):
            length = 0
            while (
                j + length < len(piece)
                and piece[i + length] == piece[j + length]
            ):
                length += 1
            best = max(best, length)
    assert longest_repeat(np.array(piece, np.int32)) == best


def test_a_loop_repeats_all_but_its_first_round():
    assert longest_repeat(np.array([9, *[1, 2, 3] * 5])) == 12


def test_repeated_vectors_are_equal_in_every_field():
    assert longest_repeat(np.array([[1, 2], [2, 1], [1, 2]])) == 1
