"""LookbackEncoding on small examples and against note_seq."""

import note_seq
import numpy as np
import pytest
import tensorflow as tf
from encoding_checks import (
    check_config,
    check_encoding,
    check_loop,
    tune_like_events,
)

from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.errors import UserError

_DISTANCES = [(16, 32), (), (1,), (4, 2), (8, 3, 16)]


def _reference(encoding, events):
    """note_seq's inputs and labels of one melody of ids."""
    max_pitch = 48 + encoding.num_events - 2
    encoder = note_seq.LookbackEventSequenceEncoderDecoder(
        note_seq.MelodyOneHotEncoding(48, max_pitch),
        lookback_distances=list(encoding.lookback_distances),
        binary_counter_bits=encoding.binary_counter_bits,
    )
    assert encoder.input_size == encoding.input_depth
    assert encoder.num_classes == encoding.num_classes
    assert encoder.default_event_label == encoding.default_label
    values = [e - 2 if e < 2 else e + 46 for e in events.tolist()]
    positions = range(len(values))
    inputs = [encoder.events_to_input(values, p) for p in positions]
    labels = [encoder.events_to_label(values, p) for p in positions]
    return np.array(inputs), np.array(labels)


def test_small_example():
    encoding = LookbackEncoding(
        3, lookback_distances=(2,), binary_counter_bits=2
    )
    events = tf.constant([[2, 0, 2, 1]])
    np.testing.assert_array_equal(
        encoding.inputs(events)[0],
        [
            # event, event two before the next, next step's bits, repeats
            [0, 0, 1, 1, 0, 0, 1, -1, 0],
            [1, 0, 0, 0, 0, 1, -1, 1, 0],
            [0, 0, 1, 1, 0, 0, 1, 1, 1],
            [0, 1, 0, 0, 0, 1, -1, -1, 0],
        ],
    )
    # A rest before there is anything to repeat counts as a repeat.
    np.testing.assert_array_equal(encoding.labels(events), [[2, 3, 3, 1]])


def test_last_of_the_distances_that_fit_wins():
    encoding = LookbackEncoding(5, lookback_distances=(1, 2))
    labels = encoding.labels(tf.constant([[3, 3, 3, 4, 4, 3]]))
    np.testing.assert_array_equal(labels, [[3, 5, 6, 4, 5, 3]])


@pytest.mark.parametrize("distances", _DISTANCES)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_contract(distances, jit_compile):
    encoding = LookbackEncoding(38, distances)
    check_encoding(encoding, tune_like_events(38, [3, 50], 0), jit_compile)
    check_config(encoding)


@pytest.mark.parametrize("distances", [(16, 32), ()])
def test_loop(distances):
    events = tune_like_events(38, [2, 40], 1)
    check_loop(LookbackEncoding(38, distances), events)


def test_drums():
    encoding = LookbackEncoding(512, (), binary_counter_bits=6)
    events = np.random.default_rng(0).integers(0, 512, [2, 70])
    check_encoding(encoding, events)
    assert encoding.input_depth == 518


def test_default_event_stands_before_the_start():
    encoding = LookbackEncoding(6, (2, 3), default_event=4)
    check_encoding(encoding, [[4, 0, 4, 4, 4, 1, 0, 4]])
    labels = encoding.labels(tf.constant([[4, 0, 4, 4]]))
    np.testing.assert_array_equal(labels, [[7, 0, 7, 7]])
    assert encoding.default_label == 4


@pytest.mark.parametrize("distances", _DISTANCES)
def test_equals_note_seq(distances):
    encoding = LookbackEncoding(38, distances)
    events = tune_like_events(38, [8, 70], 2)
    inputs = encoding.inputs(tf.constant(events)).numpy()
    labels = encoding.labels(tf.constant(events)).numpy()
    for row in range(len(events)):
        expected_inputs, expected_labels = _reference(encoding, events[row])
        np.testing.assert_array_equal(inputs[row], expected_inputs)
        np.testing.assert_array_equal(labels[row], expected_labels)


def test_a_repeat_of_nothing_is_the_default_event():
    encoding = LookbackEncoding(38)
    state = encoding.initial_state(2)
    np.testing.assert_array_equal(
        encoding.event(tf.constant([38, 39]), state), 0
    )


def test_bad_distances_are_named():
    with pytest.raises(UserError, match="at least 1"):
        LookbackEncoding(38, (0, 16))
    with pytest.raises(UserError, match="binary_counter_bits"):
        LookbackEncoding(38, binary_counter_bits=-1)
