import math

import pytest

from magenta_lite.models.metrics import summarise


def test_quotients_and_perplexities():
    sums = {
        "loss": (6.0, 3.0),
        "loss_per_step": (6.0, 12.0),
        "accuracy": (1.0, 4.0),
    }
    assert summarise(sums) == pytest.approx(
        {
            "loss": 2.0,
            "loss_per_step": 0.5,
            "accuracy": 0.25,
            "perplexity": math.exp(2.0),
            "perplexity_per_step": math.exp(0.5),
        }
    )


def test_what_has_no_weight_is_left_out():
    assert summarise({"event_accuracy": (0.0, 0.0)}) == {}


def test_huge_and_undefined_losses():
    assert summarise({"loss": (1e6, 1.0)})["perplexity"] == math.inf
    assert math.isnan(summarise({"loss": (math.nan, 1.0)})["perplexity"])


def test_a_bound_over_clips_has_no_perplexity():
    sums = {"loss": (80.0, 2.0), "kl": (10.0, 2.0)}
    assert summarise(sums) == {"loss": 40.0, "kl": 5.0}
