"""Runs docs/porting.md: every command and line of Python that it offers."""

import pathlib
import re
import shlex
import subprocess
import sys
import tarfile

import gin
import numpy as np
import pytest
import tensorflow as tf
from cli_fixture import run_command
from cli_flags import flags_of
from magenta_js_files import write_magenta_js
from original_bundles import (
    bundle_bytes,
    metagraph,
    rnn_variables,
    saved,
    vae_variables,
)

import magenta_lite
from magenta_lite import bundles
from magenta_lite.bundles import published
from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.bundles.original_kinds import KINDS
from magenta_lite.bundles.original_vae_kinds import KINDS as VAE_KINDS
from magenta_lite.cli import (
    evaluate,
    export,
    generate,
    inspect_bundle,
    samples,
    train,
)
from magenta_lite.generation.options import Settings
from magenta_lite.notes import midi
from magenta_lite.notes.proto import NoteSequence, generator_pb2

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "porting.md").read_text()
COMMANDS = {
    "train": (
        train,
        ["--gin_file=runs/smoke.gin", "--gin_param=NUM_STEPS=1"],
    ),
    "evaluate": (evaluate, []),
    "generate": (generate, ["--formats=mid", "--num_outputs=1"]),
    "export": (export, []),
}
ORIGINALS = {
    "lookback_rnn": "lookback_rnn",
    "attention_rnn": "attention_rnn",
    "drum_kit_rnn": "drum_kit",
    "chord_pitches_improv": "chord_pitches_improv",
    "polyphony_rnn": "polyphony",
    "pianoroll_rnn_nade": "rnn-nade",
    "multiconditioned": "multiconditioned_performance_with_dynamics",
}


def section(title):
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def rows(title):
    """The cells of a table's rows, without its head."""
    lines = re.findall(r"^\|(.*)\|$", section(title), re.M)
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def code(cell):
    return re.findall(r"`([^`]+)`", cell)


def commands(title):
    return [
        command
        for row in rows(title)
        for command in code(row[1])
        if command.startswith("bin/")
    ]


def python_lines(title):
    return [line for row in rows(title) for line in code(row[1])]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with music and with models of the original."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(samples, "make_sample_fn", lambda *args: None)
    for name, model_id in ORIGINALS.items():
        kind = KINDS[model_id]
        variables = rnn_variables(
            kind.input_depth,
            (8,),
            kind.num_outputs,
            "first" if kind.attention_length else "",
            nade_hidden=3 if kind.has_nade else 0,
        )
        prefix = pathlib.Path(saved(variables, tmp_path))
        graph = metagraph(5, 8) if kind.attention_length else metagraph()
        data = bundle_bytes(model_id, prefix.read_bytes(), graph)
        (tmp_path / f"{name}.mag").write_bytes(data)
    basic = rnn_variables(38, (8,), 38)
    training = tmp_path / "magenta_run" / "train"
    training.mkdir(parents=True)
    saved(basic, training, version=2, slots=True)
    write_magenta_js(tmp_path / "magenta_js", basic)
    write_music(tmp_path)
    yield tmp_path
    gin.clear_config()


@pytest.fixture
def vae_folder(tmp_path, monkeypatch):
    """A folder with music and with a MusicVAE of the original."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(samples, "make_sample_fn", lambda *args: None)
    training = tmp_path / "vae_run" / "train"
    training.mkdir(parents=True)
    saved(vae_variables(), training, version=2, slots=True)
    with tarfile.open(tmp_path / "cat-mel_2bar_small.tar", "w") as archive:
        for path in training.glob("model.ckpt*"):
            archive.add(path, path.name)
    write_music(tmp_path)
    yield tmp_path
    gin.clear_config()


def write_music(path):
    (path / "my_music").mkdir()
    for number in range(20):
        write_tune(path / "my_music" / f"{number}.mid", number)
    write_tune(path / "tune.mid", 3, num_notes=8)
    for name, number in (("song", 3), ("a", 1), ("b", 2)):
        write_tune(path / f"{name}.mid", number)


def write_tune(path, number, num_notes=32):
    sequence = NoteSequence(ticks_per_quarter=220, total_time=num_notes / 2)
    sequence.tempos.add(qpm=120)
    sequence.time_signatures.add(numerator=4, denominator=4)
    for i in range(num_notes):
        sequence.notes.add(
            pitch=55 + (i * (number % 5 + 2) + number) % 17,
            velocity=80,
            start_time=i * 0.5,
            end_time=i * 0.5 + 0.5,
        )
    midi.write_midi(sequence, path)


def run(command):
    """Runs a line of the page, at toy size."""
    script, *arguments = shlex.split(command)
    name = pathlib.Path(script).stem
    if name in COMMANDS:
        module, small = COMMANDS[name]
        if "lookback" in command and "units" in command:
            small = [*small, "--gin_param=EventRnn.units=(8,)"]
        if "--mode" in command:  # as many outputs as the page says
            small = ["--formats=mid"]
        assert run_command(module, *arguments, *small) == 0
    elif name == "inspect_bundle":
        flag_values = inspect_bundle.flags.FlagValues()
        inspect_bundle.define_flags(flag_values)
        argv = flag_values([script, *arguments])
        assert inspect_bundle.main(argv, flag_values) == 0
    else:
        subprocess.run(
            [sys.executable, str(ROOT / script), *arguments], check=True
        )


@pytest.mark.slow
def test_every_command_runs(folder):
    assert len(commands("Commands")) >= 15
    for command in commands("Commands"):
        run(command)
        gin.clear_config()
    for name in ("mine", "from_run", "from_checkpoint", "from_js"):
        assert magenta_lite.load_bundle(f"{name}.mag").bundle_id
    for name in (
        "music",
        "beam",
        "drums",
        "improv",
        "chorales",
        "rolls",
        "piano",
    ):
        for path in (folder / name).glob("*.mid"):
            assert path.read_bytes().startswith(b"MThd")
        assert list((folder / name).glob("*.mid"))


@pytest.mark.slow
def test_every_command_of_music_vae_runs(vae_folder):
    assert len(commands("MusicVAE: commands")) == 8
    for command in commands("MusicVAE: commands"):
        run(command)
        gin.clear_config()
    for name in ("mel_2bar", "from_vae_run"):
        bundle_id = magenta_lite.load_bundle(f"{name}.mag").bundle_id
        assert bundle_id == "cat-mel_2bar_small"
    for name, count in (("samples", 5), ("steps", 9), ("again", 1)):
        paths = list((vae_folder / name).glob("*.mid"))
        assert len(paths) == count
        for path in paths:
            assert path.read_bytes().startswith(b"MThd")


@pytest.mark.slow
def test_every_line_of_python_runs(folder, monkeypatch):
    path = folder / "attention_rnn.mag"
    monkeypatch.setattr(bundles, "download", lambda name: path)
    assert "attention_rnn" in published.PUBLISHED
    options = generator_pb2.GeneratorOptions()
    options.generate_sections.add(start_time=5, end_time=6)
    names = {
        "bundles": bundles,
        "generator_options": options,
        "inputs": tf.constant(np.zeros([1, 74], np.float32)),
        "magenta_lite": magenta_lite,
        "midi": midi,
        "write_bundle": write_bundle,
    }
    for line in python_lines("Python"):
        exec(line, names)
    assert names["logits"].shape == (1, 40)
    assert len(names["events"]) >= 1
    assert (folder / "new.mid").exists()
    copy = magenta_lite.load_bundle("copy.mag")
    assert (copy.bundle_id, copy.description) == ("attention_rnn", "a copy")


@pytest.mark.slow
def test_every_line_of_python_of_music_vae_runs(vae_folder):
    names = {"magenta_lite": magenta_lite, "Settings": Settings}
    for line in python_lines("MusicVAE: Python"):
        exec(line, names)
    assert [len(names[name]) for name in ("tunes", "alike")] == [4, 4]
    assert len(names["again"]) == 2
    assert len(names["steps"]) == 9
    assert names["mu"].shape == (len(names["clips"]), 3)
    assert names["events"].shape == (len(names["clips"]), 32)


def test_every_configuration_of_music_vae_is_a_recipe():
    listed = [
        name
        for theirs, _ in rows("MusicVAE: configurations")
        for name in code(theirs)
    ]
    assert len(listed) == 23
    assert set(listed) == set(VAE_KINDS)
    folder = ROOT / "gin" / "recipes" / "music_vae"
    for name in listed:
        assert (folder / f"{name}.gin").exists(), name


@pytest.mark.parametrize("title", ["Flags", "MusicVAE: flags"])
def test_every_flag_exists(title):
    known = set()
    for name in (
        "train",
        "evaluate",
        "export",
        "generate",
        "inspect_bundle",
        "prepare",
    ):
        known |= flags_of(name)
    known |= {"verbosity"}  # absl's own
    for theirs, ours, *_ in rows(title):
        cell = theirs if ours == "the same" else ours
        flags = [word[2:] for word in code(cell) if word.startswith("--")]
        assert flags or not ours or "gin file" in ours or "bin/" in ours
        assert set(flags) <= known, set(flags) - known


def test_every_hyper_parameter_exists():
    from magenta_lite.cli import config

    for recipe in ("melody_rnn/lookback_rnn", "pianoroll_rnn_nade/rnn-nade"):
        config.parse([f"recipes/{recipe}.gin"], entry="train")
        for _, ours in rows("Hyper-parameters"):
            for name in code(ours):
                if name.startswith("Pianoroll") != ("nade" in recipe):
                    continue
                target = name if "." in name else f"%{name}"
                gin.query_parameter(target)
        gin.clear_config()


def test_every_hyper_parameter_of_music_vae_exists():
    from magenta_lite.cli import config

    names = [
        name
        for _, ours in rows("MusicVAE: hyper-parameters")
        for name in code(ours)
    ]
    assert len(names) >= 15
    config.parse(["recipes/music_vae/cat-mel_2bar_small.gin"], entry="train")
    for name in names:
        gin.query_parameter(name if "." in name else f"%{name}")
    gin.clear_config()
