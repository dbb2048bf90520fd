"""What every encoding owes, checked on events that its test chooses."""

import json

import numpy as np
import tensorflow as tf

from magenta_lite.encodings.heads import Groove


def walk(encoding, events, jit_compile=False):
    """Inputs, and events found from labels, taking one step at a time.

    Returns inputs `[batch, time, depth]`, the events that the labels of the
    whole sequences stand for, and the state after the last step.
    """
    labels = encoding.labels(tf.constant(events)).numpy()
    controls = next_controls(encoding, events)
    batch_size, num_steps = events.shape[:2]

    @tf.function(jit_compile=jit_compile)
    def advance(event, label, control, state):
        found = encoding.event(label, state)
        inputs, state = encoding.step(event, state, control)
        return inputs, found, state

    state = encoding.initial_state(batch_size)
    all_inputs, all_found = [], []
    for t in range(num_steps):
        inputs, found, state = advance(
            tf.constant(events[:, t]),
            tf.constant(labels[:, t]),
            controls[:, t],
            state,
        )
        all_inputs.append(inputs.numpy())
        all_found.append(found.numpy())
    return np.stack(all_inputs, 1), np.stack(all_found, 1), state


def next_controls(encoding, events):
    """What is told at each step: the control of the event after it."""
    controls = encoding.controls(tf.constant(events))
    return tf.concat([controls[:, 1:], controls[:, -1:]], axis=1)


def check_encoding(encoding, events, jit_compile=False):
    """Step by step equals whole sequences; every label gives its event."""
    events = np.asarray(events, np.int32)
    inputs = encoding.inputs(tf.constant(events))
    labels = encoding.labels(tf.constant(events))
    is_number = isinstance(encoding.head, Groove)
    assert inputs.dtype == tf.float32
    assert labels.dtype == (tf.float32 if is_number else tf.int32)
    assert inputs.shape == (*events.shape[:2], encoding.input_depth)
    assert labels.shape == (*events.shape[:2], *encoding.head.label_shape)
    assert is_number or labels.numpy().min() >= 0
    if not encoding.head.label_shape:
        assert labels.numpy().max() < encoding.num_classes
    stepped, found, _ = walk(encoding, events, jit_compile)
    np.testing.assert_array_equal(stepped, inputs)
    # Nobody predicts the first event: its control is untold, it may be a mark.
    first = 1 if encoding.control_depth or encoding.head.label_shape else 0
    np.testing.assert_array_equal(found[:, first:], events[:, first:])


def check_loop(encoding, events):
    """The state survives a compiled while loop; open shapes work as well."""
    events = np.asarray(events, np.int32)
    batch_size, num_steps = events.shape[:2]
    depth = encoding.input_depth
    controls = next_controls(encoding, events)

    @tf.function(jit_compile=True)
    def loop(events):
        def body(t, state, last):
            last, state = encoding.step(events[:, t], state, controls[:, t])
            return t + 1, state, last

        state = encoding.initial_state(batch_size)
        last = tf.zeros([batch_size, depth])
        return tf.while_loop(
            lambda t, *_: t < num_steps, body, (0, state, last)
        )[2]

    shape = [None, None, *events.shape[2:]]

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.int32)])
    def whole(events):
        return encoding.inputs(events), encoding.labels(events)

    inputs, labels = whole(events)
    np.testing.assert_array_equal(inputs, encoding.inputs(tf.constant(events)))
    np.testing.assert_array_equal(labels, encoding.labels(tf.constant(events)))
    # XLA may round a quotient to the next float.
    np.testing.assert_array_max_ulp(
        loop(tf.constant(events)).numpy(), inputs[:, -1].numpy(), maxulp=1
    )


def check_config(encoding):
    """The config goes through JSON and back to an equal encoding."""
    config = json.loads(json.dumps(encoding.get_config()))
    assert type(encoding)(**config) == encoding
    assert hash(type(encoding)(**config)) == hash(encoding)


def tune_like_events(num_events, shape, seed, vocabulary=6):
    """Events `[batch, time]` with rests, held notes, and repeats."""
    rng = np.random.default_rng(seed)
    pool = rng.integers(2, num_events, vocabulary)
    events = np.where(
        rng.random(shape) < 0.4,
        rng.choice(pool, shape),
        rng.integers(0, 2, shape),
    )
    for row in events:
        for start in range(16, shape[1] - 16, 16):
            if rng.random() < 0.5:
                row[start : start + 12] = row[start - 16 : start - 4]
    return events.astype(np.int32)
