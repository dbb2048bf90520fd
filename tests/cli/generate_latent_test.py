"""bin/generate.py with models that have a latent space, of every family."""

import functools
import re

import keras
import matplotlib.image
import pytest
from cli_fixture import run_command
from configured import recipe_parts
from latent_fakes import ExactModel
from toy_bundles import toy_bundle

from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.cli import generate, model_source, music_files
from magenta_lite.cli.latent_request import Step
from magenta_lite.codecs.melody_clips import MelodyClipCodec
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError
from magenta_lite.models.music_vae import MusicVae
from magenta_lite.notes import midi, plot_steps
from magenta_lite.notes.proto import NoteSequence

MELODY = "cat-mel_2bar_small"
DRUMS = "cat-drums_2bar_small"
HUMANIZE = "groovae_2bar_humanize"
TAP = "groovae_2bar_tap_fixed_velocity"
CHORDS = "cat-mel_2bar_med_chords"
SIZES = {
    "hier-trio_16bar": {
        "decoder_lengths": (16, 16),
        "encoder_lengths": (16, 16),
        "separate_parts": True,
    },
    "hier-multiperf_vel_1bar_med": {
        "decoder_lengths": (8, 64),
        "encoder_lengths": (64, 8),
    },
}


def add_notes(sequence, pitches, step_seconds, **fields):
    for step, pitch in enumerate(pitches):
        if pitch is not None:
            sequence.notes.add(
                pitch=pitch,
                velocity=80,
                start_time=step * step_seconds,
                end_time=(step + 1) * step_seconds,
                **fields,
            )
            sequence.total_time = (step + 1) * step_seconds


def piece(num_bars, *parts):
    """At 120 qpm; of each part the pitches of a bar in equal steps, repeated.

    A part is (pitches, fields of its notes).
    """
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=120)
    for pitches, fields in parts:
        add_notes(sequence, pitches * num_bars, 2 / len(pitches), **fields)
    return sequence


TUNE = ([60, 62, 64, 67, 64, 62, 60, 55], {})
OTHER = ([72, 71, 69, 67], {})
BASS = ([36, 43], {"instrument": 1, "program": 33})
KIT = ([36, 42, 38, 42], {"instrument": 9, "is_drum": True})


@pytest.fixture
def files(tmp_path):
    """Files of music by name."""
    pieces = {
        "tune": piece(2, TUNE),
        "other": piece(2, OTHER),
        "long": piece(2, ([60, 62], {}), (([None] * 4) + [65, 67], {})),
        "short": piece(1, ([60, None, None, None], {})),
        "drums": piece(2, KIT),
        "trio": piece(16, TUNE, BASS, KIT),
        "empty": NoteSequence(ticks_per_quarter=220),
    }
    add_notes(pieces["long"], [60 + i for i in range(12)], 1.0)
    for name, sequence in pieces.items():
        midi.write_midi(sequence, tmp_path / f"{name}.mid")
    return {name: tmp_path / f"{name}.mid" for name in pieces}


@pytest.fixture(scope="module")
def bundle_of(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")

    @functools.cache
    def make(recipe):
        path = folder / f"{recipe}.mag"
        if recipe == "melody_rnn":
            return toy_bundle(path, recipe)
        codec, encoding = recipe_parts(recipe)
        keras.utils.set_random_seed(0)
        model = MusicVae(
            encoding,
            z_size=3,
            encoder_units=(4,),
            decoder_units=(5,),
            **SIZES.get(recipe, {}),
        )
        write_bundle(path, model=model, codec=codec, bundle_id=recipe)
        return path

    return make


@pytest.fixture
def play(bundle_of, tmp_path):
    """Runs the command; the files that it wrote, sorted."""
    number = iter(range(100))

    def make(recipe, *arguments):
        output_dir = tmp_path / f"out{next(number)}"
        status = run_command(
            generate,
            f"--bundle_file={bundle_of(recipe)}",
            f"--output_dir={output_dir}",
            "--seed=3",
            *arguments,
        )
        assert status == 0
        return sorted(output_dir.iterdir())

    return make


@pytest.fixture
def exact(monkeypatch):
    """Puts a model that forgets nothing in the place of every bundle's."""
    codec = MelodyClipCodec(num_bars=2, programs=None)
    model = ExactModel(OneHotEncoding(codec.num_events), codec.num_clip_events)
    loaded = model_source.LoadedModel(model, codec, "exact", "", {})
    monkeypatch.setattr(model_source, "load", lambda flag_values: loaded)


def pitches_of(path):
    return [note.pitch for note in midi.read_midi(path).notes]


def test_an_interpolation_with_its_picture(exact, play, files, capsys):
    paths = play(
        MELODY,
        "--mode=interpolate",
        f"--input_midi_1={files['tune']}",
        f"--input_midi_2={files['other']}",
        "--formats=mid,png",
        "--temperature=0",
        "--path=lerp",
    )
    music = [path for path in paths if path.suffix == ".mid"]
    assert len(music) == 5
    assert pitches_of(music[0]) == TUNE[0] * 2
    assert pitches_of(music[-1]) == OTHER[0] * 2
    assert len({tuple(pitches_of(path)) for path in music}) == 5
    (steps,) = [path for path in paths if path.name.endswith("_steps.png")]
    height, width = matplotlib.image.imread(steps).shape[:2]
    assert height > 1000 and width == 1430  # seven rows
    assert str(steps) in capsys.readouterr().out


def test_the_part_of_a_longer_piece_can_be_chosen(exact, play, files, capsys):
    def played(*arguments):
        (path,) = play(
            MELODY,
            "--mode=reconstruct",
            f"--input_midi_1={files['long']}",
            "--formats=mid",
            "--temperature=0",
            *arguments,
        )
        return pitches_of(path)

    first = played()
    assert "long.mid: clip 1 of " in capsys.readouterr().out
    assert played("--clip_1=2") != first
    with pytest.raises(UserError, match=r"--clip_1 is 99; long.mid holds \d+"):
        played("--clip_1=99")


def test_relatives_and_attributes(exact, play, files):
    arguments = [f"--input_midi_1={files['tune']}", "--formats=mid"]
    near = play(MELODY, "--mode=similar", *arguments, "--strength=0.2")
    assert len(near) == 5
    assert len({tuple(pitches_of(path)) for path in near}) > 1
    (moved,) = play(
        MELODY,
        "--mode=attribute",
        *arguments,
        f"--having={files['other']}",
        f"--lacking={files['other']}",
        "--temperature=0",
    )
    assert pitches_of(moved) == TUNE[0] * 2  # nothing is the difference


def test_samples_without_a_mode_too(play):
    for arguments in ([], ["--mode=sample"]):
        paths = play(MELODY, "--formats=mid", *arguments)
        assert len(paths) == 5
    contents = [path.read_bytes() for path in paths]
    again = play(MELODY, "--formats=mid", "--num_outputs=5", "--temperature=.5")
    assert [path.read_bytes() for path in again] == contents


def test_a_whole_beat_is_humanized(play, files):
    (path,) = play(
        HUMANIZE,
        "--mode=humanize",
        f"--input_midi_1={files['trio']}",
        "--formats=mid",
    )
    made = midi.read_midi(path)
    assert all(note.is_drum for note in made.notes)
    assert made.total_time > 16  # more than eight of sixteen bars
    (path,) = play(
        TAP, "--mode=tap", f"--input_midi_1={files['tune']}", "--formats=mid"
    )
    assert all(note.is_drum for note in midi.read_midi(path).notes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "file"),
    [
        (MELODY, "tune"),
        (DRUMS, "drums"),
        ("nade-drums_2bar_reduced", "drums"),
        ("hier-trio_16bar", "trio"),
        ("hier-multiperf_vel_1bar_med", "trio"),
        (HUMANIZE, "drums"),
        ("groovae_2bar_hits_control_tfds", "drums"),
    ],
)
def test_every_family_and_mode(play, files, recipe, file):
    inputs = [f"--input_midi_{i}={files[file]}" for i in (1, 2)]
    few = ["--formats=mid", "--num_outputs=2"]
    assert len(play(recipe, "--mode=sample", *few)) == 2
    assert len(play(recipe, "--mode=interpolate", *inputs, *few)) == 2
    for mode in ("reconstruct", "similar"):
        assert len(play(recipe, f"--mode={mode}", inputs[0], *few)) == 2


@pytest.mark.slow
def test_chords_over_several_clips_of_one_vector(play):
    (path,) = play(
        CHORDS,
        "--mode=sample",
        "--num_outputs=1",
        "--backing_chords=C G Am F",
        "--render_chords",
        "--formats=mid",
    )
    chords = {}
    for note in midi.read_midi(path).notes:
        if note.program == 88:
            chords.setdefault(round(note.start_time), set()).add(
                note.pitch % 12
            )
    assert chords == {0: {0, 4, 7}, 2: {7, 11, 2}, 4: {9, 0, 4}, 6: {5, 9, 0}}


@pytest.mark.parametrize(
    ("recipe", "arguments", "message"),
    [
        (MELODY, ["--mode=interpolate", "1=tune"], "--input_midi_2"),
        (MELODY, ["1=tune"], "--input_midi_1 goes with --mode"),
        (MELODY, ["--mode=sample", "1=tune"], "takes no --input_midi_1"),
        (MELODY, ["--mode=reconstruct", "1=empty"], "empty.mid holds no notes"),
        (MELODY, ["--mode=reconstruct", "1=drums"], "a melody, not drums"),
        (MELODY, ["--mode=reconstruct", "1=short"], "at least 2 bars in 4/4"),
        (DRUMS, ["--mode=reconstruct", "1=tune"], "MIDI channel 10"),
        (MELODY, ["--mode=humanize", "1=tune"], "models of performed drums"),
        (HUMANIZE, ["--mode=tap", "1=drums"], "not trained on tapped rhythms"),
        (MELODY, ["--primer_melody=[60]"], "leave out --primer_melody"),
        (
            MELODY,
            ["--mode=reconstruct", "--primer_melody=[60]", "1=tune"],
            "give --input_midi_1",
        ),
        (MELODY, ["--beam_size=3"], "beam search"),
        (MELODY, ["--backing_chords=C"], "--backing_chords is for"),
        (MELODY, ["--mode=similar", "1=tune", "--strength=7"], "use 0 to 1"),
        (MELODY, ["--mode=attribute", "1=tune"], "--having"),
        ("melody_rnn", ["--mode=sample"], "leave out --mode"),
    ],
)
def test_bad_requests_are_one_line_and_leave_nothing(
    play, files, recipe, arguments, message, tmp_path
):
    named = [
        f"--input_midi_{a[0]}={files[a[2:]]}" if a[1:2] == "=" else a
        for a in arguments
    ]
    before = set(tmp_path.iterdir())
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        play(recipe, "--formats=mid", *named)
    assert "\n" not in str(caught.value)
    assert set(tmp_path.iterdir()) == before


def test_the_picture_of_many_steps_leaves_some_out(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        plot_steps, "draw_steps", lambda *arguments: drawn.append(arguments)
    )
    steps = [Step(str(i), NoteSequence()) for i in range(127)]
    path = music_files.write_steps(steps, tmp_path / "now_001", "many")
    assert path.name == "now_steps.png"
    ((_, titles, _, _),) = drawn
    assert titles == [str(2 * i) for i in range(64)]
