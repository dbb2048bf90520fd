"""Improv bundles of the original go on as the original did."""

import json

import numpy as np
import pytest
import tensorflow as tf
from shared_data import shared_dir

from magenta_lite.codecs.lead_sheet import LeadSheetCodec
from magenta_lite.generation.generator import load_bundle
from magenta_lite.generation.options import Settings
from magenta_lite.notes.proto import NoteSequence

_NAMES = ("basic_improv", "attention_improv")


def _truth(name):
    folder = shared_dir("reference")
    about = json.loads((folder / f"{name}.truth.json").read_text())
    primer = (folder / f"{name}.primer.pb").read_bytes()
    return folder, about, NoteSequence.FromString(primer)


def _over(sequence, chords):
    """The primer under a chord for each step."""
    for step, figure in enumerate(chords):
        sequence.text_annotations.add(
            time=step / 8, text=figure, annotation_type=1
        )
    return sequence


@pytest.mark.parametrize("name", _NAMES)
def test_a_primer_under_chords_becomes_the_originals_inputs(name):
    folder, about, primer = _truth(name)
    truth = np.load(folder / f"{name}.truth.npz")
    events, _ = LeadSheetCodec().encode_primer(_over(primer, about["chords"]))
    encoding = load_bundle(folder / f"{name}.mag").model.encoding
    inputs = encoding.inputs(tf.constant(events[None]))
    np.testing.assert_array_equal(inputs[:, :-1], truth["inputs"])
    labels = encoding.labels(tf.constant(events[None]))
    np.testing.assert_array_equal(labels[0, 1:], truth["labels"])


@pytest.mark.parametrize("name", _NAMES)
def test_the_likeliest_melody_is_the_originals(name):
    folder, about, primer = _truth(name)
    expected = about["generated"]["T0.001"]
    generator = load_bundle(folder / f"{name}.mag", jit_compile=False)
    # The last chord holds on behind the primer.
    primer = _over(primer, about["chords"])
    settings = Settings(temperature=0.0)
    (made,) = generator.compose(primer, len(expected), settings)
    found = made.events[:, 0]
    np.testing.assert_array_equal(
        np.where(found < 2, found - 2, found + 46), expected
    )
