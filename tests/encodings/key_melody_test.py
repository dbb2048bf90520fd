"""KeyMelodyEncoding on small examples and against note_seq."""

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

from magenta_lite.encodings.key_melody import KeyMelodyEncoding
from magenta_lite.errors import UserError


def _reference(encoding, events):
    """note_seq's inputs and labels of one melody of ids."""
    low = encoding.min_pitch
    encoder = note_seq.KeyMelodyEncoderDecoder(
        low,
        low + encoding.num_events - 2,
        lookback_distances=list(encoding.lookback_distances),
        binary_counter_bits=encoding.binary_counter_bits,
    )
    assert encoder.input_size == encoding.input_depth
    assert encoder.num_classes == encoding.num_classes
    assert encoder.default_event_label == encoding.default_label
    values = [e - 2 if e < 2 else e - 2 + low for e in events.tolist()]
    positions = range(len(values))
    inputs = [encoder.events_to_input(values, p) for p in positions]
    labels = [encoder.events_to_label(values, p) for p in positions]
    return np.array(inputs), np.array(labels)


def _check_against_note_seq(encoding, events):
    inputs = encoding.inputs(tf.constant(events)).numpy()
    labels = encoding.labels(tf.constant(events)).numpy()
    for row in range(len(events)):
        expected_inputs, expected_labels = _reference(encoding, events[row])
        np.testing.assert_array_equal(inputs[row], expected_inputs)
        np.testing.assert_array_equal(labels[row], expected_labels)


def test_small_example():
    # Pitches C, C#, D; events: rest, C, held, C#, off.
    encoding = KeyMelodyEncoding(5, 60, (2,), binary_counter_bits=1)
    events = tf.constant([[0, 2, 0, 3, 1]])
    inputs = encoding.inputs(events)[0].numpy()
    np.testing.assert_array_equal(
        inputs[:, :9],
        [
            # pitch, sounds, silent, starts, up, repeats, counter
            [0, 0, 0, 0, 1, 0, 0, 0, 1],
            [1, 0, 0, 1, 0, 1, 0, 0, -1],
            [1, 0, 0, 1, 0, 0, 0, 1, 1],
            [0, 1, 0, 1, 0, 1, 1, 0, -1],
            # As in note_seq, the start still counts at an immediate end.
            [0, 0, 0, 0, 1, 1, 1, 0, 1],
        ],
    )
    assert inputs[:, 9].tolist() == [0] * 5  # no bar line yet
    keys_of_c = [1, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0]
    np.testing.assert_array_equal(inputs[0, 10:], np.ones(24))
    np.testing.assert_array_equal(inputs[1, 10:22], keys_of_c)
    keys_of_both = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    np.testing.assert_array_equal(inputs[3, 10:22], keys_of_both)
    np.testing.assert_array_equal(inputs[3, 22:], keys_of_both)
    np.testing.assert_array_equal(encoding.labels(events), [[5, 0, 5, 1, 4]])


def test_bar_line_at_every_sixteenth_step():
    encoding = KeyMelodyEncoding(38)
    inputs = encoding.inputs(tf.zeros([1, 48], tf.int32)).numpy()[0]
    assert np.flatnonzero(inputs[:, 49]).tolist() == [15, 31, 47]


@pytest.mark.parametrize("distances", [(16, 32), (), (4, 2)])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_contract(distances, jit_compile):
    encoding = KeyMelodyEncoding(38, 48, distances)
    check_encoding(encoding, tune_like_events(38, [3, 50], 0), jit_compile)
    check_config(encoding)


@pytest.mark.parametrize("distances", [(16, 32), ()])
def test_loop(distances):
    events = tune_like_events(38, [2, 40], 1)
    check_loop(KeyMelodyEncoding(38, 48, distances), events)


@pytest.mark.parametrize("vocabulary", [1, 3, 4, 30])
def test_equals_note_seq(vocabulary):
    events = tune_like_events(38, [5, 70], vocabulary, vocabulary)
    _check_against_note_seq(KeyMelodyEncoding(38), events)


@pytest.mark.parametrize("distances", [(3,), (4, 2), (8, 3, 16)])
def test_other_distances_equal_note_seq(distances):
    encoding = KeyMelodyEncoding(90, 21, distances, binary_counter_bits=3)
    _check_against_note_seq(encoding, tune_like_events(90, [2, 40], 5))


def test_lowest_midi_pitch_counts_as_silence_as_in_note_seq():
    encoding = KeyMelodyEncoding(14, min_pitch=0)
    events = np.array([[2, 3, 2, 0, 1, 4]], np.int32)
    _check_against_note_seq(encoding, events)
    check_encoding(encoding, events)


def test_bad_arguments_are_named():
    with pytest.raises(UserError, match="num_events must be above 2"):
        KeyMelodyEncoding(2)
    with pytest.raises(UserError, match="at least 1"):
        KeyMelodyEncoding(38, lookback_distances=(-1,))
