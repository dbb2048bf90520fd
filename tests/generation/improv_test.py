"""Chords reach a model by every door: words, protos, symbols over a primer."""

import pytest
from toy_bundles import toy_model

from magenta_lite import chord_fields
from magenta_lite.errors import UserError
from magenta_lite.generation.conditions import Conditions
from magenta_lite.generation.generator import Generator
from magenta_lite.notes.proto import NoteSequence, generator_pb2


@pytest.fixture(scope="module")
def generator():
    codec, model = toy_model("improv_rnn")
    return Generator(model, codec, jit_compile=False)


def primer(*symbols):
    """Middle C for a beat at 120 qpm under symbols (seconds, text)."""
    sequence = NoteSequence(total_time=0.5)
    sequence.tempos.add(qpm=120)
    sequence.notes.add(pitch=60, velocity=80, start_time=0, end_time=0.5)
    for time, text in symbols:
        sequence.text_annotations.add(time=time, text=text, annotation_type=1)
    return sequence


def chords_of(sequence):
    return [(a.time, a.text) for a in sequence.text_annotations]


def test_chords_in_words_are_spread_over_the_music(generator):
    conditions = Conditions({"backing_chords": "C Am7 N.C. G/B"})
    made = generator.compose(primer(), 32, conditions=conditions)[0]
    assert chords_of(made.sequence) == [
        (0.0, "C"),
        (1.0, "Am7"),
        (2.0, "N.C."),
        (3.0, "G/B"),
    ]
    root = 1 + chord_fields.ROOT
    assert made.events[::8, root].tolist() == [1, 10, 0, 8]


def test_symbols_behind_a_primer_count(generator):
    sequence = primer((0.0, "F"), (1.0, "Bb"), (3.0, "C7"))
    (made,) = generator.generate(sequence, 32)
    assert chords_of(made) == [(0.0, "F"), (1.0, "Bb"), (3.0, "C7")]
    words = Conditions({"backing_chords": "Dm"})
    (made,) = generator.generate(sequence, 32, conditions=words)
    assert chords_of(made) == [(0.0, "Dm")]


def test_options_of_a_proto(generator):
    """As the original: symbols in the input, from its start to the end."""
    options = generator_pb2.GeneratorOptions()
    options.input_sections.add(start_time=0, end_time=0.5)
    options.generate_sections.add(start_time=1.0, end_time=4.0)
    sequence = primer((0.0, "F"), (2.0, "C7"), (3.5, "F"))
    made = generator.generate_from_options(sequence, options)
    assert chords_of(made) == [(0.0, "F"), (2.0, "C7"), (3.5, "F")]
    options.args["backing_chords"].string_value = "G D"
    made = generator.generate_from_options(sequence, options)
    assert chords_of(made) == [(0.0, "G"), (2.0, "D")]
    options.args["backing_chords"].string_value = "G Dsus4"
    with pytest.raises(UserError, match="Dsus4 is no triad"):
        generator.generate_from_options(sequence, options)


def test_chords_change_the_melody(generator):
    """The same seed over other chords."""
    one, other = (
        generator.compose(
            primer(), 64, conditions=Conditions({"backing_chords": chords})
        )[0].events[:, 0]
        for chords in ("C", "F# Bdim")
    )
    assert one.tolist() != other.tolist()
