"""OneHotEncoding on small examples and against note_seq."""

import note_seq
import numpy as np
import pytest
import tensorflow as tf
from encoding_checks import check_config, check_encoding, check_loop

from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError


def test_small_example():
    encoding = OneHotEncoding(num_events=3)
    events = tf.constant([[0, 2]])
    np.testing.assert_array_equal(
        encoding.inputs(events), [[[1, 0, 0], [0, 0, 1]]]
    )
    np.testing.assert_array_equal(encoding.labels(events), [[0, 2]])
    assert (encoding.input_depth, encoding.num_classes) == (3, 3)
    assert encoding.default_label == 0


@pytest.mark.parametrize("jit_compile", [False, True])
def test_contract(jit_compile):
    events = np.random.default_rng(0).integers(0, 38, [3, 20])
    check_encoding(OneHotEncoding(38), events, jit_compile)
    check_loop(OneHotEncoding(38), events)
    check_config(OneHotEncoding(38, default_event=4))


def test_equals_note_seq():
    encoder = note_seq.OneHotEventSequenceEncoderDecoder(
        note_seq.MelodyOneHotEncoding(48, 84)
    )
    encoding = OneHotEncoding(38)
    values = [-2, -1, *range(48, 84)]
    events = np.arange(38, dtype=np.int32)[None]
    for position in range(38):
        np.testing.assert_array_equal(
            encoding.inputs(events)[0, position],
            encoder.events_to_input(values, position),
        )
        label = encoder.events_to_label(values, position)
        assert encoding.labels(events)[0, position] == label
    assert encoder.input_size == encoding.input_depth
    assert encoder.num_classes == encoding.num_classes
    assert encoder.default_event_label == encoding.default_label


def test_default_event_must_be_an_event():
    with pytest.raises(UserError, match="default_event 3 is not in 0 to 2"):
        OneHotEncoding(3, default_event=3)
