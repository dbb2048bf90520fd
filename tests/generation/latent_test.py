"""Operations in a latent space, with a model whose every answer is known."""

import numpy as np
import pytest
from latent_fakes import SIGMA, ExactModel

from magenta_lite.codecs.lead_sheet import LeadSheetCodec
from magenta_lite.codecs.melody_clips import MelodyClipCodec
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.errors import UserError
from magenta_lite.generation.clip_input import Clip
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.generator import Generator, make_generator
from magenta_lite.generation.latent import LatentGenerator
from magenta_lite.generation.options import Settings
from magenta_lite.notes import midi
from magenta_lite.notes.proto import NoteSequence, generator_pb2

CODEC = MelodyClipCodec(num_bars=1, programs=None)
STEPS = CODEC.num_clip_events
C4 = 60 - CODEC.min_pitch + 2


def tune(*bars, qpm=120.0):
    """Each bar a list of pitches, all of the same length."""
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    bar_seconds = 4 * 60 / qpm
    for number, pitches in enumerate(bars):
        length = bar_seconds / len(pitches)
        for i, pitch in enumerate(pitches):
            start = number * bar_seconds + i * length
            sequence.notes.add(
                pitch=pitch,
                velocity=100,
                start_time=start,
                end_time=start + length,
            )
    sequence.total_time = len(bars) * bar_seconds
    return sequence


def heard(sequence):
    """(pitch, start, end) in steps of a sixteenth."""
    rate = sequence.tempos[0].qpm / 15
    return [
        (n.pitch, round(n.start_time * rate, 2), round(n.end_time * rate, 2))
        for n in sequence.notes
    ]


FOUR = tune([60, 64, 67, 72])
OTHER = tune([70, 66])


@pytest.fixture(scope="module")
def exact():
    model = ExactModel(OneHotEncoding(CODEC.num_events), STEPS)
    return LatentGenerator(model, CODEC, "exact", jit_compile=False)


def test_the_kind_of_model_says_which_generator():
    model = ExactModel(OneHotEncoding(CODEC.num_events), STEPS)
    made = make_generator(model, CODEC, "a", "b", jit_compile=False)
    assert isinstance(made, LatentGenerator)
    assert (made.bundle_id, made.description) == ("a", "b")
    assert type(make_generator(model, LeadSheetCodec())) is Generator


def test_a_clip_comes_back_as_it_was(exact):
    back, other = exact.reconstruct([FOUR, OTHER], temperature=0)
    assert heard(back) == [(60, 0, 4), (64, 4, 8), (67, 8, 12), (72, 12, 16)]
    assert heard(other) == [(70, 0, 8), (66, 8, 16)]


def test_tempo_is_that_of_the_clip(exact):
    (back,) = exact.reconstruct([tune([60, 62], qpm=90)], temperature=0)
    assert back.tempos[0].qpm == 90
    assert back.total_time == pytest.approx(4 * 60 / 90)


def test_codes(exact):
    z, mu, sigma = exact.encode([FOUR, OTHER], seed=3)
    assert mu.shape == z.shape == (2, STEPS)
    assert mu[0, [0, 4, 8, 12]].tolist() == [C4, C4 + 4, C4 + 7, C4 + 12]
    np.testing.assert_array_equal(sigma, SIGMA)
    noise = (z - mu) / SIGMA
    assert 0.5 < noise.std() < 1.5
    np.testing.assert_array_equal(z, exact.encode([FOUR, OTHER], seed=3).z)
    assert (z != exact.encode([FOUR, OTHER], seed=4).z).any()


def test_decode_gives_what_a_vector_says(exact):
    z = np.zeros([1, STEPS])
    z[0, 4] = C4 + 0.4
    assert heard(exact.decode(z, temperature=0)[0]) == [(60, 4, 16)]
    with pytest.raises(GenerationError, match=r"decodes \[pieces, 16\]"):
        exact.decode(np.zeros([2, 5]))


def test_interpolation_goes_from_one_to_the_other(exact):
    high = tune([72], qpm=240)
    steps = exact.interpolate(
        tune([60]), high, num_outputs=5, path="lerp", temperature=0
    )
    assert [heard(step) for step in steps] == [
        [(pitch, 0, 16)] for pitch in (60, 63, 66, 69, 72)
    ]
    assert [s.tempos[0].qpm for s in steps] == [120, 150, 180, 210, 240]
    arc = exact.interpolate(tune([60]), high, num_outputs=3, temperature=0)
    assert heard(arc[1]) == [(66, 0, 16)]  # all in one direction: no arc


def test_similar_ones_are_the_nearer_the_weaker(exact):
    same = exact.similar(FOUR, 2, strength=0.0, temperature=0)
    assert [heard(one) for one in same] == [heard(FOUR)] * 2
    mu = exact.encode([FOUR]).mu[0]

    def distance(strength):
        points = exact.near_points(FOUR, 8, strength, seed=0)
        assert points.z.shape == (8, 1, STEPS)
        return np.linalg.norm(points.z[:, 0] - mu, axis=1).mean()

    assert 0 < distance(0.1) < distance(0.4) < distance(1.0)


def test_attributes_are_added_and_taken_away(exact):
    vector = exact.attribute_vector(
        [tune([72]), tune([76])], [tune([60]), tune([64])]
    )
    np.testing.assert_allclose(vector, [12] + [0] * (STEPS - 1))
    for strength, pitch in ((1, 77), (0.5, 71), (-1, 53)):
        (moved,) = exact.apply_attribute(
            [tune([65])], vector, strength, temperature=0
        )
        assert heard(moved) == [(pitch, 0, 16)]
    with pytest.raises(GenerationError, match="with and without"):
        exact.attribute_vector([FOUR], [])


def test_samples(exact):
    one, two = exact.sample(2, seed=4)
    assert heard(one) != heard(two)
    assert heard(exact.sample(1, seed=4)[0]) == heard(one)
    first, second = exact.sample(2, temperature=0, same_z=True, seed=4)
    assert heard(first) == heard(second)
    assert exact.generate(num_outputs=2, seed=4)[1] == two
    (slow,) = exact.sample(1, qpm=60, seed=4)
    assert heard(slow) == heard(one)


def test_longer_music_is_a_row_of_clips_of_one_vector(exact):
    z = np.zeros([1, STEPS])
    z[0, 12] = C4
    (made,) = exact.decode(z, num_steps=40, temperature=0)
    # The first one does not sound on into the next clip.
    assert heard(made) == [(60, 12, 16), (60, 28, 32)]
    (short,) = exact.decode(z, num_steps=14, temperature=0)
    assert heard(short) == [(60, 12, 14)]
    generation = exact.compose(num_steps=40, settings=Settings(seed=1))[0]
    assert generation.events.shape == (40,)


def test_every_part_of_a_longer_piece_can_be_chosen(exact):
    piece = tune([60, 62], [64, 65], [67, 69], [60, 62])
    clips = exact.clips(piece)
    assert len(clips) == 3  # the last bar is the first one again
    made = exact.reconstruct([clips[2], piece], temperature=0)
    assert [[n.pitch for n in m.notes] for m in made] == [[67, 69], [60, 62]]


def test_files_are_read(exact, tmp_path):
    path = tmp_path / "four.mid"
    midi.write_midi(FOUR, path)
    (back,) = exact.reconstruct([path], temperature=0)
    assert heard(back) == heard(FOUR)


def drums():
    sequence = NoteSequence()
    for step in range(16):
        sequence.notes.add(
            pitch=36, velocity=99, is_drum=True, start_time=step, end_time=step
        )
    return sequence


def waltz():
    sequence = tune([60, 64, 67], [60, 64, 67])
    sequence.time_signatures.add(numerator=3, denominator=4)
    return sequence


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (NoteSequence(), ["no notes"]),
        (drums(), ["with a melody, not drums", "1 bar in 4/4"]),
        (waltz(), ["four quarters", "4/4"]),
        (Clip(np.zeros([7], np.int32)), ["(7,)", "(16,)"]),
    ],
)
def test_what_is_no_clip_says_what_would_be_one(exact, source, said):
    with pytest.raises(UserError) as error:
        exact.reconstruct([source])
    message = str(error.value)
    assert "\n" not in message
    for part in said:
        assert part in message


def test_no_primer_no_beam(exact):
    with pytest.raises(GenerationError, match="continues no primer"):
        exact.generate(primer=[60, -2])
    with pytest.raises(GenerationError, match="continues no primer"):
        exact.generate_from_options(FOUR, generator_pb2.GeneratorOptions())
    with pytest.raises(GenerationError, match="beam"):
        exact.generate(beam_size=2)
    with pytest.raises(GenerationError, match="num_steps is 0"):
        exact.sample(num_steps=0)
    with pytest.raises(GenerationError, match="models of performed drums"):
        exact.humanize(FOUR)
    with pytest.raises(GenerationError, match="tapped"):
        exact.drums_from_tap(FOUR)
