"""Warm starts: what may differ, and what is said where it may not."""

import keras
import numpy as np
import pytest

from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.bundles.warm_start import WarmStartError, warm_start
from magenta_lite.codecs.drums import DrumsCodec
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.codecs.pianoroll import PianorollCodec
from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.encodings.pianoroll import PianorollEncoding
from magenta_lite.models.event_rnn import EventRnn

CODEC = MelodyCodec()
N = CODEC.num_events


def _model(encoding=None, units=(4, 3), **sizes):
    return EventRnn(encoding or OneHotEncoding(N), units=units, **sizes)


def _written(path, model, codec=CODEC):
    write_bundle(path, model=model, codec=codec, bundle_id="toy")
    return path


@pytest.fixture(scope="module")
def bundle_file(tmp_path_factory):
    keras.utils.set_random_seed(0)
    return _written(tmp_path_factory.mktemp("bundles") / "toy.mag", _model())


def _fails(model, codec, path):
    before = [v.numpy() for v in model.weights]
    with pytest.raises(WarmStartError) as error:
        warm_start(model, codec, path)
    for old, variable in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_weights_carry_over_whatever_is_chosen_or_dropped(bundle_file):
    model = _model(dropout=0.5)
    other_rules = MelodyCodec(min_bars=1, transpose_to_key=0, gap_bars=4.0)
    about = warm_start(model, other_rules, bundle_file)
    assert about == {"bundle_id": "toy", "file": str(bundle_file)}
    keras.utils.set_random_seed(0)
    for ours, theirs in zip(model.weights, _model().weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_sizes_that_would_fit_are_named(bundle_file):
    message = _fails(_model(units=(4, 5)), CODEC, bundle_file)
    assert message == (
        "layer lstm_1/lstm/lstm_cell/kernel is [4, 20] in this model and "
        "[4, 12] in bundle 'toy'; use its EventRnn.units = [4, 3]."
    )


def test_layers_that_are_missing_are_named(bundle_file):
    message = _fails(_model(units=(4, 3, 2)), CODEC, bundle_file)
    assert "bundle 'toy' has no layer lstm_2/" in message
    assert "EventRnn.units = [4, 3]" in message
    message = _fails(_model(units=(4,)), CODEC, bundle_file)
    assert "this model has no layer lstm_1/" in message or "logits" in message
    message = _fails(_model(cell="gru"), CODEC, bundle_file)
    assert 'EventRnn.cell = "lstm"' in message


def test_events_and_encodings_must_mean_the_same(bundle_file):
    message = _fails(_model(), MelodyCodec(60, 96), bundle_file)
    assert "use its MelodyCodec.min_pitch = 48, MelodyCodec.max_pitch = 84" in (
        message
    )
    message = _fails(_model(), DrumsCodec(), bundle_file)
    assert "MelodyCodec where this run has DrumsCodec" in message
    message = _fails(_model(LookbackEncoding(N)), CODEC, bundle_file)
    assert "OneHotEncoding where this run has LookbackEncoding" in message


def test_vector_events_too(tmp_path):
    codec = PianorollCodec(60, 63)
    encoding = PianorollEncoding(codec.field_sizes, num_hidden=2)
    path = _written(tmp_path / "roll.mag", _model(encoding), codec)
    warm_start(_model(encoding), PianorollCodec(60, 63, min_steps=1), path)
    message = _fails(_model(encoding), PianorollCodec(61, 64), path)
    assert "PianorollCodec.min_pitch = 60" in message
