"""Conditional encodings: what is told comes before what was played."""

import json

import numpy as np
import pytest
import tensorflow as tf
from encoding_checks import check_encoding, check_loop
from toy_vectors import CountControl, FieldControl, PairEncoding

from magenta_lite.bundles import manifest
from magenta_lite.encodings.conditional import (
    ConditionalEncoding,
    conditional_encoding,
)
from magenta_lite.encodings.controls import spread
from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError

CLASSES = (CountControl, FieldControl)


def _pairs(num_events=4, size=3, shape=(3, 40), seed=0):
    rng = np.random.default_rng(seed)
    fields = [rng.integers(0, n, shape) for n in (num_events, size)]
    return np.stack(fields, -1).astype(np.int32)


def test_input_is_next_control_then_event():
    encoding = ConditionalEncoding(OneHotEncoding(4), (FieldControl(3),))
    events = tf.constant([[[1, 2], [0, 1], [3, 0]]])
    expected = [
        [0, 1, 0, 0, 1, 0, 0],
        [1, 0, 0, 1, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 1],
    ]
    np.testing.assert_array_equal(encoding.inputs(events)[0], expected)
    np.testing.assert_array_equal(encoding.labels(events), [[1, 0, 3]])
    np.testing.assert_array_equal(encoding.controls(events), [[[2], [1], [0]]])


def test_label_brings_the_control_field_back():
    encoding = ConditionalEncoding(OneHotEncoding(4), (FieldControl(3),))
    state = encoding.initial_state(2)
    told = tf.constant([[2.0], [1.0]])
    _, state = encoding.step(tf.constant([[1, 0], [3, 0]]), state, told)
    found = encoding.event(tf.constant([3, 0]), state)
    np.testing.assert_array_equal(found, [[3, 2], [0, 1]])


@pytest.mark.parametrize("jit_compile", [False, True])
def test_steps_equal_whole_sequences(jit_compile):
    target = LookbackEncoding(4, (3, 5), 3)
    fields = ConditionalEncoding(target, (FieldControl(3),))
    check_encoding(fields, _pairs(), jit_compile)
    computed = ConditionalEncoding(target, (CountControl(),))
    check_encoding(computed, _pairs()[..., 0], jit_compile)


def test_states_survive_a_compiled_loop():
    encoding = ConditionalEncoding(
        LookbackEncoding(4, (3, 5), 3), (CountControl(), FieldControl(3))
    )
    check_loop(encoding, _pairs())


def test_requests_are_spread_and_checked():
    encoding = ConditionalEncoding(
        OneHotEncoding(4), (FieldControl(3), CountControl())
    )
    asked = encoding.request_controls({"field": [1, 2]}, 5, 4.0)
    np.testing.assert_array_equal(asked[:, 0], [1, 1, 1, 2, 2])
    np.testing.assert_array_equal(asked[:, 1], [3] * 5)
    with pytest.raises(UserError, match="knows no mood; it takes field, count"):
        encoding.request_controls({"mood": 1}, 5, 4.0)
    with pytest.raises(UserError, match="takes no controls"):
        OneHotEncoding(4).request_controls({"mood": 1}, 5, 4.0)


def test_primer_takes_the_fields_that_were_asked_for():
    encoding = ConditionalEncoding(OneHotEncoding(4), (FieldControl(3),))
    primer = np.array([[3, 0], [1, 0]], np.int32)
    placed = encoding.with_controls(primer, np.array([[2.0], [1.0]]))
    np.testing.assert_array_equal(placed, [[3, 2], [1, 1]])


def test_limits_reach_the_target_through_repeats():
    encoding = ConditionalEncoding(
        LookbackEncoding(3, (1,), 1), (FieldControl(2),)
    )
    state = encoding.initial_state(2)
    told = tf.zeros([2, 1])
    _, state = encoding.step(tf.constant([[1, 0], [2, 0]]), state, told)
    allowed = tf.constant([[True, False, True], [True, True, False]])
    labels = encoding.allowed_labels(allowed[tf.newaxis], state)
    # The last label repeats the last event: 1 in row 0, 2 in row 1.
    np.testing.assert_array_equal(
        labels, [[True, False, True, False], [True, False, True, True]]
    )


def test_spread_like_lists_of_flags():
    assert list(spread([7, 8, 9], 7)) == [7, 7, 7, 8, 8, 9, 9]
    assert list(spread([7, 8, 9], 2)) == [7, 8]
    assert spread([[1, 2], [3, 4]], 2).tolist() == [[1, 2], [3, 4]]


def test_bundles_describe_all_parts():
    encoding = ConditionalEncoding(OneHotEncoding(4), (FieldControl(3),))
    description = json.loads(json.dumps(manifest.describe(encoding)))
    assert manifest.build_encoding(description, CLASSES) == encoding
    with pytest.raises(manifest.BundleError, match="FieldControl"):
        manifest.build_encoding(description)
    description["config"]["target"] = 3
    with pytest.raises(manifest.BundleError, match="target of"):
        manifest.build_encoding(description, CLASSES)


def test_target_is_made_without_the_fields_of_controls():
    controls = (CountControl(), FieldControl(3))
    single = conditional_encoding(OneHotEncoding, controls, field_sizes=[4, 3])
    assert single == ConditionalEncoding(OneHotEncoding(4), controls)
    pair = conditional_encoding(PairEncoding, controls, field_sizes=(5, 4, 3))
    assert pair == ConditionalEncoding(PairEncoding((5, 4)), controls)
    plain = conditional_encoding(OneHotEncoding, controls[:1], num_events=4)
    assert plain == ConditionalEncoding(OneHotEncoding(4), controls[:1])
