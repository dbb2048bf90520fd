"""key_spans by hand."""

import numpy as np

from magenta_lite.notes.key_spans import key_spans


def test_spans_by_hand():
    frames = np.zeros([5, 4], np.uint8)
    frames[0:2, 1] = 1
    frames[3:5, 1] = 1
    frames[0:5, 0] = 1
    frames[4, 3] = 1
    starts, ends, keys = key_spans(frames)
    assert list(zip(starts, ends, keys, strict=True)) == [
        (0, 5, 0),
        (0, 2, 1),
        (3, 5, 1),
        (4, 5, 3),
    ]


def test_nothing():
    for shape in [(0, 3), (4, 3)]:
        assert [len(part) for part in key_spans(np.zeros(shape))] == [0, 0, 0]
