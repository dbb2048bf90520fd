import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magenta_lite.generation import latent_points
from magenta_lite.generation.errors import GenerationError

X, Y = np.array([1.0, 0.0]), np.array([0.0, 1.0])


def test_slerp_goes_along_the_circle_and_lerp_straight():
    half = latent_points.slerp(X, Y, 1 / 3)
    np.testing.assert_allclose(half, [np.sqrt(3) / 2, 0.5])
    np.testing.assert_allclose(latent_points.lerp(X, Y, 0.25), [0.75, 0.25])


def test_lengths_of_the_ends_count():
    # As in the original: directions turn evenly, each end keeps its length.
    middle = latent_points.slerp(2 * X, 4 * Y, 0.5)
    np.testing.assert_allclose(middle, np.array([2, 4]) / np.sqrt(2))


@pytest.mark.parametrize("end", [X, 3 * X, -X, 0 * X])
def test_where_there_is_no_arc_the_line_is_taken(end):
    np.testing.assert_allclose(
        latent_points.slerp(X, end, 0.25), 0.75 * X + 0.25 * end, atol=1e-9
    )


@given(
    st.lists(st.floats(-9, 9), min_size=3, max_size=3),
    st.lists(st.floats(-9, 9), min_size=3, max_size=3),
    st.sampled_from(["slerp", "lerp"]),
    st.integers(2, 9),
)
def test_a_path_begins_and_ends_where_it_should(start, end, kind, count):
    start, end = np.array(start), np.array(end)
    points = latent_points.path(start, end, count, kind)
    assert points.shape == (count, 3)
    np.testing.assert_allclose(points[[0, -1]], [start, end], atol=1e-4)
    back = latent_points.path(end, start, count, kind)
    np.testing.assert_allclose(points, back[::-1], atol=1e-4)


def test_wrong_paths():
    with pytest.raises(GenerationError, match="'slerp' or 'lerp'"):
        latent_points.path(X, Y, 3, "bezier")
    with pytest.raises(GenerationError, match="num_outputs is 0"):
        latent_points.path(X, Y, 0)


def test_draws_of_the_prior():
    drawn = latent_points.prior(3, 4, seed=5)
    assert drawn.shape == (3, 4)
    np.testing.assert_array_equal(drawn[:2], latent_points.prior(2, 4, 5))
    assert not np.allclose(drawn, latent_points.prior(3, 4, 6))
    same = latent_points.prior(3, 4, 5, same=True)
    np.testing.assert_array_equal(same, drawn[[0, 0, 0]])
    many = latent_points.prior(20_000, 2, 0)
    np.testing.assert_allclose(many.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(many.std(0), 1, atol=0.03)


def test_strength_goes_from_the_clip_to_the_prior():
    point = np.array([2.0, -1.0, 0.5])
    np.testing.assert_allclose(
        latent_points.near(point, 4, 0.0, seed=1), np.tile(point, [4, 1])
    )
    np.testing.assert_allclose(
        latent_points.near(point, 4, 1.0, seed=1), latent_points.prior(4, 3, 1)
    )
    distances = [
        np.linalg.norm(latent_points.near(point, 9, s, 1) - point, axis=1)
        for s in (0.1, 0.3, 0.6)
    ]
    assert (np.diff(distances, axis=0) > 0).all()
    with pytest.raises(GenerationError, match="strength is 1.5"):
        latent_points.near(point, 4, 1.5, seed=1)
