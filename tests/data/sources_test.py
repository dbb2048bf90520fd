import json
import pathlib
import shutil

import pytest

from magenta_lite.data.sources import (
    DatasetError,
    PreparedDataset,
    find_dataset_dir,
    prepared_names,
)


def write_dataset(folder, sequences, name="toy"):
    """A dataset as TFDS lays it out, by hand: {split: [(id, bytes), ...]}."""
    import tensorflow as tf

    folder.mkdir(parents=True)
    splits = []
    for split, rows in sequences.items():
        path = folder / f"{name}-{split}.tfrecord-00000-of-00001"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for key, sequence in rows:
                example = tf.train.Example()
                feature = example.features.feature
                feature["id"].bytes_list.value.append(key.encode())
                feature["sequence"].bytes_list.value.append(sequence)
                writer.write(example.SerializeToString())
        splits.append({"name": split, "shardLengths": [str(len(rows))]})
    info = {"name": name, "fileFormat": "tfrecord", "splits": splits}
    (folder / "dataset_info.json").write_text(json.dumps(info))


TRAIN = [(f"é{n}", bytes([n, 0, 10])) for n in range(150)]
CONTENT = {"train": TRAIN, "validation": [("v", b"\xff")]}


@pytest.fixture
def data_dir(tmp_path):
    write_dataset(tmp_path / "toy" / "a_config" / "1.0.0", CONTENT)
    return tmp_path


def test_sequences_come_in_order_with_their_ids(data_dir):
    dataset = PreparedDataset("toy/a_config", data_dir)
    assert list(dataset.sequences("train")) == TRAIN
    assert list(dataset.sequences("validation")) == [("v", b"\xff")]
    assert dataset.splits == ("train", "validation")
    assert dataset.num_sequences("train") == 150
    assert dataset.name == "toy/a_config"


def test_several_shards_are_read_one_after_the_other(data_dir):
    folder = data_dir / "toy" / "a_config" / "1.0.0"
    one = folder / "toy-train.tfrecord-00000-of-00001"
    shutil.copy(one, folder / "toy-train.tfrecord-00001-of-00002")
    one.rename(folder / "toy-train.tfrecord-00000-of-00002")
    info = json.loads((folder / "dataset_info.json").read_text())
    info["splits"][0]["shardLengths"] = ["150", "150"]
    (folder / "dataset_info.json").write_text(json.dumps(info))
    dataset = PreparedDataset("toy/a_config", data_dir)
    assert dataset.num_sequences("train") == 300
    assert list(dataset.sequences("train")) == TRAIN + TRAIN


def test_the_default_config_and_the_newest_version_are_taken(data_dir):
    assert find_dataset_dir("toy", data_dir) is None
    (data_dir / "toy" / ".config").mkdir()
    (data_dir / "toy" / ".config" / "metadata.json").write_text(
        '{"default_config_name": "a_config"}'
    )
    versions = data_dir / "toy" / "a_config"
    assert find_dataset_dir("toy", data_dir) == versions / "1.0.0"
    for version in ("1.2.0", "1.10.0", "backup"):
        shutil.copytree(versions / "1.0.0", versions / version)
    assert find_dataset_dir("toy", data_dir) == versions / "1.10.0"


def test_datasets_of_folders_go_by_their_own_name(tmp_path):
    write_dataset(tmp_path / "note_sequence_folder" / "mine" / "1.0.0", CONTENT)
    assert PreparedDataset("mine", tmp_path).num_sequences("train") == 150
    assert prepared_names(tmp_path) == ["mine"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("folk_tunes/essen", "--dataset=folk_tunes/essen"),
        ("my_music", "--input_dir=FOLDER --name=my_music"),
    ],
)
def test_a_missing_dataset_is_one_line_with_the_command(
    data_dir, name, command
):
    with pytest.raises(DatasetError) as caught:
        PreparedDataset(name, data_dir)
    message = str(caught.value)
    assert command in message
    assert "toy/a_config" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["", "../toy", "/toy", "toy/../toy/a_config"])
def test_a_name_never_leads_out_of_the_folder(data_dir, name):
    with pytest.raises(DatasetError):
        PreparedDataset(name, data_dir)


def test_an_unknown_split_names_those_that_exist(data_dir):
    dataset = PreparedDataset("toy/a_config", data_dir)
    with pytest.raises(DatasetError, match="train, validation"):
        dataset.num_sequences("test")


def test_fingerprint_is_stable_and_follows_the_content(data_dir, tmp_path):
    before = {
        split: PreparedDataset("toy/a_config", data_dir).fingerprint(split)
        for split in CONTENT
    }
    again = PreparedDataset("toy/a_config", data_dir)
    assert before["train"] == again.fingerprint("train") != before["validation"]
    folder = data_dir / "toy" / "a_config" / "1.0.0"
    shutil.rmtree(folder)
    changed = [*TRAIN[:-1], ("other", b"other")]
    write_dataset(folder, {**CONTENT, "train": changed})
    after = PreparedDataset("toy/a_config", data_dir)
    assert after.fingerprint("train") != before["train"]


def test_a_damaged_file_is_one_line(data_dir):
    folder = data_dir / "toy" / "a_config" / "1.0.0"
    path = folder / "toy-train.tfrecord-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DatasetError, match="damaged"):
        list(PreparedDataset("toy/a_config", data_dir).sequences("train"))


@pytest.mark.parametrize(
    "info", ["{", "{}", '{"fileFormat": "array_record", "splits": []}']
)
def test_a_damaged_or_foreign_description_is_one_line(data_dir, info):
    path: pathlib.Path = find_dataset_dir("toy/a_config", data_dir)
    (path / "dataset_info.json").write_text(info)
    with pytest.raises(DatasetError, match=r"dataset_info\.json"):
        _ = PreparedDataset("toy/a_config", data_dir).splits
