import json
import random

import keras
import numpy as np
import pytest
import safetensors.numpy
from shared_data import shared_dir

from magenta_lite.bundles import bundle as bundles
from magenta_lite.bundles import container
from magenta_lite.bundles.errors import BundleError
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.models.event_rnn import EventRnn
from magenta_lite.notes.proto import generator_pb2

CODEC = MelodyCodec(min_pitch=60, max_pitch=72)


def new_model(seed: int = 0, **config) -> EventRnn:
    keras.utils.set_random_seed(seed)
    encoding = OneHotEncoding(CODEC.num_events)
    return EventRnn(encoding, **{"units": (4, 3), **config})


@pytest.fixture(scope="module")
def model():
    return new_model()


@pytest.fixture(scope="module")
def data(model):
    return bundles.to_bytes(
        model, CODEC, "basic_rnn", "a small one", {"gin": "x = 1", "step": 7}
    )


def reason_of(data: bytes) -> str:
    with pytest.raises(BundleError) as caught:
        bundles.from_bytes(data)
    assert "\n" not in str(caught.value)
    return caught.value.reason


def changed(data: bytes, **changes) -> bytes:
    """A bundle with other manifest entries and sums that are right for it."""
    proto = generator_pb2.GeneratorBundle.FromString(data)
    manifest = json.loads(proto.metagraph_file) | changes
    manifest["manifest_sha256"] = container.manifest_sha256(manifest, proto)
    proto.metagraph_file = json.dumps(manifest).encode()
    return proto.SerializeToString()


def test_everything_comes_back(tmp_path, model):
    path = tmp_path / "new folder" / "a.mag"
    bundles.write_bundle(
        path,
        model=model,
        codec=CODEC,
        bundle_id="basic_rnn",
        description="süß",
        provenance={"gin": "a = 1\n"},
    )
    bundle = bundles.read_bundle(path)
    assert (bundle.id, bundle.description) == ("basic_rnn", "süß")
    assert bundle.codec == CODEC
    assert bundle.encoding == model.encoding == bundle.model.encoding
    assert bundle.manifest["provenance"] == {"gin": "a = 1\n"}
    assert bundle.manifest["schema_version"] == 1
    assert len(model.weights) == len(bundle.model.weights) == 8
    for ours, theirs in zip(model.weights, bundle.model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert [p.name for p in path.parent.iterdir()] == ["a.mag"]


def test_an_attention_model_comes_back_too():
    model = new_model(attention_length=3, residual=True, cell="gru")
    bundle = bundles.from_bytes(bundles.to_bytes(model, CODEC, "x"))
    for ours, theirs in zip(model.weights, bundle.model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_the_same_model_gives_the_same_bytes(data):
    again = bundles.to_bytes(
        new_model(),
        CODEC,
        "basic_rnn",
        "a small one",
        {"step": 7, "gin": "x = 1"},
    )
    assert again == data
    assert bundles.to_bytes(new_model(1), CODEC, "basic_rnn") != data


def test_the_tools_of_the_field_can_read_the_details(data):
    proto = generator_pb2.GeneratorBundle.FromString(data)
    assert proto.generator_details.id == "basic_rnn"
    assert proto.bundle_details.description == "a small one"
    names = sorted(safetensors.numpy.load(proto.checkpoint_file[0]))
    assert names[0] == "logits/bias"


def test_a_file_that_is_there_is_kept_unless_told(tmp_path, model):
    path = tmp_path / "a.mag"
    path.write_text("mine")
    arguments = {"model": model, "codec": CODEC, "bundle_id": "x"}
    with pytest.raises(BundleError) as caught:
        bundles.write_bundle(path, **arguments)
    assert caught.value.reason == "exists" and path.read_text() == "mine"
    with pytest.raises(BundleError):
        bundles.write_bundle(tmp_path, overwrite=True, **arguments)
    bundles.write_bundle(path, overwrite=True, **arguments)
    assert bundles.read_bundle(path).id == "x"


def test_a_failed_write_leaves_the_old_file(tmp_path, model, monkeypatch):
    path = tmp_path / "a.mag"
    path.write_text("mine")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundles.os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        bundles.write_bundle(
            path, model=model, codec=CODEC, bundle_id="x", overwrite=True
        )
    assert [p.name for p in tmp_path.iterdir()] == ["a.mag"]
    assert path.read_text() == "mine"


def test_weights_that_are_not_finite_are_not_written():
    model = new_model()
    model.weights[0].assign(np.full(model.weights[0].shape, np.nan))
    with pytest.raises(BundleError, match="not finite"):
        bundles.to_bytes(model, CODEC, "x")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.mag", tmp_path):
        with pytest.raises(BundleError) as caught:
            bundles.read_bundle(path)
        assert caught.value.reason == "missing"
        assert str(path) in str(caught.value)


def test_a_cut_file_is_called_truncated_wherever_it_was_cut(data):
    cuts = [*range(0, len(data), 41), *range(len(data) - 40, len(data))]
    assert {reason_of(data[:cut]) for cut in cuts} == {"truncated"}


def test_changed_weights_description_or_manifest_are_called_tampered(data):
    proto = generator_pb2.GeneratorBundle.FromString(data)
    weights = bytearray(proto.checkpoint_file[0])
    weights[-1] ^= 1
    proto.checkpoint_file[0] = bytes(weights)
    assert reason_of(proto.SerializeToString()) == "tampered"
    for old, new in [
        (b"basic_rnn", b"other_rnn"),
        (b"a small one", b"a large one"),
        (b'"min_pitch": 60', b'"min_pitch": 61'),
        (b'"schema_version": 1', b'"schema_version": 0'),
        (b'"schema_version": 1', b'"schema_versiom": 1'),
    ]:
        assert data.count(old) >= 1
        assert reason_of(data.replace(old, new)) == "tampered"


@pytest.mark.parametrize(
    "content",
    [
        b"MThd\x00\x00\x00\x06\x00\x01",
        b"PK\x03\x04 a zip file",
        b"\x89HDF\r\n\x1a\n",
        b"just text",
        b"\x00" * 100,
        b"\xff" * 100,
        generator_pb2.GeneratorBundle(
            metagraph_file=b"x", checkpoint_file=[b"y"]
        ).SerializeToString(),
    ],
)
def test_other_files_are_called_foreign(content):
    assert reason_of(content) == "foreign"


def test_a_newer_schema_names_its_maker(data):
    newer = changed(data, schema_version=2, package_version="9.1", more={})
    with pytest.raises(BundleError, match=r"newer magenta_lite \(9.1\)"):
        bundles.from_bytes(newer)
    assert reason_of(newer) == "newer"


def test_a_cut_bundle_of_the_original_magenta_is_called_truncated():
    paths = sorted(shared_dir("reference").glob("*.mag"))
    assert paths
    for path in paths:
        assert reason_of(path.read_bytes()[:-9]) == "truncated"


def test_a_description_that_does_not_fit_the_weights_is_refused(data):
    description = json.loads(
        generator_pb2.GeneratorBundle.FromString(data).metagraph_file
    )["model"]
    for units in ([4], [4, 3, 3], [4, 4], [65536] * 4):
        config = description["config"] | {"units": units}
        odd = changed(data, model=description | {"config": config})
        with pytest.raises(BundleError, match="the weights hold"):
            bundles.from_bytes(odd)


def test_a_state_too_large_to_generate_with_is_refused():
    model = new_model(attention_length=2)
    data = bundles.to_bytes(model, CODEC, "x")
    description = json.loads(
        generator_pb2.GeneratorBundle.FromString(data).metagraph_file
    )["model"]
    config = description["config"] | {
        "attention_length": 65536,
        "units": [65536, 3],
    }
    odd = changed(data, model=description | {"config": config})
    with pytest.raises(BundleError, match="MiB of state"):
        bundles.from_bytes(odd)


def test_codec_and_encoding_must_agree(data):
    wider = bundles.manifests.describe(MelodyCodec())
    with pytest.raises(BundleError, match="num_events 38, its encoding 14"):
        bundles.from_bytes(changed(data, codec=wider))


def test_nothing_is_parsed_by_gin_or_unpickled(data, monkeypatch):
    import pickle

    import gin

    def refuse(*_, **__):
        raise AssertionError("a bundle is data")

    monkeypatch.setattr(gin, "parse_config", refuse)
    monkeypatch.setattr(gin, "parse_config_files_and_bindings", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    assert bundles.from_bytes(data).id == "basic_rnn"


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Damages bytes in one of the ways that files get damaged."""
    kind = draw.randrange(5)
    start = draw.randrange(len(data))
    end = min(len(data), start + draw.randrange(1, 200))
    if kind == 0:
        flipped = data[start] ^ (1 << draw.randrange(8))
        return data[:start] + bytes([flipped]) + data[start + 1 :]
    if kind == 1:
        return data[:start]
    if kind == 2:
        return data[:start] + data[end:]
    if kind == 3:
        noise = draw.randbytes(end - start)
        return data[:start] + noise + data[end:]
    return data[start:end] + data[:start] + data[end:]


def test_no_damage_goes_unnoticed_or_raises_anything_else(data):
    draw = random.Random(0)
    reasons = set()
    for _ in range(4000):
        damaged = mutate(data, draw)
        if damaged != data:
            reasons.add(reason_of(damaged))
    assert {"truncated", "tampered", "foreign"} <= reasons


def test_right_sums_over_odd_manifests_raise_nothing_else(data):
    draw = random.Random(1)
    manifest = json.loads(
        generator_pb2.GeneratorBundle.FromString(data).metagraph_file
    )
    odd_values = [None, 1, -1, 1e9, "", "x", [], [1], {}, True, 10**30]
    for _ in range(100):
        key = draw.choice(["codec", "encoding", "model"])
        entry = json.loads(json.dumps(manifest[key]))
        if draw.random() < 0.3:
            entry[draw.choice(["class", "config"])] = draw.choice(odd_values)
        else:
            name = draw.choice(sorted(entry["config"]))
            entry["config"][name] = draw.choice(odd_values)
        try:
            bundles.from_bytes(changed(data, **{key: entry}))
        except BundleError as error:
            assert "\n" not in str(error)
