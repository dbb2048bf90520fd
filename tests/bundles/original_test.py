"""Models of the original Magenta give the original's numbers."""

import dataclasses
import pathlib

import gin
import numpy as np
import pytest
import tensorflow as tf
from configured import recipe_parts
from original_bundles import (
    InMemory,
    bundle_bytes,
    metagraph,
    renamed,
    rnn_variables,
    saved,
)
from original_reference import outputs
from shared_data import shared_dir

from magenta_lite.bundles import bundle as bundles
from magenta_lite.bundles import manifest, original
from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.original_kinds import KINDS
from magenta_lite.bundles.original_source import OriginalSource

UNITS = (6, 5)
ATTENTION_LENGTH = 7
SHAPES = {
    "plain": ("basic_rnn", {}),
    "one layer": ("one_drum", {"units": (4,)}),
    "attention": ("attention_rnn", {"attention": "first"}),
    "attention over all": ("attention_rnn", {"attention": "all"}),
    "residual": ("lookback_rnn", {"residual": True, "units": (5, 5, 4)}),
    "residual of the input's size": (
        "one_drum",
        {"residual": True, "units": (2, 2)},
    ),
    "residual attention": (
        "attention_rnn",
        {"residual": True, "attention": "first"},
    ),
    "NADE": ("rnn-nade", {"nade_hidden": 3}),
    "NADE with attention": (
        "rnn-nade_attn",
        {"nade_hidden": 3, "attention": "first"},
    ),
}


@pytest.fixture(autouse=True)
def clean_gin():
    yield
    gin.clear_config()


def variables_of(bundle_id, **options):
    """Random variables of a model of this id."""
    kind = KINDS[bundle_id]
    if kind.has_nade:
        options.setdefault("nade_hidden", 3)
    if kind.attention_length:
        options.setdefault("attention", "first")
    units = options.pop("units", UNITS)
    return rnn_variables(kind.input_depth, units, kind.num_outputs, **options)


def make_bundle(
    tmp_path, bundle_id="basic_rnn", version="newest", slots=False, **options
):
    """A bundle's path and its variables by their newest names."""
    variables = variables_of(bundle_id, **options)
    written = variables if version == "newest" else renamed(variables, version)
    prefix = saved(written, tmp_path, slots=slots)
    attends = any("attention" in name for name in variables)
    graph = metagraph(ATTENTION_LENGTH if attends else None, UNITS[0])
    path = tmp_path / "original.mag"
    path.write_bytes(
        bundle_bytes(bundle_id, pathlib.Path(prefix).read_bytes(), graph)
    )
    return path, variables


def assert_computes(model, expected, inputs):
    """Holds the last layer's outputs at every step to the expected ones."""
    step = tf.function(model.step)
    state = model.initial_state(1)
    for x, wanted in zip(inputs, expected, strict=True):
        found, state = step(tf.constant(x[None], tf.float32), state)
        found = np.concatenate(tf.nest.flatten(found), axis=-1)
        np.testing.assert_allclose(found[0], wanted, atol=1e-5)


def random_inputs(model, num_steps=9):
    depth = model.encoding.input_depth
    return np.random.default_rng(1).normal(size=[num_steps, depth])


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_computes_what_the_original_did(tmp_path, shape):
    bundle_id, options = SHAPES[shape]
    path, values = make_bundle(tmp_path, bundle_id, **options)
    bundle = bundles.read_bundle(path)
    inputs = random_inputs(bundle.model)
    expected = outputs(values, inputs, ATTENTION_LENGTH)
    assert_computes(bundle.model, expected, inputs)
    assert (bundle.id, bundle.description) == (bundle_id, "of random weights")


@pytest.mark.parametrize(
    ("version", "attention"),
    [
        ("tf_1_0", "first"),
        ("tf_0", "first"),
        ("tf_0", "all"),
        ("magenta_js", "all"),
        # Magenta had no attention with cuDNN.
        ("cudnn", ""),
    ],
)
def test_every_version_s_names(tmp_path, version, attention):
    bundle_id = "attention_rnn" if attention else "lookback_rnn"
    path, values = make_bundle(
        tmp_path, bundle_id, version, slots=True, attention=attention
    )
    model = bundles.read_bundle(path).model
    inputs = random_inputs(model, 5)
    forget_bias = 0.0 if version == "cudnn" else 1.0
    expected = outputs(values, inputs, ATTENTION_LENGTH, forget_bias)
    assert_computes(model, expected, inputs)


def test_layers_of_cudnn_in_scopes_of_their_own(tmp_path):
    """So they are with residuals; the projections are plain layers then."""
    units = (5, 5, 4)
    values = variables_of("basic_rnn", residual=True, units=units)
    projections = [name for name in values if "projection" in name]
    assert len(projections) == 2 * 2 + 2 * 2
    names, num_linear = {}, 0
    for i in range(3):
        scope = f"rnn/multi_rnn_cell/cell_{i}/"
        inner = f"{scope}input_projection_wrapper/"
        stack = f"cudnn_lstm_{i}" if i else "cudnn_lstm"
        cell = f"{stack}/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell/"
        if f"{inner}kernel" in values:
            linear = "fully_connected" + (
                f"_{num_linear}" if num_linear else ""
            )
            names[f"{inner}kernel"] = f"{linear}/weights"
            names[f"{inner}bias"] = f"{linear}/biases"
            num_linear += 1
            scope = inner
        for leaf in ("kernel", "bias"):
            names[f"{scope}basic_lstm_cell/{leaf}"] = cell + leaf
    for leaf in ("weights", "biases"):
        names[f"fully_connected/{leaf}"] = (
            f"fully_connected_{num_linear}/{leaf}"
        )
    prefix = saved({names[n]: v for n, v in values.items()}, tmp_path, 2)

    bundle = bundles.read_bundle(prefix)
    inputs = random_inputs(bundle.model, 5)
    expected = outputs(values, inputs, forget_bias=0.0)
    assert_computes(bundle.model, expected, inputs)


@pytest.mark.parametrize("bundle_id", KINDS)
def test_every_kind_is_its_recipe(bundle_id):
    kind = KINDS[bundle_id]
    checkpoint = InMemory(variables_of(bundle_id))
    planned = original.plan(OriginalSource(checkpoint, model_id=bundle_id))
    codec, encoding = recipe_parts(bundle_id)
    assert_same_music(planned.codec, codec)
    if kind.has_nade:
        encoding = dataclasses.replace(encoding, num_hidden=3)
    built = manifest.build_encoding(planned.encoding)
    assert manifest.describe(built) == manifest.describe(encoding)
    assert built.input_depth == kind.input_depth
    assert planned.num_parameters == sum(
        array.size for array in planned.weights_fn().values()
    )


def test_a_converted_bundle_is_one_of_ours(tmp_path):
    path, _ = make_bundle(tmp_path, "rnn-nade_attn")
    theirs = bundles.read_bundle(path)
    ours = tmp_path / "ours.mag"
    bundles.write_bundle(
        ours, model=theirs.model, codec=theirs.codec, bundle_id="mine"
    )
    again = bundles.read_bundle(ours)
    assert again.codec == theirs.codec
    assert again.encoding == theirs.encoding
    for one, other in zip(
        theirs.model.weights, again.model.weights, strict=True
    ):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def assert_same_music(one, other):
    """Events mean the same; what is taken from a corpus may differ."""
    assert type(one) is type(other)
    assert one.encoding_sizes() == other.encoding_sizes()
    np.testing.assert_array_equal(one.steps_table(), other.steps_table())
    np.testing.assert_array_equal(one.pitch_table(), other.pitch_table())
    assert one.steps_per_second(120) == other.steps_per_second(120)


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
        ("fully_connected/biases", np.zeros([9], "f4"), "9 outputs"),
        ("fully_connected/weights", np.zeros([9, 38], "f4"), r"\(9, 38\)"),
        ("fully_connected/biases", np.full([38], np.nan, "f4"), "not finite"),
        ("fully_connected/biases", np.zeros([38], "i4"), "no floats"),
    ],
)
def test_variables_that_do_not_fit_are_named(tmp_path, name, values, words):
    variables = variables_of("basic_rnn") | {name: values}
    prefix = saved(variables, tmp_path)
    path = tmp_path / "other.mag"
    path.write_bytes(
        bundle_bytes(
            "basic_rnn", pathlib.Path(prefix).read_bytes(), metagraph()
        )
    )
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


def reference_names():
    """Bundles that the original wrote, where they lie beside the checkout."""
    folder = pathlib.Path(__file__).resolve().parents[3] / "shared/reference"
    return sorted(path.stem for path in folder.glob("*.mag")) or ["none"]


@pytest.mark.parametrize("name", reference_names())
def test_probabilities_of_real_bundles(name):
    folder = shared_dir("reference")
    model = bundles.read_bundle(folder / f"{name}.mag").model
    step = tf.function(model.step)
    files = sorted(folder.glob(f"{name}.[tl]*.npz"))
    assert files
    for truth_file in files:
        truth = np.load(truth_file)
        state = model.initial_state(1)
        for x, expected in zip(
            truth["inputs"][0], truth["softmax"][0], strict=True
        ):
            logits, state = step(tf.constant(x[None]), state)
            np.testing.assert_allclose(
                tf.nn.softmax(logits)[0], expected, atol=1e-5, rtol=0
            )
