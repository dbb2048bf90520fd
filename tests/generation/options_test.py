import pytest

from magenta_lite.generation import options as options_lib
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.options import (
    Settings,
    first_step,
    last_step,
    read_sections,
    read_settings,
)
from magenta_lite.notes.proto import NoteSequence, generator_pb2


def notes(*spans):
    sequence = NoteSequence(total_time=max((e for _, e in spans), default=0))
    for i, (start, end) in enumerate(spans):
        sequence.notes.add(
            pitch=60 + i, start_time=start, end_time=end, velocity=80
        )
    return sequence


def options(*generate, inputs=(), **args):
    made = generator_pb2.GeneratorOptions()
    for start, end in generate:
        made.generate_sections.add(start_time=start, end_time=end)
    for start, end in inputs:
        made.input_sections.add(start_time=start, end_time=end)
    for name, (kind, value) in args.items():
        setattr(made.args[name], kind, value)
    return made


def test_sections_without_input_section_take_everything():
    sequence = notes((0, 1), (1, 2))
    sections = read_sections(sequence, options((2, 4)))
    assert [n.pitch for n in sections.primer.notes] == [60, 61]
    assert (sections.start, sections.end) == (2, 4)
    assert sections.primer.tempos[0].qpm == 120
    assert not sequence.tempos  # The input is left as it was.


def test_the_input_section_cuts_notes_out():
    sequence = notes((0, 1), (1, 2.5), (2, 3), (3, 4))
    sequence.tempos.add(qpm=90)
    sections = read_sections(sequence, options((5, 6), inputs=[(1, 2.25)]))
    assert [
        (n.pitch, n.start_time, n.end_time) for n in sections.primer.notes
    ] == [
        (61, 1, 2.25),
        (62, 2, 2.25),
    ]
    assert sections.primer.tempos[0].qpm == 90
    assert sections.primer.total_time == 2.25
    assert len(sequence.notes) == 4 and sequence.notes[1].end_time == 2.5


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (options(), "0 generate sections"),
        (options((2, 3), (3, 4)), "2 generate sections"),
        (options((2, 3), inputs=[(0, 1), (1, 2)]), "2 input sections"),
        (options((1.5, 3)), "before the last note ends"),
        (options((3, 3)), "empty"),
        (options((4, 3)), "empty"),
        (options((-1, 3)), "empty"),
        (options((2, float("inf"))), "empty"),
        (options((float("nan"), 3)), "empty"),
        (options((2, 3), inputs=[(1, 1)]), "input section"),
    ],
)
def test_sections_that_make_no_sense_are_named(made, message):
    with pytest.raises(GenerationError, match=message) as caught:
        read_sections(notes((0, 1), (1, 2)), made)
    assert "\n" not in str(caught.value)


def test_args_become_settings_and_unknown_ones_are_ignored():
    made = options(
        (0, 1),
        temperature=("float_value", 0.5),
        beam_size=("int_value", 3),
        branch_factor=("int_value", 2),
        steps_per_iteration=("int_value", 4),
        top_k=("int_value", 5),
        top_p=("float_value", 0.75),
        seed=("int_value", 9),
        num_outputs=("int_value", 7),
        something_else=("string_value", "x"),
    )
    assert read_settings(made) == Settings(0.5, 5, 0.75, 3, 2, 4, 1, 9)
    assert read_settings(options((0, 1))) == Settings()


def test_a_whole_number_passes_for_a_temperature():
    made = options(temperature=("int_value", 2))
    assert read_settings(made).temperature == 2


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("temperature", "string_value", "hot"),
        ("beam_size", "float_value", 2.0),
        ("beam_size", "bool_value", True),
        ("beam_size", "int_value", 0),
    ],
)
def test_args_of_a_wrong_type_or_value_are_named(name, kind, value):
    with pytest.raises(GenerationError, match=name):
        read_settings(options(**{name: (kind, value)}))


@pytest.mark.parametrize(
    "arguments",
    [
        {"beam_size": 0},
        {"branch_factor": 0},
        {"steps_per_iteration": 0},
        {"num_outputs": 0},
        {"num_outputs": 10**6},
        {"seed": -1},
        {"seed": 2**31},
    ],
)
def test_settings_out_of_range_are_named(arguments):
    with pytest.raises(GenerationError, match=next(iter(arguments))):
        Settings(**arguments)


def test_steps_round_up_at_the_start_and_down_at_the_end():
    assert [first_step(s, 8) for s in (0, 0.1, 0.125, 0.13)] == [0, 1, 1, 2]
    assert [last_step(s, 8) for s in (4.99, 5.0, 5.124)] == [39, 40, 40]
    # What is a step but for rounding counts as that step.
    third = 3 * (1 / 3 / 10)
    assert first_step(third, 10) == last_step(third, 10) == 1


def test_read_sections_reads_no_args_and_limits_are_sane():
    assert options_lib.MAX_STEPS >= 100_000
    assert options_lib.MAX_ROWS >= 1024
