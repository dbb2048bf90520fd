import itertools

import numpy as np
import pytest
from generation_fakes import log_likelihood, markov_model

from magenta_lite.generation.beam_search import (
    DeterministicBeam,
    StochasticBeam,
)
from magenta_lite.generation.decode_loop import DecodeLoop
from magenta_lite.generation.samplers import Greedy, make_sampler

ONES = np.ones([3], np.int32)
PRIMER = np.array([1, 2], np.int32)


def all_continuations(log_probs, length):
    """Every sequence after the primer with its likelihood, best first."""
    tails = itertools.product(range(3), repeat=length - len(PRIMER))
    rows = [(*PRIMER.tolist(), *tail) for tail in tails]
    scored = [(log_likelihood(log_probs, row, 2), row) for row in rows]
    return sorted(scored, reverse=True)


def narrow_beam(log_probs, length, width):
    """A beam search in plain Python."""
    beam = [(0.0, tuple(PRIMER.tolist()))]
    while len(beam[0][1]) < length:
        longer = [
            (
                score + log_probs[(len(row) - 1) % 2][row[-1], label],
                (*row, label),
            )
            for score, row in beam
            for label in range(3)
        ]
        beam = sorted(longer, reverse=True)[:width]
    return beam


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_deterministic_beam_finds_the_best_of_all(seed, jit_compile):
    model, log_probs = markov_model(3, seed)
    loop = DecodeLoop(model, ONES, jit_compile=jit_compile)
    made = DeterministicBeam(27)(loop, PRIMER, num_steps=6)
    best = all_continuations(log_probs, 6)
    # After 5 of 6 events 27 of 27 are kept, so the last step sees them all.
    assert tuple(made.events[0]) == best[0][1]
    np.testing.assert_allclose(
        made.log_likelihood, [score for score, _ in best[:27]], rtol=1e-5
    )
    # Rows of equal likelihood come in any order.
    rows = {tuple(row): s for row, s in zip(*vars(made).values(), strict=True)}
    assert len(rows) == 27
    for row, score in rows.items():
        assert score == pytest.approx(log_likelihood(log_probs, row, 2), 1e-4)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_a_narrow_deterministic_beam_is_the_one_in_plain_python(width):
    model, log_probs = markov_model(3, 7)
    loop = DecodeLoop(model, ONES, jit_compile=False)
    made = DeterministicBeam(width)(loop, PRIMER, num_steps=9)
    expected = narrow_beam(log_probs, 9, width)
    assert tuple(made.events[0]) == expected[0][1]
    np.testing.assert_allclose(
        made.log_likelihood, [score for score, _ in expected], rtol=1e-5
    )


def test_a_deterministic_beam_of_one_is_greedy():
    model, _ = markov_model(3, 4)
    loop = DecodeLoop(model, ONES, jit_compile=False)
    made = DeterministicBeam(1)(loop, PRIMER, num_steps=30)
    greedy = loop(PRIMER, num_steps=30, sampler=Greedy())
    np.testing.assert_array_equal(made.events, greedy.events)


def test_rows_that_are_done_stay_in_the_beam():
    model, log_probs = markov_model(3, 1)
    table = np.array([1, 5, 1], np.int32)
    loop = DecodeLoop(model, table, jit_compile=False)
    made = DeterministicBeam(200)(
        loop, np.array([0], np.int32), num_steps=5, max_events=9
    )
    likely = made.log_likelihood > -1e20
    rows = [tuple(made.events[i]) for i in np.flatnonzero(likely)]
    # Every way to reach 5 steps: four events of length 1, or a 1 earlier.
    expected = {(0, *r) for r in itertools.product((0, 2), repeat=4)}
    for n in range(4):
        expected |= {(0, *r, 1) for r in itertools.product((0, 2), repeat=n)}
    assert set(rows) == expected and len(rows) == len(expected)
    for row, found in zip(rows, made.log_likelihood, strict=False):
        assert found == pytest.approx(log_likelihood(log_probs, row, 1), 1e-4)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_large_stochastic_beam_finds_the_best_of_all(jit_compile):
    model, log_probs = markov_model(3, 2)
    loop = DecodeLoop(model, ONES, jit_compile=jit_compile)
    beam = StochasticBeam(beam_size=1, branch_factor=2000)
    made = beam(
        loop, PRIMER, num_steps=3, sampler=make_sampler(), num_outputs=2
    )
    score, best = all_continuations(log_probs, 3)[0]
    assert [tuple(row) for row in made.events] == [best, best]
    np.testing.assert_allclose(made.log_likelihood, score, rtol=1e-5)


@pytest.mark.parametrize("steps_per_iteration", [1, 2, 3, 50])
def test_a_stochastic_beam_reports_what_its_rows_are_worth(
    steps_per_iteration,
):
    model, log_probs = markov_model(3, 0)
    loop = DecodeLoop(model, ONES, jit_compile=False)
    made = StochasticBeam(3, 2, steps_per_iteration)(
        loop,
        PRIMER,
        num_steps=12,
        sampler=make_sampler(3.0),
        seed=4,
        num_outputs=4,
    )
    hot = log_probs / 3
    hot -= np.log(np.exp(hot).sum(-1, keepdims=True))
    assert len(made.events) == 4
    assert len({row.tobytes() for row in made.events}) > 1
    for row, found in zip(made.events, made.log_likelihood, strict=True):
        assert row[:2].tolist() == PRIMER.tolist() and len(row) == 12
        assert found == pytest.approx(log_likelihood(hot, row, 2), 1e-4)


def test_more_branches_find_likelier_rows():
    model, _ = markov_model(3, 0)
    loop = DecodeLoop(model, ONES, jit_compile=False)

    def mean(beam):
        made = beam(
            loop,
            PRIMER,
            num_steps=20,
            sampler=make_sampler(),
            num_outputs=20,
        )
        return made.log_likelihood.mean()

    plain = loop(PRIMER, num_steps=20, sampler=make_sampler(), batch_size=20)
    assert mean(StochasticBeam(4, 1)) > plain.log_likelihood.mean()
    assert mean(StochasticBeam(4, 4)) > mean(StochasticBeam(4, 1))


def test_the_same_seed_gives_the_same_rows_whatever_else_is_asked():
    model, _ = markov_model(3, 0)
    loop = DecodeLoop(model, ONES, jit_compile=False)
    arguments = {"num_steps": 20, "sampler": make_sampler(), "seed": 8}
    few = StochasticBeam(2, 2)(loop, PRIMER, num_outputs=2, **arguments)
    many = StochasticBeam(2, 2)(loop, PRIMER, num_outputs=5, **arguments)
    np.testing.assert_array_equal(few.events, many.events[:2])
