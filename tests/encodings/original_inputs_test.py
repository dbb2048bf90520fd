"""A primer becomes the very inputs that the original Magenta computed."""

import numpy as np
import pytest
import tensorflow as tf
from shared_data import shared_dir

from magenta_lite.codecs.drums import DrumsCodec
from magenta_lite.codecs.performance import PerformanceCodec
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.notes.proto import NoteSequence

_CODECS = {
    "one_drum": DrumsCodec(((39,),), other_class=0, steps_per_quarter=2),
    "performance_with_dynamics": PerformanceCodec(32),
}


@pytest.mark.parametrize("name", _CODECS)
def test_inputs_and_labels(name):
    folder = shared_dir("reference")
    codec = _CODECS[name]
    primer = (folder / f"{name}.primer.pb").read_bytes()
    events, _ = codec.encode_primer(NoteSequence.FromString(primer))
    encoding = OneHotEncoding(codec.num_events)
    inputs = encoding.inputs(tf.constant(events[None]))
    labels = encoding.labels(tf.constant(events[None]))
    truth = np.load(folder / f"{name}.truth.npz")
    num_inputs = truth["inputs"].shape[1]
    np.testing.assert_array_equal(inputs[:, :num_inputs], truth["inputs"])
    np.testing.assert_array_equal(labels[0, 1:], truth["labels"])
