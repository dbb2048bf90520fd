"""The flags of bin/generate.py that say what music to make."""

from __future__ import annotations

from absl import flags

from magenta_lite.cli import music_files

PRIMERS = {
    "primer_melody": (
        'What to continue, one number for each step: "[60, -2, 60, -2]". -2: '
        "nothing new, -1: the note ends, else a MIDI pitch.",
        "models of melodies, chords or performances",
    ),
    "primer_drums": (
        "Drums to continue, for each step the MIDI pitches that are hit: "
        '"[(36, 42), (), (42,), ()]".',
        "Drums RNN",
    ),
    "primer_pitches": (
        'A chord to continue, a quarter long: "[60, 64, 67]".',
        "Polyphony RNN, Pianoroll RNN-NADE and Performance RNN",
    ),
    "primer_pianoroll": (
        'What to continue, for each step the pitches that sound: "[(55,), '
        '(54,), (55, 53)]".',
        "Pianoroll RNN-NADE and Polyphony RNN",
    ),
}
"""Lists that music continues, with the models that they are for."""

CONTROLS = {
    "backing_chords": (
        'The chords that the melody goes with: "C G Am7/E F". Without '
        "--num_steps the music is as long as they are. If not set, those of "
        "--primer_midi, else C G Am F C G F C.",
        "Improv RNN and MusicVAE with chords",
    ),
    "notes_per_second": (
        "How dense the music is; a list such as [5, 20] is spread over the "
        "time.",
        "density-conditioned Performance RNN",
    ),
    "pitch_class_histogram": (
        "Weights of the twelve pitch classes from C up, e.g. "
        "[2, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1]; a list of such lists is spread "
        "over the time.",
        "pitch-conditioned Performance RNN",
    ),
    "disable_conditioning": (
        "True to ignore density and histogram; a list such as [True, False] "
        "is spread over the time.",
        "optionally conditioned Performance RNN",
    ),
}
"""What some models can be told, with the models that listen."""


def define(flag_values: flags.FlagValues) -> None:
    """Defines them all."""
    _define_files(flag_values)
    _define_conditions(flag_values)
    _define_settings(flag_values)
    _define_repairs(flag_values)


def _define_files(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "output_dir",
        None,
        "Where the music is written; made if missing. Nothing there is "
        "overwritten.",
        flag_values=flag_values,
    )
    flags.DEFINE_list(
        "formats",
        list(music_files.FORMATS),
        "What to write: mid (MIDI), wav (sound), png (piano roll).",
        flag_values=flag_values,
    )
    for name, (text, models) in PRIMERS.items():
        flags.DEFINE_string(
            name, "", f"{text} For {models}.", flag_values=flag_values
        )
    flags.DEFINE_string(
        "primer_midi",
        "",
        "What to continue: a MIDI file (or MusicXML, ABC). Without a primer "
        "the music starts with a middle C, a bass drum, or nothing.",
        flag_values=flag_values,
    )


def _define_conditions(flag_values: flags.FlagValues) -> None:
    for name, (text, models) in CONTROLS.items():
        flags.DEFINE_string(
            name, "", f"{text} For {models}.", flag_values=flag_values
        )
    flags.DEFINE_integer(
        "steps_per_chord",
        None,
        "How many steps each of --backing_chords lasts; a bar if not set.",
        lower_bound=1,
        flag_values=flag_values,
    )
    for name, text in (
        (
            "condition_on_primer",
            "Whether the music starts with the primer; if not set, unless it "
            "is injected.",
        ),
        (
            "inject_primer_during_generation",
            "Whether the primer sounds within the music as it is made. For "
            "Polyphony RNN, which injects a --primer_melody if this is not "
            "set.",
        ),
    ):
        flags.DEFINE_boolean(name, None, text, flag_values=flag_values)
    for name, text in (
        ("min_pitch", "Lowest MIDI pitch of new notes."),
        ("max_pitch", "Highest MIDI pitch of new notes."),
    ):
        flags.DEFINE_integer(name, None, text, flag_values=flag_values)
    flags.DEFINE_string(
        "scale",
        "",
        'New notes come from this scale only: "C major", "F# dorian", or '
        'pitch classes: "[0, 2, 4, 7, 9]".',
        flag_values=flag_values,
    )
    flags.DEFINE_list(
        "drum_classes",
        [],
        "New hits are of the classes of these MIDI pitches only, e.g. "
        "36,38,42. For Drums RNN.",
        flag_values=flag_values,
    )


def _define_settings(flag_values: flags.FlagValues) -> None:
    for name, default, text in (
        (
            "num_outputs",
            None,
            "How many pieces to make; 10 if not set. For models with a latent "
            "space 5, and 1 where a clip or beat is given back.",
        ),
        (
            "num_steps",
            None,
            "Length of each piece in the model's time steps, primer included: "
            "128 sixteenths, or 3000 hundredths of a second for performances; "
            "or as long as --backing_chords.",
        ),
        ("top_k", 0, "Draw from this many of the likeliest events; 0: all."),
        (
            "beam_size",
            1,
            "Keep this many candidates of each piece (beam search). At "
            "--temperature=0 the search is deterministic.",
        ),
        ("branch_factor", 1, "How many times each candidate is copied."),
        ("steps_per_iteration", 1, "Steps between selections of candidates."),
        (
            "seed",
            None,
            "The same seed makes the same music; a random one if not set.",
        ),
    ):
        flags.DEFINE_integer(name, default, text, flag_values=flag_values)
    for name, number, text in (
        ("qpm", None, "Tempo in quarters a minute; the primer's, else 120."),
        (
            "temperature",
            None,
            "Above 1 more random, below 1 less, 0 always the likeliest event. "
            "If not set 1, and 0.5 for models with a latent space.",
        ),
        (
            "top_p",
            1.0,
            "Draw from the likeliest events that together have this "
            "probability.",
        ),
    ):
        flags.DEFINE_float(name, number, text, flag_values=flag_values)


def _define_repairs(flag_values: flags.FlagValues) -> None:
    flags.DEFINE_boolean(
        "render_chords",
        False,
        "Whether the chords sound, too.",
        flag_values=flag_values,
    )
    for name, default, text in (
        (
            "max_note_seconds",
            None,
            "Longer notes are taken for stuck ones and end after that long.",
        ),
        ("min_note_seconds", 0.0, "Shorter notes are left out."),
        (
            "smooth_seconds",
            0.0,
            "Notes are held through gaps of at most this length.",
        ),
    ):
        flags.DEFINE_float(
            name, default, text, lower_bound=0, flag_values=flag_values
        )
    flags.DEFINE_integer(
        "requantize",
        None,
        "Moves notes to a grid of so many steps a quarter.",
        lower_bound=1,
        flag_values=flag_values,
    )
