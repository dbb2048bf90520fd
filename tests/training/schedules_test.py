"""DecayToFloor, by hand and inside an optimizer."""

import keras
import pytest

from magenta_lite.training.schedules import DecayToFloor


def test_rates_by_hand():
    schedule = DecayToFloor(1e-3, 0.5, 1e-4)
    rates = [float(schedule(step)) for step in (0, 1, 2, 1000)]
    assert rates == pytest.approx([1e-3, 5.5e-4, 3.25e-4, 1e-4])


def test_defaults_are_magentas():
    schedule = DecayToFloor()
    assert float(schedule(10_000)) == pytest.approx(
        (1e-3 - 1e-5) * 0.9999**10_000 + 1e-5, rel=1e-3
    )


def test_an_optimizer_takes_it_and_says_so():
    optimizer = keras.optimizers.Adam(DecayToFloor(1e-2))
    weight = keras.Variable([1.0])
    optimizer.build([weight])
    assert float(optimizer.learning_rate) == pytest.approx(1e-2)
    optimizer.apply([keras.ops.ones([1])])
    assert float(optimizer.learning_rate) < 1e-2
    described = keras.optimizers.serialize(optimizer)["config"]
    rate = described["learning_rate"]["config"]
    assert rate["initial_learning_rate"] == 1e-2
