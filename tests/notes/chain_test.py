import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magenta_lite.notes import chain
from magenta_lite.notes.chain import Chains


@pytest.fixture(autouse=True, params=[1, 4096])
def _as_loop_and_as_arrays(request, monkeypatch):
    monkeypatch.setattr(chain, "_LARGE", request.param)


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 31, 32, 33, 500])
def test_every_place_of_a_straight_chain(length):
    jump = np.minimum(np.arange(length) + 1, length - 1)
    assert Chains(jump).follow(0).tolist() == list(range(length))


def test_the_end_alone():
    assert Chains(np.array([0, 0])).follow(0).tolist() == [0]
    assert Chains(np.array([0, 0])).follow(1).tolist() == [1, 0]


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_equals_a_loop(data):
    size = data.draw(st.integers(1, 80))
    jump = [data.draw(st.integers(place, size - 1)) for place in range(size)]
    place = data.draw(st.integers(0, size - 1))
    expected = [place]
    while jump[place] != place:
        place = jump[place]
        expected.append(place)
    assert Chains(np.array(jump)).follow(expected[0]).tolist() == expected
