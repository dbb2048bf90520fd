"""What inspect_bundle tells, and that it loads no TensorFlow for it."""

import json
import pathlib
import subprocess
import sys

import pytest
from absl import flags
from original_bundles import (
    bundle_bytes,
    metagraph,
    rnn_variables,
    saved,
)

from magenta_lite.bundles.bundle import read_bundle, write_bundle
from magenta_lite.cli import inspect_bundle
from magenta_lite.errors import UserError

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A bundle of the original with attention over its last seven steps."""
    folder = tmp_path_factory.mktemp("original")
    prefix = saved(rnn_variables(74, (6, 5), 40, "first"), folder)
    path = folder / "attention.mag"
    path.write_bytes(
        bundle_bytes(
            "attention_rnn",
            pathlib.Path(prefix).read_bytes(),
            metagraph(7, 6),
        )
    )
    return path


@pytest.fixture(scope="module")
def ours(original):
    bundle = read_bundle(original)
    path = original.with_name("ours.mag")
    write_bundle(
        path,
        model=bundle.model,
        codec=bundle.codec,
        bundle_id=bundle.id,
        description="converted",
        provenance={"step": 5, "config": "a = 1"},
    )
    return path


def inspect(capsys, *arguments):
    flag_values = flags.FlagValues()
    inspect_bundle.define_flags(flag_values)
    argv = flag_values(["inspect_bundle", *map(str, arguments)])
    assert inspect_bundle.main(argv, flag_values) == 0
    return capsys.readouterr().out


def test_the_text_of_an_original(original, capsys):
    words = " ".join(inspect(capsys, original).split())
    for expected in (
        "id attention_rnn description of random weights made by the original "
        "Magenta model EventRnn(units=[6, 5], residual=False, "
        "attention_length=7, attention_over=first)",
        "encoding KeyMelodyEncoding(num_events=38)",
        "codec MelodyCodec(",
    ):
        assert expected in words


def test_ours_and_the_original_agree(original, ours, capsys):
    one = json.loads(inspect(capsys, original, "--json"))
    other = json.loads(inspect(capsys, ours, "--json"))
    assert one["id"] == other["id"] == "attention_rnn"
    weights = read_bundle(ours).model.weights
    num_parameters = sum(weight.shape.num_elements() for weight in weights)
    assert one["num_parameters"] == other["num_parameters"] == num_parameters
    assert one["codec"] == other["codec"]
    assert one["model"]["config"].items() <= other["model"]["config"].items()
    assert other["provenance"] == {"step": 5, "config": "a = 1"}
    assert other["made_by"].startswith("magenta_lite ")
    text = inspect(capsys, ours)
    assert "step           5\n" in text and "see --json" in text


@pytest.mark.parametrize("which", ["original", "ours"])
def test_no_tensorflow_is_loaded(which, request):
    path = request.getfixturevalue(which)
    script = (
        "import sys; from magenta_lite.bundles.summary import summarize; "
        f"print(summarize({str(path)!r}).id); "
        "print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.split("\n")[:2] == ["attention_rnn", "set()"]


def test_the_script_takes_a_path(original):
    command = [sys.executable, "bin/inspect_bundle.py", str(original)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "attention_rnn" in done.stdout
    done = subprocess.run(
        [*command, "another"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "'another'" in done.stderr


def test_bad_requests_are_one_line(tmp_path, capsys):
    with pytest.raises(UserError, match="name one bundle"):
        inspect(capsys)
    with pytest.raises(UserError, match="does not exist"):
        inspect(capsys, tmp_path / "no.mag")
