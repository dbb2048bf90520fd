import csv
import shlex

import numpy as np
import pytest
from cli_fixture import BASIC, run_command, run_train

from magenta_lite.cli import inspect_dataset, inspect_view, samples
from magenta_lite.data import cache_files
from magenta_lite.data.synthetic import SyntheticDataset
from magenta_lite.errors import UserError


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def _inspect(data_dir, *arguments):
    return run_command(
        inspect_dataset,
        f"--gin_file={BASIC}",
        "--gin_file=runs/smoke.gin",
        f"--data_dir={data_dir}",
        *arguments,
    )


def test_report_csv_and_picture(data_dir, tmp_path, capsys):
    output = tmp_path / "new" / "sequences.csv"
    picture = tmp_path / "picture.png"
    status = _inspect(
        data_dir, f"--output_csv={output}", f"--output_png={picture}"
    )
    assert status == 0
    shown = capsys.readouterr().out
    assert "synthetic/train, MelodyCodec: 8 of 8 sequences used" in shown
    assert "polyphonic" in shown
    assert "ignore_polyphonic_notes" in " ".join(shown.split())
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    ids = [name for name, _ in SyntheticDataset(8).sequences("train")]
    assert [row["id"] for row in rows] == ids
    assert all("polyphonic:1" in row["left_out"] for row in rows)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_nothing_to_train_on_names_the_command_that_says_why(
    data_dir, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(samples, "make_sample_fn", lambda *args: None)
    limit = "--gin_param=MelodyCodec.min_bars = 99"
    with pytest.raises(UserError) as error:
        run_train(tmp_path / "run", data_dir, limit)
    message = str(error.value)
    assert "split 'train' of 'synthetic' gives no example" in message
    assert "MelodyCodec.min_bars = 99" in message
    command = message.split("`")[1]
    script, *flags = shlex.split(command)
    assert script == "bin/inspect_dataset.py"
    assert run_command(inspect_dataset, *flags) == 0
    shown = capsys.readouterr().out
    assert "0 of 8 sequences used" in shown
    assert "too_short" in shown


def test_wrong_flags_are_told_in_one_line(data_dir):
    with pytest.raises(UserError, match="has no split 'dev'; choose from"):
        _inspect(data_dir, "--split=dev")
    with pytest.raises(UserError, match="give --gin_file"):
        run_command(inspect_dataset)
    with pytest.raises(UserError, match="not prepared"):
        _inspect(data_dir, "--dataset=nowhere")


def test_event_counts_over_shards_and_fields(tmp_path):
    writer = cache_files.CacheWriter(tmp_path, np.dtype("u1"), (2,), 4)
    writer.write([np.array([[1, 2], [1, 0]]), np.array([[5, 1], [0, 0]])])
    writer.finish({})
    cache = cache_files.open_cache(tmp_path, {})
    assert len(cache.shards) == 2
    assert inspect_view.event_counts(cache).tolist() == [3, 3, 1, 0, 0, 1]
