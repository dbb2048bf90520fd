import numpy as np
import pytest
import tensorflow as tf

from magenta_lite.generation import samplers
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.samplers import (
    Categorical,
    Greedy,
    Temperature,
    TopP,
    make_sampler,
)

LOGITS = np.log([[0.5, 0.3, 0.15, 0.05], [0.05, 0.15, 0.3, 0.5]]).astype("f")
SEED = tf.constant([3, 5])


def probs(sampler, logits=LOGITS):
    return np.exp(sampler.log_probs(tf.constant(logits, tf.float32)).numpy())


def draws(sampler, logits, num_seeds=50, rows=200):
    tiled = tf.constant(np.tile(logits, [rows, 1]), tf.float32)
    compiled = tf.function(sampler, jit_compile=True)
    return np.concatenate(
        [compiled(tiled, tf.constant([7, i])).numpy() for i in range(num_seeds)]
    )


def test_greedy_takes_the_most_likely_and_the_first_of_equals():
    labels = Greedy()(tf.constant([[1.0, 3, 3], [5, 0, 0]]), SEED)
    assert labels.numpy().tolist() == [1, 0]
    assert labels.dtype == tf.int32


def test_temperature_one_is_the_model_itself():
    np.testing.assert_allclose(probs(make_sampler()), np.exp(LOGITS), rtol=1e-6)


def test_temperature_scales_logits():
    # Squares of the probabilities, normalised.
    expected = np.array([0.25, 0.09, 0.0225, 0.0025]) / 0.365
    np.testing.assert_allclose(probs(make_sampler(0.5))[0], expected, rtol=1e-5)


@pytest.mark.parametrize("temperature", [0, 1e-5])
def test_no_temperature_is_greedy(temperature):
    assert make_sampler(temperature, 3, 0.5) == Greedy()


def test_top_k_keeps_k_and_normalises():
    np.testing.assert_allclose(
        probs(make_sampler(top_k=2)),
        [[0.625, 0.375, 0, 0], [0, 0, 0.375, 0.625]],
        rtol=1e-5,
    )


def test_top_k_breaks_ties_by_the_lower_label_and_may_exceed_the_classes():
    same = np.zeros([1, 4])
    assert probs(make_sampler(top_k=3), same).tolist()[0][3] == 0
    np.testing.assert_allclose(probs(make_sampler(top_k=3), same)[0, :3], 1 / 3)
    np.testing.assert_allclose(probs(make_sampler(top_k=9), same), 0.25)


@pytest.mark.parametrize(
    ("p", "kept"),
    [(0.01, 1), (0.49, 1), (0.51, 2), (0.79, 2), (0.81, 3), (0.96, 4), (1, 4)],
)
def test_top_p_keeps_the_label_that_crosses_p(p, kept):
    for row, order in ((0, [0, 1, 2, 3]), (1, [3, 2, 1, 0])):
        found = probs(Categorical((TopP(p),)))[row]
        assert (found[order] > 0).tolist() == [i < kept for i in range(4)]
        assert found.sum() == pytest.approx(1)


def test_filters_apply_in_order():
    cold_first = Categorical((Temperature(0.5), TopP(0.6)))
    top_first = Categorical((TopP(0.6), Temperature(0.5)))
    assert (probs(cold_first)[0] > 0).sum() == 1  # 0.25 / 0.365 > 0.6
    assert (probs(top_first)[0] > 0).sum() == 2


def test_draws_follow_the_probabilities():
    found = np.bincount(draws(make_sampler(), LOGITS[:1]), minlength=4) / 10_000
    # Four standard deviations of 10,000 draws are at most 0.02.
    np.testing.assert_allclose(found, np.exp(LOGITS[0]), atol=0.02)


def test_filtered_labels_are_never_drawn():
    assert set(draws(make_sampler(3.0, top_k=2), LOGITS[:1])) == {0, 1}
    assert set(draws(make_sampler(3.0, top_p=0.4), LOGITS[1:])) == {3, 2}


@pytest.mark.parametrize(
    "sampler",
    [
        Greedy(),
        make_sampler(),
        make_sampler(0.7, top_k=5),
        make_sampler(1.3, top_k=9, top_p=0.8),
    ],
)
def test_the_same_labels_with_and_without_xla(sampler):
    logits = np.random.default_rng(0).normal(size=[40, 37]).astype("f") * 3
    plain = tf.function(sampler)
    compiled = tf.function(sampler, jit_compile=True)
    for i in range(20):
        seed = tf.constant([i, 9])
        labels = sampler(tf.constant(logits), seed).numpy()
        np.testing.assert_array_equal(labels, plain(logits, seed))
        np.testing.assert_array_equal(labels, compiled(logits, seed))


def test_a_row_does_not_depend_on_how_many_there_are():
    logits = np.random.default_rng(1).normal(size=[30, 7]).astype("f")
    sampler = make_sampler()
    all_rows = sampler(tf.constant(logits), SEED).numpy()
    for rows in (1, 2, 13):
        few = sampler(tf.constant(logits[:rows]), SEED).numpy()
        np.testing.assert_array_equal(few, all_rows[:rows])
    assert len(set(all_rows)) > 3


def test_other_seeds_and_other_rows_draw_otherwise():
    flat = tf.zeros([64, 100])
    one = make_sampler()(flat, tf.constant([0, 1])).numpy()
    other = make_sampler()(flat, tf.constant([1, 0])).numpy()
    assert len(set(one)) > 30
    assert (one == other).mean() < 0.2


def test_uniform_noise_is_between_zero_and_one_and_even():
    noise = samplers.uniform_noise([100_000], SEED).numpy()
    assert 0 < noise.min() < 1e-3 and 1 - 1e-3 < noise.max() < 1
    counts, _ = np.histogram(noise, bins=10, range=(0, 1))
    np.testing.assert_allclose(counts, 10_000, atol=400)


@pytest.mark.parametrize("classes", [1, 5, 32, 33, 388])
def test_running_sums_are_those_of_numpy(classes):
    values = np.random.default_rng(0).random([3, classes]).astype("f")
    found = samplers._cumulative(tf.constant(values))
    np.testing.assert_allclose(found, values.cumsum(-1), rtol=1e-5)


def test_impossible_labels_at_the_ends_are_never_drawn():
    logits = tf.constant([[-np.inf, 0.0, -np.inf, 0.0, -np.inf]])
    tiled = tf.repeat(logits, 20_000, axis=0)
    assert set(make_sampler()(tiled, SEED).numpy()) == {1, 3}


def test_numbers_can_be_tensors_of_one_compiled_function():
    sampler = make_sampler(0.7, 5, 0.8)
    other = make_sampler(1.9, 2, 0.3)
    assert sampler.kind == other.kind != make_sampler(0.7).kind
    assert hash(sampler.kind) == hash(other.kind)
    numbers = tf.constant(other.numbers, tf.float32)
    np.testing.assert_allclose(
        probs(sampler.with_numbers(numbers)), probs(other), rtol=1e-6
    )
    assert Greedy().with_numbers(numbers) == Greedy() == Greedy().kind


@pytest.mark.parametrize(
    "arguments",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_p": float("nan")},
    ],
)
def test_numbers_out_of_range_are_named(arguments):
    with pytest.raises(GenerationError, match=next(iter(arguments))):
        make_sampler(**arguments)
