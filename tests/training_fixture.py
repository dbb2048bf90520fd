"""A model, data and a loop that train in a second."""

import keras
import numpy as np
import tensorflow as tf

from magenta_lite.batch import EVENTS, LENGTHS, STEPS, first_row
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.evaluation.model_evaluation import ModelEvaluation
from magenta_lite.layers import row_random
from magenta_lite.models.base import Model
from magenta_lite.training.loop import LoopOptions, TrainingLoop
from magenta_lite.training.run_dir import RunDir
from magenta_lite.training.strategies import make_strategy

NUM_EVENTS = 6


class Bigrams(Model):
    """Predicts each event from the one before, through a dropout."""

    def __init__(self, encoding, dropout=0.5):
        super().__init__()
        self.encoding = encoding
        self.dropout = dropout
        self.table = self.add_weight(
            shape=(encoding.input_depth, encoding.num_classes), name="table"
        )
        self.built = True

    def loss_and_metrics(self, batch, training, seed=None):
        events = batch[EVENTS]
        hidden = self.encoding.inputs(events)[:, :-1]
        if training:
            hidden = row_random.dropout(
                hidden, self.dropout, seed, first_row(batch)
            )
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            self.encoding.labels(events)[:, 1:], hidden @ self.table
        )
        mask = tf.sequence_mask(
            batch[LENGTHS] - 1, tf.shape(losses)[1], tf.float32
        )
        total, weight = tf.reduce_sum(losses * mask), tf.reduce_sum(mask)
        return tf.math.divide_no_nan(total, weight), {"loss": (total, weight)}

    def initial_state(self, batch_size, conditioning=None):
        return ()

    def step(self, inputs, state):
        return inputs @ self.table, state

    def get_config(self):
        return {"dropout": self.dropout}


def make_model(dropout=0.5):
    keras.utils.set_random_seed(7)
    return Bigrams(OneHotEncoding(NUM_EVENTS), dropout)


def make_batch(step, rows=3):
    """Rows that count up from a random event; a function of the step."""
    random = np.random.default_rng(step)
    time = 5 + step % 4
    first = random.integers(NUM_EVENTS, size=[rows, 1])
    events = (first + np.arange(time)) % NUM_EVENTS
    lengths = random.integers(2, time + 1, size=[rows])
    return {
        EVENTS: events.astype(np.int32),
        LENGTHS: lengths.astype(np.int32),
        STEPS: (lengths - 1).astype(np.int32),
    }


def dataset_of(batches):
    signature = {
        EVENTS: tf.TensorSpec([None, None], tf.int32),
        LENGTHS: tf.TensorSpec([None], tf.int32),
        STEPS: tf.TensorSpec([None], tf.int32),
    }
    return tf.data.Dataset.from_generator(
        lambda: iter(batches), output_signature=signature
    )


def train_batches(start_step):
    return dataset_of([make_batch(i) for i in range(start_step, 200)])


def eval_batches():
    return dataset_of([make_batch(1000 + i) for i in range(3)])


class Fixture:
    """A run that can be started again and again in one folder."""

    def __init__(self, path, learning_rate=0.01, **options):
        self.run = RunDir(path / "run")
        self.options = LoopOptions(
            **{"num_steps": 6, "eval_every": 3, "log_every": 1, **options}
        )
        self.learning_rate = learning_rate

    def start(self, train_batches=train_batches, evaluate_fn=None, **kwargs):
        """What `bin/train.py` does, with a fresh model."""
        if not self.run.exists():
            self.run.create({"identity": {}}, "x = 1\n")
        self.model = make_model()
        loop = TrainingLoop(
            self.model,
            keras.optimizers.Adam(self.learning_rate),
            make_strategy("one"),
            self.run,
            self.options,
            seed=3,
        )
        batches = eval_batches()
        evaluate_fn = evaluate_fn or ModelEvaluation(
            self.model, batches.element_spec
        )
        return loop.train(train_batches, batches, evaluate_fn, **kwargs)

    def weights(self):
        return [v.numpy() for v in self.model.weights]
