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
from magenta_lite.layers import products
from magenta_lite.notes.proto import NoteSequence

NUM_EVENTS = 40

all_encodings = pytest.mark.parametrize(
    "configured", [pytest.param(c, id=c.recipe) for c in recipes()]
)


@functools.cache
def events_of(codec):
    """Events `[2, time, ...]` of made-up tunes; clips may be short."""
    dataset = SyntheticDataset(num_tunes=8, meters=((4, 4),))
    found = []
    for _, record in dataset.sequences("train"):
        found += codec.extract(NoteSequence.FromString(record)).events
    length = min(NUM_EVENTS, max(map(len, found)))
    return np.stack([e[:length] for e in found if len(e) >= length][:2])


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
def test_compact_inputs_stand_for_inputs(configured):
    encoding = configured.encoding
    events = tf.constant(events_of(configured.codec))
    compact = encoding.compact_inputs(events)
    np.testing.assert_array_equal(
        products.expanded(compact, encoding.one_hots), encoding.inputs(events)
    )


@all_encodings
def test_inputs_depend_on_the_past_alone(configured):
    encoding = configured.encoding
    events = events_of(configured.codec)
    half = events.shape[1] // 2
    other = events.copy()
    other[:, half:] = events[:, :half]
    before = half - 1
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
def test_clips_are_read_by_encoders_and_before_each_event(configured):
    encoding = configured.encoding
    events = tf.constant(events_of(configured.codec))
    read = encoding.encoder_inputs(events)
    assert read.shape == (*events.shape[:2], encoding.encoder_input_depth)
    np.testing.assert_array_equal(read, encoding.encoder_inputs(events))
    before = encoding.decoder_inputs(events)
    assert before.shape == (*events.shape[:2], encoding.input_depth)
    np.testing.assert_array_equal(
        before[:, 1:], encoding.inputs(events)[:, :-1]
    )
    weights = encoding.event_weights(events)
    assert weights.shape == events.shape[:2] and weights.dtype == tf.float32


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
    events = events_of(configured.codec)
    controls = encoding.controls(tf.constant(events))
    assert controls.shape == (*events.shape[:2], encoding.control_depth)
    assert bool(encoding.control_names) == bool(encoding.control_depth)
    with pytest.raises(UserError, match="knows no mood"):
        encoding.request_controls({"mood": "sad"}, 20, 4.0)


@all_encodings
def test_limits_hold_for_the_event_of_every_label(configured):
    encoding, codec = configured.encoding, configured.codec
    events = events_of(codec)
    state = encoding.initial_state(2)
    told = encoding.controls(tf.constant(events))
    for t in range(events.shape[1] - 1):
        event = tf.constant(events[:, t])
        _, state = encoding.step(event, state, told[:, t + 1])
    rng = np.random.default_rng(0)
    shape = (*codec.event_shape, codec.num_events)
    everything = encoding.allowed_labels(tf.ones([1, *shape], tf.bool), state)
    assert everything.numpy().all()
    for num_masks in (1, 2):
        allowed = rng.random([num_masks, *shape]) < 0.5
        labels = encoding.allowed_labels(tf.constant(allowed), state)
        assert labels.dtype == tf.bool and labels.shape[0] in (num_masks, 2)
        if not isinstance(encoding.head, Categorical):
            assert labels.shape[1:2] == encoding.head.label_shape
            continue
        # What a label decides: of a vector with controls, the first field.
        of_own = allowed[:, 0] if codec.event_shape else allowed
        labels = np.broadcast_to(labels, [2, encoding.num_classes])
        of_own = np.broadcast_to(of_own, [2, codec.num_events])
        for label in range(encoding.num_classes):
            found = encoding.event(tf.fill([2], label), state).numpy()
            own = found[:, 0] if codec.event_shape else found
            np.testing.assert_array_equal(
                labels[:, label], of_own[np.arange(2), own]
            )
