"""PianorollEncoding: frames in, frames out, equal to note_seq's encoder."""

import json

import note_seq
import numpy as np
import tensorflow as tf
from encoding_checks import check_config

from magenta_lite.codecs.pianoroll import PianorollCodec
from magenta_lite.encodings.heads import Nade
from magenta_lite.encodings.pianoroll import PianorollEncoding


def _events():
    codec = PianorollCodec()
    frames = [(0, 40), (), (87,), (3, 4, 5)]
    events = np.zeros([1, 1 + len(frames), 88], np.int32)
    events[0, 0] = 2
    for row, frame in zip(events[0, 1:], frames, strict=True):
        row[list(frame)] = 1
    return PianorollEncoding(codec.field_sizes), frames, tf.constant(events)


def test_inputs_and_labels_equal_note_seqs():
    encoding, frames, events = _events()
    assert encoding.head == Nade(88, 128)
    reference = note_seq.PianorollEncoderDecoder()
    assert encoding.input_depth == reference.input_size
    inputs = encoding.inputs(events)
    assert inputs.dtype == tf.float32
    # The START is silence, as what Magenta put before the first frame.
    assert not inputs[0, 0].numpy().any()
    for t in range(len(frames)):
        expected = reference.events_to_input(frames, t)
        np.testing.assert_array_equal(inputs[0, 1 + t], expected)
        label = encoding.labels(events)[0, 1 + t].numpy()
        number = sum(2 ** int(bit) for bit in np.flatnonzero(label))
        assert number == reference.events_to_label(frames, t)


def test_step_by_step_equals_whole_sequences():
    encoding, _, events = _events()
    state = encoding.initial_state(1)
    labels = encoding.labels(events)
    for t in range(events.shape[1]):
        if t:
            found = encoding.event(labels[:, t], state)
            np.testing.assert_array_equal(found, events[:, t])
        inputs, state = encoding.step(events[:, t], state)
        np.testing.assert_array_equal(inputs, encoding.inputs(events)[:, t])


def test_keys_that_may_not_sound():
    encoding, _, _ = _events()
    allowed = np.ones([88, 3], bool)
    allowed[:20, 1] = False
    labels = encoding.allowed_labels(tf.constant(allowed[np.newaxis]), ())
    assert labels.shape == (1, 88, 2)
    assert labels.numpy()[0, :, 1].tolist() == [False] * 20 + [True] * 68
    assert labels.numpy()[0, :, 0].all()


def test_config():
    encoding, _, _ = _events()
    check_config(encoding)
    assert json.dumps(encoding.get_config())
