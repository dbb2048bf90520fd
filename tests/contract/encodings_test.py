"""What every encoding owes, over every encoding that a recipe uses."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf
from configured import concrete_classes, parts_of, recipes
from encoding_checks import check_encoding, check_loop

import magenta_lite.encodings
from magenta_lite.bundles import manifest
from magenta_lite.data.synthetic import SyntheticDataset
from magenta_lite.encodings.base import EncodingPart
from magenta_lite.encodings.heads import Categorical
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

NUM_EVENTS = 40

all_encodings = pytest.mark.parametrize(
    "configured", [pytest.param(c, id=c.recipe) for c in recipes()]
)


@functools.cache
def events_of(codec):
    """Events `[2, time, ...]` of made-up tunes."""
    rows = []
    for _, record in SyntheticDataset(num_tunes=8).sequences("train"):
        found = codec.extract(NoteSequence.FromString(record)).events
        rows += [e[:NUM_EVENTS] for e in found if len(e) >= NUM_EVENTS]
    return np.stack(rows[:2])


def test_every_encoding_is_in_a_recipe():
    used = {
        type(part)
        for configured in recipes()
        for part in parts_of(configured.encoding)
    }
    unused = concrete_classes(magenta_lite.encodings, EncodingPart) - used
    assert unused == {EncodingPart}


@all_encodings
def test_step_by_step_equals_whole_sequences(configured):
    check_encoding(configured.encoding, events_of(configured.codec))


@pytest.mark.slow
@all_encodings
def test_states_survive_a_compiled_loop(configured):
    check_loop(configured.encoding, events_of(configured.codec))


@all_encodings
def test_inputs_depend_on_the_past_alone(configured):
    encoding = configured.encoding
    events = events_of(configured.codec)
    other = events.copy()
    other[:, NUM_EVENTS // 2 :] = events[:, : NUM_EVENTS // 2]
    before = NUM_EVENTS // 2 - 1
    depth = encoding.input_depth
    if encoding.control_depth:
        # Controls say what is to come; behind them lies the target's input.
        depth = encoding.target.input_depth
    one, two = (
        encoding.inputs(tf.constant(e))[:, :before, -depth:]
        for e in (events, other)
    )
    np.testing.assert_array_equal(one, two)
    one, two = (
        encoding.labels(tf.constant(e))[:, : before + 1]
        for e in (events, other)
    )
    np.testing.assert_array_equal(one, two)


@all_encodings
def test_bundles_rebuild_it(configured):
    description = manifest.describe(configured.encoding)
    rebuilt = manifest.build_encoding(json.loads(json.dumps(description)))
    assert rebuilt == configured.encoding
    assert hash(rebuilt) == hash(configured.encoding)


@all_encodings
def test_requests_have_the_form_of_controls(configured):
    encoding = configured.encoding
    told = encoding.request_controls({}, 20, 4.0)
    assert told.shape == (20, encoding.control_depth)
    assert told.dtype == np.float32
    controls = encoding.controls(tf.constant(events_of(configured.codec)))
    assert controls.shape == (2, NUM_EVENTS, encoding.control_depth)
    assert bool(encoding.control_names) == bool(encoding.control_depth)
    with pytest.raises(UserError, match="knows no mood"):
        encoding.request_controls({"mood": "sad"}, 20, 4.0)


@all_encodings
def test_limits_hold_for_the_event_of_every_label(configured):
    encoding, codec = configured.encoding, configured.codec
    events = events_of(codec)
    state = encoding.initial_state(2)
    told = encoding.controls(tf.constant(events))
    for t in range(NUM_EVENTS - 1):
        event = tf.constant(events[:, t])
        _, state = encoding.step(event, state, told[:, t + 1])
    rng = np.random.default_rng(0)
    shape = (*codec.event_shape, codec.num_events)
    allowed = rng.random(shape) < 0.5
    labels = encoding.allowed_labels(tf.constant(allowed), state)
    assert labels.dtype == tf.bool and labels.shape[0] in (1, 2)
    everything = encoding.allowed_labels(tf.ones(shape, tf.bool), state)
    assert everything.numpy().all()
    if not isinstance(encoding.head, Categorical):
        assert labels.shape[1:2] == encoding.head.label_shape
        return
    labels = np.broadcast_to(labels, [2, encoding.num_classes])
    for label in range(encoding.num_classes):
        found = encoding.event(tf.fill([2], label), state).numpy()
        # What a label decides: of a vector with controls, the first field.
        own = found[:, 0] if codec.event_shape else found
        of_own = allowed[0] if codec.event_shape else allowed
        np.testing.assert_array_equal(labels[:, label], of_own[own])
