import math

import numpy as np
import pytest
from training_fixture import NUM_EVENTS, dataset_of, make_batch, make_model

from magenta_lite.errors import UserError
from magenta_lite.evaluation.model_evaluation import (
    ModelEvaluation,
    evaluate_model,
)


def batch_of(rows):
    time = max(map(len, rows))
    padded = [row + [0] * (time - len(row)) for row in rows]
    lengths = [len(row) for row in rows]
    return {
        "events": np.array(padded, np.int32),
        "lengths": np.array(lengths, np.int32),
        "steps": np.array(lengths, np.int32) - 1,
    }


def model_that_expects(pairs):
    """Bigrams with log-odds of 2 for the given (event, next event) pairs."""
    model = make_model()
    table = np.zeros([NUM_EVENTS, NUM_EVENTS], np.float32)
    for before, after in pairs:
        table[before, after] = 2.0
    model.table.assign(table)
    return model


def test_knowing_nothing_costs_the_log_of_the_number_of_events():
    model = model_that_expects([])
    metrics = evaluate_model(model, dataset_of([make_batch(0)]))
    assert metrics["loss"] == pytest.approx(math.log(NUM_EVENTS), rel=1e-6)
    assert metrics["perplexity"] == pytest.approx(NUM_EVENTS, rel=1e-6)


def test_every_event_weighs_the_same_across_batches():
    model = model_that_expects([(1, 2)])
    batches = dataset_of([batch_of([[1, 2, 1, 2]]), batch_of([[1, 3]])])
    log_sum = math.log(math.exp(2.0) + NUM_EVENTS - 1)
    # Predictions: 1>2 and 1>2 are expected, 2>1 is uniform, 1>3 is not.
    expected = (2 * (log_sum - 2.0) + math.log(NUM_EVENTS) + log_sum) / 4
    metrics = evaluate_model(model, batches)
    assert metrics["loss"] == pytest.approx(expected, rel=1e-6)


def test_current_weights_count_and_nothing_is_dropped():
    model = model_that_expects([])
    batches = dataset_of([batch_of([[1, 2]])])
    evaluation = ModelEvaluation(model, batches.element_spec)
    before = evaluation(batches)["loss"]
    model.table.assign(model.table + np.eye(NUM_EVENTS, k=1) * 2)
    after = evaluation(batches)["loss"]
    assert before == pytest.approx(math.log(NUM_EVENTS), rel=1e-6)
    log_sum = math.log(math.exp(2.0) + NUM_EVENTS - 1)
    assert after == pytest.approx(log_sum - 2, rel=1e-6)


def test_nothing_to_evaluate_is_an_error():
    with pytest.raises(UserError, match="the split is empty"):
        evaluate_model(make_model(), dataset_of([]))
