import dataclasses

import keras
import numpy as np
import pytest
from generation_fakes import MarkovModel, PlainEncoding

import magenta_lite
from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.bundles.errors import BundleError
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.errors import UserError
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.generator import Generator, load_bundle
from magenta_lite.models.event_rnn import EventRnn
from magenta_lite.notes import midi
from magenta_lite.notes.proto import NoteSequence, generator_pb2

CODEC = MelodyCodec()
N = CODEC.num_events


def scale_model():
    """After a note or rest, whatever is one semitone higher (and 0 after 1).

    Greedy decoding walks up the events: no-event, note-off, 48, 49, ...
    """
    table = np.full([2, N, N], -9.0)
    for event in range(N):
        table[:, event, (event + 1) % N] = 9.0
    return MarkovModel(PlainEncoding(N), table)


@pytest.fixture(scope="module")
def scale():
    return Generator(scale_model(), CODEC, "scale", jit_compile=False)


@pytest.fixture(scope="module")
def random():
    """A chain of which little is certain."""
    tables = np.random.default_rng(0).normal(size=[2, N, N])
    model = MarkovModel(PlainEncoding(N), tables)
    return Generator(model, CODEC, "random", jit_compile=False)


def spans(sequence, qpm=120.0):
    """(pitch, start step, end step) of every note."""
    rate = CODEC.steps_per_second(qpm)
    return [
        (n.pitch, round(n.start_time * rate, 3), round(n.end_time * rate, 3))
        for n in sequence.notes
    ]


def test_without_a_primer_it_starts_with_middle_c(scale):
    (made,) = scale.generate(num_steps=5, temperature=0)
    assert spans(made) == [(60 + i, i, i + 1) for i in range(5)]
    assert made.tempos[0].qpm == 120


def test_num_steps_includes_the_primer_and_rests_at_its_end(scale):
    made = scale.compose([60, -2, -2, -1, -2], 8, settings_of(temperature=0))
    # After the last no-event come note-off, then 48, 49.
    assert made[0].events.tolist() == [14, 0, 0, 1, 0, 1, 2, 3]
    assert spans(made[0].sequence) == [(60, 0, 3), (48, 6, 7), (49, 7, 8)]
    assert made[0].primer_end_seconds == pytest.approx(5 / 8)
    assert made[0].log_likelihood == pytest.approx(0, abs=1e-4)


def settings_of(**changes):
    from magenta_lite.generation.options import Settings

    return Settings(**changes)


def test_a_primer_in_another_register_comes_back_there(scale):
    (made,) = scale.generate([108, -2], num_steps=4, temperature=0)
    assert made.notes[0].pitch == 108


def test_an_empty_primer_is_one_step_of_silence(scale):
    for primer in ([], NoteSequence(), [-2]):
        made = scale.compose(primer, 4, settings_of(temperature=0))
        assert made[0].events.tolist() == [0, 1, 2, 3]


def test_a_sequence_or_a_file_can_be_the_primer(scale, tmp_path):
    primer = NoteSequence(ticks_per_quarter=220)
    primer.tempos.add(qpm=90)
    rate = CODEC.steps_per_second(90)
    for i, pitch in enumerate([60, 64]):
        primer.notes.add(
            pitch=pitch,
            velocity=80,
            start_time=(16 + 2 * i) / rate,
            end_time=(18 + 2 * i) / rate,
        )
    primer.total_time = 20 / rate
    path = tmp_path / "primer.mid"
    midi.write_midi(primer, path)
    for given in (primer, path, str(path)):
        made = scale.compose(given, 22, settings_of(temperature=0))[0]
        # The primer's last event is a no-event; then note-off and 48.
        assert made.events.tolist() == [14, 0, 18, 0, 1, 2]
        assert spans(made.sequence, 90) == [
            (60, 16, 18),
            (64, 18, 20),
            (48, 21, 22),
        ]
        assert made.sequence.tempos[0].qpm == pytest.approx(90, abs=1e-3)
        assert made.primer_end_seconds == pytest.approx(20 / rate, rel=1e-5)
    (faster,) = scale.generate(primer, 22, temperature=0, qpm=180)
    assert spans(faster, 180) == spans(made.sequence, 90)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"primer": [60, -2, -2], "num_steps": 3}, "lasts 3 steps"),
        ({"num_steps": 1}, "lasts 1 steps"),
        ({"num_steps": 0}, "num_steps"),
        ({"num_steps": 10**9}, "num_steps"),
        ({"primer": [60, 128]}, "128 at position 1"),
        ({"primer": [60, -3]}, "-3 at position 1"),
        ({"primer": [60.5]}, "60.5"),
        ({"primer": ["60"]}, "'60'"),
        ({"primer": "no/such/file.mid"}, "no/such/file.mid"),
        ({"temperature": -1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_k": -2}, "top_k"),
        ({"num_outputs": 0}, "num_outputs"),
        ({"qpm": 0}, "qpm"),
        ({"qpm": float("nan")}, "qpm"),
        ({"seed": -4}, "seed"),
    ],
)
def test_bad_requests_are_one_line(scale, arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        scale.generate(**arguments)
    assert "\n" not in str(caught.value)


def test_a_file_without_melody_is_named(scale, tmp_path):
    empty = tmp_path / "empty.mid"
    midi.write_midi(NoteSequence(ticks_per_quarter=220), empty)
    with pytest.raises(GenerationError, match="empty.mid holds no notes"):
        scale.generate(empty)
    not_midi = tmp_path / "words.mid"
    not_midi.write_text("words")
    with pytest.raises(UserError, match="words.mid"):
        scale.generate(not_midi)
    drums = NoteSequence()
    drums.notes.add(pitch=36, start_time=0, end_time=1, is_drum=True)
    with pytest.raises(GenerationError, match="holds nothing"):
        scale.generate(drums)


def test_the_same_seed_gives_the_same_music(random):
    one = random.generate(num_steps=40, num_outputs=3, seed=5)
    again = random.generate(num_steps=40, num_outputs=3, seed=5)
    assert one == again
    assert len({s.SerializeToString() for s in one}) == 3
    assert random.generate(num_steps=40, seed=5) == one[:1]
    assert random.generate(num_steps=40, seed=6) != one[:1]


def test_every_sampler_and_beam_gives_the_number_of_outputs(random):
    for arguments in (
        {"top_k": 3},
        {"top_p": 0.5},
        {"beam_size": 2, "branch_factor": 2, "steps_per_iteration": 3},
        {"branch_factor": 4},
        {"beam_size": 2, "temperature": 0},
        {"temperature": 0},
    ):
        made = random.generate(num_steps=12, num_outputs=3, **arguments)
        assert len(made) == 3
        assert all(s.notes[0].pitch == 60 for s in made)


def test_a_deterministic_beam_needs_no_seed_and_its_outputs_differ():
    keras.utils.set_random_seed(1)
    model = EventRnn(PlainEncoding(N), units=(8,))
    generator = Generator(model, CODEC, jit_compile=False)
    arguments = {"num_steps": 12, "temperature": 0, "beam_size": 4}
    one = generator.compose(
        None, 12, settings_of(temperature=0, beam_size=4, num_outputs=3)
    )
    other = generator.compose(
        None, 12, settings_of(temperature=0, beam_size=4, seed=3)
    )
    assert one[0].sequence == other[0].sequence
    assert generator.generate(**arguments) == [one[0].sequence]
    assert len({g.events.tobytes() for g in one}) == 3
    scores = [g.log_likelihood for g in one]
    assert scores == sorted(scores, reverse=True)


def request(start, end, inputs=(), **args):
    made = generator_pb2.GeneratorOptions()
    made.generate_sections.add(start_time=start, end_time=end)
    made.args["temperature"].float_value = 0.0
    for section in inputs:
        made.input_sections.add(start_time=section[0], end_time=section[1])
    for name, value in args.items():
        made.args[name].int_value = value
    return made


def tune(*steps):
    sequence = NoteSequence()
    sequence.tempos.add(qpm=120)
    for pitch, start, end in steps:
        sequence.notes.add(
            pitch=pitch, start_time=start / 8, end_time=end / 8, velocity=90
        )
        sequence.total_time = end / 8
    return sequence


def test_options_continue_the_input_after_silence(scale):
    made = scale.generate_from_options(
        tune((60, 0, 2), (62, 2, 4)), request(6 / 8, 9 / 8)
    )
    # Events: 60, hold, 62, hold, off, hold; then off, 48, 49.
    assert spans(made) == [(60, 0, 2), (62, 2, 4), (48, 7, 8), (49, 8, 9)]


def test_options_take_the_input_section_alone(scale):
    made = scale.generate_from_options(
        tune((60, 0, 2), (62, 2, 4), (64, 4, 6)),
        request(6 / 8, 9 / 8, inputs=[(2 / 8, 4 / 8)]),
    )
    assert spans(made) == [(62, 2, 4), (48, 7, 8), (49, 8, 9)]


def test_options_without_input_generate_between_start_and_end(scale):
    made = scale.generate_from_options(NoteSequence(), request(4.0, 4.5))
    # One step of silence, which ends at step 32; then off, 48, 49, 50.
    assert spans(made) == [(48, 33, 34), (49, 34, 35), (50, 35, 36)]
    assert made.notes[-1].end_time <= 4.5
    from_zero = scale.generate_from_options(NoteSequence(), request(0, 0.5))
    assert spans(from_zero) == [(48, 2, 3), (49, 3, 4)]


def test_options_use_seed_and_beam(random):
    def play(**args):
        options = request(1, 4, **args)
        options.args["temperature"].float_value = 1.0
        return random.generate_from_options(tune((60, 0, 2)), options)

    assert play(seed=1) == play(seed=1) != play(seed=2)
    assert play(seed=1, beam_size=3, branch_factor=2) != play(seed=1)


def test_sections_shorter_than_a_step_are_named(scale):
    with pytest.raises(GenerationError, match="shorter than one step"):
        scale.generate_from_options(tune((60, 0, 2)), request(0.26, 0.36))


def test_a_bundle_loads_and_plays_what_the_model_played(tmp_path):
    keras.utils.set_random_seed(3)
    model = EventRnn(LookbackEncoding(N), units=(6, 5))
    path = tmp_path / "a.mag"
    write_bundle(path, model=model, codec=CODEC, bundle_id="lookback_rnn")
    generator = magenta_lite.load_bundle(str(path))
    assert generator.bundle_id == "lookback_rnn"
    assert generator.codec == CODEC
    state = generator.model.initial_state(2)
    logits, _ = generator.model.step(
        np.zeros([2, generator.model.encoding.input_depth], "f"), state
    )
    assert logits.shape == (2, N + 2)
    arguments = {"primer": [60, -2, 64, -2], "num_steps": 40, "seed": 4}
    played = Generator(model, CODEC).generate(**arguments)
    assert generator.generate(**arguments) == played
    assert load_bundle(path).generate(**arguments) == played


def test_a_codec_of_the_users_own_must_be_handed_in(tmp_path):
    model = EventRnn(LookbackEncoding(N), units=(3,))
    path = tmp_path / "a.mag"
    write_bundle(path, model=model, codec=OwnCodec(), bundle_id="x")
    with pytest.raises(BundleError, match="extra_classes"):
        load_bundle(path)
    assert load_bundle(path, extra_classes=[OwnCodec]).codec == OwnCodec()


@dataclasses.dataclass(frozen=True)
class OwnCodec(MelodyCodec):
    """Like the one it is made from."""
