import pathlib
import re
import subprocess
import sys
import time
import wave

import keras
import pytest
from cli_fixture import run_command

from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.cli import generate, generate_request, music_files
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError
from magenta_lite.models.event_rnn import EventRnn
from magenta_lite.notes import midi
from magenta_lite.notes.proto import NoteSequence

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRIMER = "--primer_melody=[60, -2, 62, -2]"


@pytest.fixture(scope="module")
def bundle_file(tmp_path_factory):
    keras.utils.set_random_seed(0)
    codec = MelodyCodec()
    model = EventRnn(OneHotEncoding(codec.num_events), units=(5,))
    path = tmp_path_factory.mktemp("bundles") / "toy.mag"
    write_bundle(path, model=model, codec=codec, bundle_id="toy_rnn")
    return path


def play(bundle_file, output_dir, *arguments):
    """The files that a command wrote, sorted."""
    status = run_command(
        generate,
        f"--bundle_file={bundle_file}",
        f"--output_dir={output_dir}",
        *arguments,
    )
    assert status == 0
    return sorted(output_dir.iterdir())


def music_of(path):
    return [
        (n.pitch, round(n.start_time * 8, 2), round(n.end_time * 8, 2))
        for n in midi.read_midi(path).notes
    ]


def test_midi_wav_and_png_of_every_output(bundle_file, tmp_path, capsys):
    output_dir = tmp_path / "a" / "b"
    paths = play(
        bundle_file, output_dir, "--num_outputs=2", "--num_steps=24", PRIMER
    )
    names = [path.name for path in paths]
    stamp = names[0].rsplit("_", 1)[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d{6}", stamp)
    assert names == [
        f"{stamp}_{i}.{suffix}"
        for i in (1, 2)
        for suffix in ("mid", "png", "wav")
    ]
    printed = capsys.readouterr().out
    assert all(str(path) in printed for path in paths)
    assert re.search(r"seed: \d+", printed)
    assert music_of(paths[0])[:2] == [(60, 0, 2), (62, 2, 4)]
    assert music_of(paths[0])[-1][2] <= 24
    assert paths[1].read_bytes().startswith(b"\x89PNG")
    with wave.open(str(paths[2])) as sound:
        assert sound.getnframes() > sound.getframerate()


def test_the_same_seed_writes_the_same_music(bundle_file, tmp_path):
    arguments = ["--formats=mid", "--num_outputs=3", "--num_steps=64"]
    one, other, third = (
        [
            path.read_bytes()
            for path in play(
                bundle_file, tmp_path / str(i), *arguments, f"--seed={seed}"
            )
        ]
        for i, seed in enumerate((7, 7, 8))
    )
    assert one == other
    assert len(set(one + third)) == 6


def test_without_a_seed_a_new_one_is_drawn_and_told(
    bundle_file, tmp_path, capsys
):
    arguments = ["--formats=mid", "--num_outputs=1"]
    first = play(bundle_file, tmp_path / "1", *arguments)
    seed = re.search(r"seed: (\d+)", capsys.readouterr().out).group(1)
    again = play(bundle_file, tmp_path / "2", *arguments, f"--seed={seed}")
    other = play(bundle_file, tmp_path / "3", *arguments)
    assert first[0].read_bytes() == again[0].read_bytes()
    assert first[0].read_bytes() != other[0].read_bytes()


def test_nothing_is_overwritten_within_a_second(
    bundle_file, tmp_path, monkeypatch
):
    monkeypatch.setattr(time, "strftime", lambda _: "2026-01-02_030405")
    arguments = ["--formats=mid", "--num_outputs=10", "--seed=1"]
    first = play(bundle_file, tmp_path, *arguments)
    assert first[0].name == "2026-01-02_030405_01.mid"
    content = first[0].read_bytes()
    both = play(bundle_file, tmp_path, *arguments, "--seed=2")
    assert len(both) == 20
    assert first[0].read_bytes() == content


def test_two_commands_at_once_get_other_names(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda _: "2026-01-02_030405")
    with (
        music_files.reserved_stems(tmp_path, 1) as ours,
        music_files.reserved_stems(tmp_path, 1) as theirs,
    ):
        assert ours != theirs
    assert not list(tmp_path.iterdir())


def test_a_midi_primer_gives_notes_and_tempo(bundle_file, tmp_path):
    primer = NoteSequence(ticks_per_quarter=220)
    primer.tempos.add(qpm=100)
    primer.notes.add(pitch=70, velocity=90, start_time=0, end_time=0.6)
    primer.notes.add(pitch=72, velocity=90, start_time=0.6, end_time=0.9)
    primer.total_time = 0.9
    midi.write_midi(primer, tmp_path / "primer.mid")
    arguments = ["--formats=mid", "--num_outputs=1", "--num_steps=32"]
    (path,) = play(
        bundle_file,
        tmp_path / "out",
        f"--primer_midi={tmp_path / 'primer.mid'}",
        *arguments,
    )
    made = midi.read_midi(path)
    assert made.tempos[0].qpm == pytest.approx(100, abs=1e-3)
    assert [n.pitch for n in made.notes[:2]] == [70, 72]
    assert made.notes[0].end_time == pytest.approx(0.6, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--primer_melody=[60, 128]"], "128 at position 1"),
        (["--primer_melody=[60, -3]"], "-3 at position 1"),
        (["--primer_melody=[60, 6.5]"], "6.5"),
        (["--primer_melody=[60,"], "not a list"),
        (["--primer_melody=__import__('os')"], "not a list"),
        (["--primer_melody={}"], "not a list"),
        (["--primer_melody='60'"], "not a list"),
        ([f"--primer_melody={'[' * 5000}"], "not a list"),
        ([f"--primer_melody={'(' * 90}60{')' * 90}", "--num_steps=1"], "steps"),
        ([f"--primer_melody={[60] * 100_001}"], "100001 values"),
        ([PRIMER, "--primer_midi=a.mid"], "either"),
        (["--primer_midi=no.mid"], "no.mid"),
        (["--primer_midi=words.mid"], "words.mid"),
        (["--primer_midi=empty.mid"], "no notes"),
        ([PRIMER, "--num_steps=4"], "lasts 4 steps"),
        (["--num_steps=-1"], "num_steps"),
        (["--num_outputs=0"], "num_outputs"),
        (["--seed=-1"], "seed"),
        (["--temperature=-2"], "temperature"),
        (["--top_p=2"], "top_p"),
        (["--qpm=0"], "qpm"),
        (["--formats=mid,mp3"], "'mp3'"),
        (["--formats="], "names none"),
        (["--output_dir="], "--output_dir"),
        (["--bundle_file="], "--bundle_file"),
        (["--run_dir=x"], "either"),
        (["--bundle_file=no.mag"], "no.mag does not exist"),
        (["--bundle_file=cut.mag"], "truncated"),
        (["--bundle_file=changed.mag"], "changed"),
        (["--bundle_file=words.mid"], "not a generator bundle"),
        (["--bundle_file=", "--run_dir=no_run"], "no_run"),
    ],
)
def test_bad_requests_are_one_line_and_leave_nothing(
    bundle_file, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    data = bundle_file.read_bytes()
    (tmp_path / "cut.mag").write_bytes(data[: len(data) // 2])
    (tmp_path / "changed.mag").write_bytes(data.replace(b"toy", b"boy"))
    (tmp_path / "words.mid").write_text("words")
    midi.write_midi(NoteSequence(ticks_per_quarter=220), "empty.mid")
    before = set(tmp_path.iterdir())
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        play(bundle_file, tmp_path / "out", "--formats=mid", *arguments)
    assert "\n" not in str(caught.value)
    assert set(tmp_path.iterdir()) == before


def test_a_failure_while_writing_leaves_whole_files_only(
    bundle_file, tmp_path, monkeypatch
):
    def full_disk(sequence, path):
        del sequence, path
        raise OSError(28, "No space left on device")

    calls = []
    write_midi = midi.write_midi

    def fails_at_the_second(sequence, path):
        calls.append(path)
        (write_midi if len(calls) < 2 else full_disk)(sequence, path)

    monkeypatch.setattr(midi, "write_midi", fails_at_the_second)
    with pytest.raises(OSError, match="No space"):
        play(bundle_file, tmp_path, "--formats=mid", "--num_outputs=3")
    (kept,) = tmp_path.iterdir()
    assert music_of(kept)[0][0] == 60


def test_a_folder_that_cannot_be_made_is_an_os_error(bundle_file, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        play(bundle_file, tmp_path / "file" / "out", "--formats=mid")


def test_primer_melodies_are_read_as_magenta_wrote_them():
    def parse(text):
        return generate_request.parse_list("primer_melody", text, "[60]")

    assert parse("[60, -2, 60, -2]") == [60, -2, 60, -2]
    assert parse(" (60, -1) ") == [60, -1]
    assert parse("[60]") == parse("60") == [60]
    assert parse("[]") == []


@pytest.mark.slow
def test_the_script_fails_with_one_line_and_status_1(bundle_file, tmp_path):
    cut = tmp_path / "cut.mag"
    cut.write_bytes(bundle_file.read_bytes()[:-100])
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "bin" / "generate.py"),
            f"--bundle_file={cut}",
            f"--output_dir={tmp_path / 'out'}",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    lines = [x for x in done.stderr.splitlines() if "generate: error" in x]
    assert len(lines) == 1 and "truncated" in lines[0]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
