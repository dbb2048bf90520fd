import pathlib
import struct

import numpy as np
import pytest
import tensorflow as tf
from original_bundles import saved
from shared_data import shared_dir

from magenta_lite.bundles.errors import BundleError
from magenta_lite.bundles.table_file import masked_crc32c
from magenta_lite.bundles.tf_checkpoint import (
    CheckpointV1,
    CheckpointV2,
    open_checkpoint,
)

RANDOM = np.random.default_rng(0)
VARIABLES = {
    "rnn/kernel": RANDOM.normal(size=[300, 70]).astype(np.float32),
    "rnn/bias": RANDOM.normal(size=[7]).astype(np.float32),
    "empty": np.zeros([0, 3], np.float32),
    "scalar": np.array(2.5, np.float32),
    "double": RANDOM.normal(size=[3, 2]),
    "step": np.array(-5, np.int64),
    "counts": np.array([[1, -2], [3, 2**31 - 1]], np.int32),
    "flags": np.array([True, False]),
}


def flip(data, position, bit=0):
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("version", [1, 2])
def test_every_tensor_comes_back(tmp_path, version):
    checkpoint = open_checkpoint(saved(VARIABLES, tmp_path, version))
    assert set(checkpoint.tensors) == set(VARIABLES)
    for name, values in VARIABLES.items():
        info = checkpoint.tensors[name]
        found = checkpoint.read(name)
        assert (info.shape, info.dtype) == (values.shape, values.dtype)
        assert (found.shape, found.dtype) == (values.shape, values.dtype)
        np.testing.assert_array_equal(found, values)


def test_parts_of_a_variable_are_put_together(tmp_path):
    prefix = str(tmp_path / "model.ckpt")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variable = tf.compat.v1.get_variable(
            "rnn/kernel",
            [300, 70],
            initializer=tf.compat.v1.random_uniform_initializer(seed=1),
            partitioner=tf.compat.v1.fixed_size_partitioner(3),
        )
        session.run(tf.compat.v1.global_variables_initializer())
        whole = session.run(variable.as_tensor())
        tf.compat.v1.train.Saver(write_version=1).save(
            session, prefix, write_meta_graph=False
        )
    np.testing.assert_array_equal(
        open_checkpoint(prefix).read("rnn/kernel"), whole
    )


def test_what_is_missing_is_named(tmp_path):
    checkpoint = open_checkpoint(saved(VARIABLES, tmp_path))
    with pytest.raises(BundleError, match="it holds no rnn/other"):
        checkpoint.read("rnn/other")
    with pytest.raises(BundleError, match=r"nothing\.ckpt does not exist"):
        open_checkpoint(tmp_path / "nothing.ckpt")


def test_text_is_told_from_numbers(tmp_path):
    prefix = saved({"words": np.array([b"a", b"b"], object)}, tmp_path)
    with pytest.raises(BundleError, match="words holds no numbers"):
        open_checkpoint(prefix).read("words")


def test_a_changed_value_of_version_2_is_found(tmp_path):
    prefix = saved(VARIABLES, tmp_path, version=2)
    (shard,) = tmp_path.glob("*.data-*")
    index = pathlib.Path(f"{prefix}.index").read_bytes()
    data = shard.read_bytes()

    good = CheckpointV2(index, [data])
    np.testing.assert_array_equal(good.read("double"), VARIABLES["double"])
    place = data.index(VARIABLES["double"].tobytes())
    bad = CheckpointV2(index, [flip(data, place)])
    with pytest.raises(BundleError):
        bad.read("double")
    np.testing.assert_array_equal(bad.read("rnn/bias"), VARIABLES["rnn/bias"])
    for shards in ([data[:place]], []):
        with pytest.raises(BundleError):
            CheckpointV2(index, shards).read("double")
    shard.write_bytes(data[:place])
    with pytest.raises(BundleError):
        open_checkpoint(prefix).read("double")


def test_every_flipped_bit_of_version_1_is_found_or_harmless(tmp_path):
    small = {"a/kernel": np.ones([4, 3], np.float32), "b": np.zeros([5], "f4")}
    data = pathlib.Path(saved(small, tmp_path)).read_bytes()
    num_found = 0
    for position in range(len(data)):
        for bit in (0, 3, 7):
            try:
                checkpoint = CheckpointV1(flip(data, position, bit))
                for name, values in small.items():
                    # Only what nobody reads may differ: the footer's padding.
                    np.testing.assert_array_equal(checkpoint.read(name), values)
            except BundleError:
                num_found += 1
    assert num_found > 2 * len(data)


def test_every_cut_is_found(tmp_path):
    data = pathlib.Path(saved({"a": np.ones([9], "f4")}, tmp_path)).read_bytes()
    for size in range(len(data)):
        with pytest.raises(BundleError):
            CheckpointV1(data[:size])


def test_a_claim_of_gigabytes_allocates_nothing(tmp_path):
    data = pathlib.Path(saved({"a": np.ones([9], "f4")}, tmp_path)).read_bytes()
    nine = b"\x12\x04\x12\x02\x08\x09"
    claim = data.replace(nine, b"\x12\x04\x12\x02\x08\x7f")
    end = end_of_first_block(data)
    assert claim != data and claim.index(b"\x08\x7f") < end
    checksum = masked_crc32c(memoryview(claim)[: end + 1])
    claim = claim[: end + 1] + struct.pack("<I", checksum) + claim[end + 5 :]
    checkpoint = CheckpointV1(claim)
    assert checkpoint.tensors["a"].shape == (127,)
    with pytest.raises(BundleError):
        checkpoint.read("a")


def end_of_first_block(data):
    """Where the block that starts at 0 ends: its checksum says so."""
    for end in range(len(data) - 5):
        (checksum,) = struct.unpack("<I", data[end + 1 : end + 5])
        if masked_crc32c(memoryview(data)[: end + 1]) == checksum:
            return end
    raise AssertionError("no block")


def test_real_checkpoints_equal_what_tensorflow_reads():
    folders = [p for p in shared_dir("reference").glob("vae_*") if p.is_dir()]
    assert folders
    for folder in folders:
        (index,) = folder.glob("*.index")
        prefix = str(index)[: -len(".index")]
        ours = open_checkpoint(prefix)
        theirs = tf.train.load_checkpoint(prefix)
        assert set(ours.tensors) == set(theirs.get_variable_to_shape_map())
        for name in ours.tensors:
            np.testing.assert_array_equal(
                ours.read(name), theirs.get_tensor(name)
            )
