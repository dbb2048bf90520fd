"""Every flag of bin/generate.py does what it says, with its own family."""

import functools

import pytest
from cli_fixture import run_command
from toy_bundles import toy_bundle

from magenta_lite.cli import generate
from magenta_lite.errors import UserError
from magenta_lite.notes import midi
from magenta_lite.notes.proto import NoteSequence

_HIHATS = {42, 44, 54, 68, 69, 70, 71, 73, 78, 80, 22}
_LEAD_SHEET = """<?xml version="1.0"?><score-partwise version="3.1"><part-list>
<score-part id="P1"><part-name>song</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes>
<harmony><root><root-step>F</root-step></root><kind>major</kind></harmony>
<note><pitch><step>A</step><octave>4</octave></pitch><duration>2</duration>
</note><harmony><root><root-step>B</root-step><root-alter>-1</root-alter></root>
<kind>minor</kind></harmony><note><rest/><duration>2</duration></note>
</measure></part></score-partwise>"""


@pytest.fixture(scope="module")
def bundle_of(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")

    @functools.cache
    def make(family):
        return toy_bundle(folder / f"{family}.mag", family)

    return make


@pytest.fixture
def play(bundle_of, tmp_path):
    """What a family makes of some flags, as a NoteSequence."""
    number = iter(range(100))

    def make(family, *arguments):
        output_dir = tmp_path / f"out{next(number)}"
        status = run_command(
            generate,
            f"--bundle_file={bundle_of(family)}",
            f"--output_dir={output_dir}",
            "--formats=mid",
            "--num_outputs=1",
            "--seed=3",
            *arguments,
        )
        assert status == 0
        (path,) = output_dir.iterdir()
        return midi.read_midi(path)

    return make


def steps(sequence, rate=8.0):
    """Notes (start, end, pitch) in steps; 8 a second are sixteenths."""
    return sorted(
        (round(n.start_time * rate, 1), round(n.end_time * rate, 1), n.pitch)
        for n in sequence.notes
    )


def chord_notes(sequence):
    """Pitch classes of rendered chords by (start, end), in sixteenths."""
    found = {}
    for note in sequence.notes:
        if note.program == 88:
            key = (round(note.start_time * 8), round(note.end_time * 8))
            found.setdefault(key, set()).add(note.pitch % 12)
    return found


def test_chords_that_back_a_melody_sound_as_asked(play):
    made = play(
        "improv_rnn",
        "--backing_chords=C G7 Am/E",
        "--steps_per_chord=8",
        "--render_chords",
        "--primer_melody=[60, -2, 64, -2]",
    )
    assert chord_notes(made) == {
        (0, 8): {0, 4, 7},
        (8, 16): {7, 11, 2, 5},
        (16, 24): {9, 0, 4},
    }
    melody = [n for n in made.notes if n.program != 88]
    assert [n.pitch for n in melody[:2]] == [60, 64]
    assert made.total_time == pytest.approx(3.0, abs=0.01)


def test_chords_start_again_in_longer_music(play):
    made = play(
        "chord_pitches_improv",
        "--backing_chords=Csus4 D",
        "--steps_per_chord=6",
        "--num_steps=20",
        "--render_chords",
    )
    assert chord_notes(made) == {
        (0, 6): {0, 5, 7},
        (6, 12): {2, 6, 9},
        (12, 18): {0, 5, 7},
        (18, 20): {2, 6, 9},
    }


def test_chords_of_a_primer_file_are_taken(play, tmp_path):
    (tmp_path / "song.musicxml").write_text(_LEAD_SHEET)
    arguments = (
        f"--primer_midi={tmp_path / 'song.musicxml'}",
        "--num_steps=24",
        "--render_chords",
    )
    made = play("improv_rnn", *arguments)
    assert chord_notes(made) == {(0, 8): {5, 9, 0}, (8, 24): {10, 1, 5}}
    assert steps(made)[0][0] == 0 and 69 in {n.pitch for n in made.notes}
    other = play("improv_rnn", *arguments, "--backing_chords=C")
    assert chord_notes(other) == {(0, 24): {0, 4, 7}}


def test_without_chords_magentas_own_are_played(play):
    made = play("improv_rnn", "--render_chords", "--num_steps=16")
    assert list(chord_notes(made).values()) == [
        {0, 4, 7},
        {7, 11, 2},
        {9, 0, 4},
        {5, 9, 0},
        {0, 4, 7},
        {7, 11, 2},
        {5, 9, 0},
        {0, 4, 7},
    ]


@pytest.mark.parametrize(
    ("family", "arguments", "message"),
    [
        ("improv_rnn", ["--backing_chords=C H7"], "--backing_chords: 'H7' is"),
        ("improv_rnn", ["--backing_chords=C Gsus4"], "Gsus4 is no triad"),
        ("improv_rnn", ["--steps_per_chord=999999999"], None),
        (
            "improv_rnn",
            ["--backing_chords=C", "--steps_per_chord=999999999"],
            "num_steps is 999999999; use at most",
        ),
        (
            "melody_rnn",
            ["--backing_chords=C"],
            "--backing_chords is for Improv",
        ),
        ("melody_rnn", ["--render_chords"], "--render_chords is for Improv"),
        ("melody_rnn", ["--notes_per_second=3"], "is for density-conditioned"),
        ("melody_rnn", ["--drum_classes=36"], "drum_classes are for models of"),
        ("melody_rnn", ["--primer_drums=[(36,)]"], "It is for Drums RNN"),
        (
            "melody_rnn",
            ["--inject_primer_during_generation"],
            "only Polyphony RNN injects",
        ),
        ("drums_rnn", ["--scale=C major"], "are for models of pitches"),
        (
            "multiconditioned",
            ["--pitch_class_histogram=[1, 2]"],
            "pitch_class_histogram is",
        ),
        ("multiconditioned", ["--notes_per_second=-3"], "notes_per_second is"),
        ("multiconditioned", ["--notes_per_second=fast"], "neither a number"),
        ("multiconditioned", ["--disable_conditioning=2"], "use True or False"),
    ],
)
def test_flags_of_other_families_and_bad_values(
    play, family, arguments, message
):
    if message is None:  # of no chords: nothing to be long
        play(family, *arguments, "--num_steps=4")
        return
    with pytest.raises(UserError, match=message) as error:
        play(family, *arguments)
    assert "\n" not in str(error.value)


def test_drums_continue_drums_with_allowed_classes_alone(play):
    made = play(
        "drums_rnn",
        "--primer_drums=[(36, 42), (), (38,), ()]",
        "--drum_classes=44",
        "--num_steps=24",
    )
    hits = steps(made)
    assert [(s, p) for s, _, p in hits if s < 4] == [(0, 36), (0, 42), (2, 38)]
    new = {p for s, _, p in hits if s >= 4}
    assert new and new <= _HIHATS


@pytest.mark.parametrize(
    ("family", "rate"),
    [("polyphony_rnn", 8), ("pianoroll_rnn_nade", 8), ("performance_rnn", 100)],
)
def test_a_chord_of_pitches_is_continued(play, family, rate):
    made = play(
        family, "--primer_pitches=[60, 64, 67]", f"--num_steps={8 * rate}"
    )
    first = {p for start, _, p in steps(made, rate) if start == 0}
    assert {60, 64, 67} <= first
    assert made.total_time <= 8.01


def test_a_piano_roll_is_continued(play):
    made = play(
        "pianoroll_rnn_nade",
        "--primer_pianoroll=[(55,), (55, 60), ()]",
        "--num_steps=12",
    )
    early = [note for note in steps(made) if note[0] < 3]
    assert early == [(0, 2, 55), (1, 2, 60)]


def test_polyphony_works_a_melody_in_or_continues_it(play):
    melody = "--primer_melody=[60, -2, 62, -2]"
    worked_in = play("polyphony_rnn", melody, "--num_steps=8")
    assert {(0.0, 60), (2.0, 62)} <= {(s, p) for s, _, p in steps(worked_in)}
    continued = play(
        "polyphony_rnn",
        melody,
        "--noinject_primer_during_generation",
        "--condition_on_primer",
        "--num_steps=8",
    )
    early = [(s, p) for s, _, p in steps(continued) if s < 4]
    assert early == [(0.0, 60), (2.0, 62)]
    # A chord that is worked in instead of continued leaves room for others.
    pitches = play(
        "polyphony_rnn",
        "--primer_pitches=[60, 64]",
        "--inject_primer_during_generation",
        "--nocondition_on_primer",
        "--num_steps=8",
    )
    assert (0.0, 64) in {(s, p) for s, _, p in steps(pitches)}


def test_performances_continue_a_melody_in_seconds(play):
    made = play(
        "performance_rnn",
        "--primer_melody=[60, -2, 62, -2]",
        "--num_steps=200",
    )
    early = [n for n in steps(made, 100) if n[0] < 50]
    assert early[:2] == [(0, 25, 60), (25, 50, 62)]


def test_controls_change_the_music_while_they_hold(play):
    def notes(*arguments):
        made = play("multiconditioned", "--num_steps=400", *arguments)
        return sorted((n.start_time, n.pitch, n.velocity) for n in made.notes)

    sparse = notes("--notes_per_second=1")
    dense = notes("--notes_per_second=60")
    rising = notes("--notes_per_second=[1, 60]")
    assert sparse != dense
    # What is asked for in the second half does not change the first.
    early = [note for note in sparse if note[0] < 1.9]
    assert early == [note for note in rising if note[0] < 1.9]
    assert rising != sparse

    whole_tones = "[1,0,1,0,1,0,1,0,1,0,1,0]"
    assert notes(f"--pitch_class_histogram={whole_tones}") != notes()
    off = "--disable_conditioning=True"
    assert notes(off, "--notes_per_second=60") == notes(off)
    half_off = notes("--disable_conditioning=[False, True]")
    assert half_off != notes(off)


@pytest.mark.parametrize(
    ("family", "num_steps"),
    [
        ("melody_rnn", 40),
        ("improv_rnn", 40),
        ("performance_rnn", 300),
        ("note_performance", 300),
        ("polyphony_rnn", 24),
        ("pianoroll_rnn_nade", 8),
    ],
)
def test_new_notes_keep_to_range_and_scale(play, family, num_steps):
    made = play(
        family,
        "--scale=D dorian",
        "--min_pitch=60",
        "--max_pitch=79",
        f"--num_steps={num_steps}",
    )
    pitches = {note.pitch for note in made.notes}
    assert pitches
    assert all(60 <= pitch <= 79 for pitch in pitches)
    assert {pitch % 12 for pitch in pitches} <= {0, 2, 4, 5, 7, 9, 11}


def test_repairs(play):
    raw = play("performance_rnn", "--num_steps=6000")
    assert any(n.end_time - n.start_time > 0.5 for n in raw.notes)

    def lengths(*arguments):
        made = play("performance_rnn", "--num_steps=6000", *arguments)
        return [n.end_time - n.start_time for n in made.notes], made

    short, _ = lengths("--max_note_seconds=0.25")
    assert max(short) <= 0.2501
    unchanged = sorted(n.end_time - n.start_time for n in raw.notes)
    middle = unchanged[len(unchanged) // 2]
    long, _ = lengths(f"--min_note_seconds={middle}")
    assert min(long) >= middle - 0.005 and len(long) < len(raw.notes)
    _, on_grid = lengths("--requantize=2")
    for note in on_grid.notes:
        assert note.start_time * 4 == pytest.approx(
            round(note.start_time * 4), abs=0.02
        )
    held, _ = lengths("--smooth_seconds=0.2", "--min_note_seconds=0.05")
    plain, _ = lengths("--min_note_seconds=0.05")
    assert sum(held) > sum(plain)


def test_lead_sheets_without_notes_are_primers_too(play, tmp_path):
    text = _LEAD_SHEET.replace(
        "<pitch><step>A</step><octave>4</octave></pitch>", "<rest/>"
    )
    (tmp_path / "chords.musicxml").write_text(text)
    made = play(
        "improv_rnn",
        f"--primer_midi={tmp_path / 'chords.musicxml'}",
        "--num_steps=16",
        "--render_chords",
    )
    assert list(chord_notes(made).values()) == [{5, 9, 0}, {10, 1, 5}]


def test_the_tempo_is_the_flags_or_the_primers(play):
    primer = "--primer_melody=[60, -2]"
    made = play("improv_rnn", primer, "--qpm=90", "--num_steps=16")
    assert made.tempos[0].qpm == pytest.approx(90, abs=0.01)
    assert isinstance(made, NoteSequence)
