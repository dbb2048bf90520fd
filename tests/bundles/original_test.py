"""Bundles of the original Magenta give the original's probabilities."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from original_bundles import (
    bundle_bytes,
    metagraph,
    renamed,
    rnn_variables,
    saved,
)
from shared_data import shared_dir

from magenta_lite.bundles import bundle as bundles
from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.original_kinds import KINDS

UNITS = (6, 5)
ATTENTION_LENGTH = 7


def make_bundle(
    tmp_path, bundle_id="basic_rnn", version="newest", slots=False, **changes
):
    """A bundle's path and its variables by their newest names."""
    kind = KINDS[bundle_id]
    encoding = kind.encoding(**kind.codec().encoding_sizes())
    attends = bool(kind.attention_length)
    variables = rnn_variables(
        encoding.input_depth, UNITS, encoding.num_classes, attends
    )
    written = variables if version == "newest" else renamed(variables, version)
    prefix = saved({**written, **changes}, tmp_path, slots=slots)
    length = ATTENTION_LENGTH if attends else None
    path = tmp_path / "original.mag"
    path.write_bytes(
        bundle_bytes(
            bundle_id,
            pathlib.Path(prefix).read_bytes(),
            metagraph(length, UNITS[0]),
        )
    )
    return path, variables


def lstm(values, scope, x, h, c):
    """A step as TensorFlow 1's BasicLSTMCell computed it."""
    z = np.concatenate([x, h]) @ values[f"{scope}kernel"]
    i, g, f, o = np.split(z + values[f"{scope}bias"], 4)
    c = sigmoid(f + 1.0) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference_logits(values, inputs):
    """The logits of a plain two-layer model, step by step."""
    states = [(np.zeros(n), np.zeros(n)) for n in UNITS]
    for x in inputs:
        below = x
        for i, (h, c) in enumerate(states):
            scope = f"rnn/multi_rnn_cell/cell_{i}/basic_lstm_cell/"
            states[i] = lstm(values, scope, below, h, c)
            below = states[i][0]
        yield (
            below @ values["fully_connected/weights"]
            + values["fully_connected/biases"]
        )


@pytest.mark.parametrize("version", ["newest", "tf_1_0", "tf_0"])
def test_plain_bundle_computes_what_the_original_did(tmp_path, version):
    path, values = make_bundle(tmp_path, version=version, slots=True)
    bundle = bundles.read_bundle(path)
    depth = bundle.encoding.input_depth
    inputs = np.random.default_rng(1).normal(size=[9, depth])
    state = bundle.model.initial_state(1)
    for x, expected in zip(
        inputs, reference_logits(values, inputs), strict=True
    ):
        logits, state = bundle.model.step(
            tf.constant(x[None], tf.float32), state
        )
        np.testing.assert_allclose(logits[0], expected, atol=1e-5)
    assert (bundle.id, bundle.description) == ("basic_rnn", "of random weights")


@pytest.mark.parametrize("version", ["newest", "tf_1_0", "tf_0"])
def test_attention_is_found_under_every_name(tmp_path, version):
    path, values = make_bundle(tmp_path, "attention_rnn", version)
    model = bundles.read_bundle(path).model
    scope = "rnn/multi_rnn_cell/cell_0/attention_cell_wrapper/"

    assert model.attention_length == ATTENTION_LENGTH
    assert model.units == UNITS
    lower = model.recurrent[0]
    for variable, name in (
        (lower.score, "attention/attn_v"),
        (lower.query.kernel, "attention/kernel"),
        (lower.output_projection.kernel, "attn_output_projection/kernel"),
        (lower.input_projection.bias, "bias"),
    ):
        np.testing.assert_array_equal(variable.numpy(), values[scope + name])


@pytest.mark.parametrize("bundle_id", KINDS)
def test_every_kind_plays_and_becomes_a_bundle_of_ours(tmp_path, bundle_id):
    path, _ = make_bundle(tmp_path, bundle_id)
    original = bundles.read_bundle(path)
    ours = tmp_path / "ours.mag"
    bundles.write_bundle(
        ours, model=original.model, codec=original.codec, bundle_id=bundle_id
    )
    again = bundles.read_bundle(ours)

    assert again.codec == original.codec
    assert again.encoding == original.encoding
    for one, other in zip(
        original.model.weights, again.model.weights, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_an_unknown_id_names_those_that_are_known(tmp_path):
    path, _ = make_bundle(tmp_path)
    data = path.read_bytes().replace(b"basic_rnn", b"basic_xyz")
    path.write_bytes(data)
    with pytest.raises(
        BundleError, match="'basic_xyz'.*lookback_rnn"
    ) as caught:
        bundles.read_bundle(path)
    assert caught.value.reason == "magenta"


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("fully_connected/biases", np.zeros([9], "f4"), r"shape \(9,\)"),
        (
            "fully_connected/biases",
            np.full([38], np.nan, "f4"),
            "not finite",
        ),
    ],
)
def test_variables_that_do_not_fit_are_named(tmp_path, name, values, words):
    path, _ = make_bundle(tmp_path, **{name: values})
    with pytest.raises(BundleError, match=words):
        bundles.read_bundle(path)


def test_a_checkpoint_of_another_model_is_told(tmp_path):
    prefix = saved({"conv/kernel": np.zeros([3, 3], "f4")}, tmp_path)
    path = tmp_path / "other.mag"
    path.write_bytes(
        bundle_bytes(
            "basic_rnn", pathlib.Path(prefix).read_bytes(), metagraph()
        )
    )
    with pytest.raises(BundleError, match="no LSTM layers"):
        bundles.read_bundle(path)


@pytest.mark.parametrize("name", KINDS)
def test_probabilities_of_real_bundles(name):
    folder = shared_dir("reference")
    if not (folder / f"{name}.mag").exists():
        pytest.skip(f"there is no {name}.mag")
    model = bundles.read_bundle(folder / f"{name}.mag").model
    for truth_file in sorted(folder.glob(f"{name}.[tl]*.npz")):
        truth = np.load(truth_file)
        state = model.initial_state(1)
        for x, expected in zip(
            truth["inputs"][0], truth["softmax"][0], strict=True
        ):
            logits, state = model.step(tf.constant(x[None]), state)
            np.testing.assert_allclose(
                tf.nn.softmax(logits)[0], expected, atol=1e-5, rtol=0
            )
