"""A model whose every probability is known: a table of transitions."""

import dataclasses

import numpy as np
import tensorflow as tf

from magenta_lite.encodings.base import Encoding
from magenta_lite.layers.heads import CategoricalHead
from magenta_lite.models.base import Model


@dataclasses.dataclass(frozen=True)
class PlainEncoding(Encoding):
    """One-hot inputs; the state counts the events that were read."""

    num_events: int

    @property
    def input_depth(self):
        return self.num_events

    @property
    def num_classes(self):
        return self.num_events

    @property
    def default_label(self):
        return 0

    def inputs(self, events):
        return tf.one_hot(events, self.num_events)

    def labels(self, events):
        return events

    def initial_state(self, batch_size):
        return tf.zeros([batch_size], tf.int32)

    def step(self, event, state, control=None):
        return tf.one_hot(event, self.num_events), state + 1

    def event(self, label, state):
        del state
        return label


class MarkovModel(Model):
    """The next label depends on the last event (and its parity of time).

    `tables[p][i, j]` is the logit of label j after event i at an even (p = 0)
    or odd (p = 1) number of steps: a state that must follow its row.
    """

    def __init__(self, encoding, tables):
        super().__init__(name="markov")
        self.encoding = encoding
        self.head = CategoricalHead(encoding.num_classes)
        self.tables = tf.constant(np.asarray(tables, np.float32))

    def loss_and_metrics(self, batch, training, seed=None):
        raise NotImplementedError

    def initial_state(self, batch_size, conditioning=None):
        return tf.zeros([batch_size], tf.int32)

    def step(self, inputs, state):
        tables = tf.gather(self.tables, state % 2)  # [b, n, n]
        return tf.einsum("bi,bij->bj", inputs, tables), state + 1

    def get_config(self):
        return {}


def markov_model(num_events=3, seed=0):
    """A random chain; returns the model and log-probabilities [2, n, n]."""
    random = np.random.default_rng(seed)
    tables = random.normal(size=[2, num_events, num_events]) * 2
    log_probs = tables - np.log(np.exp(tables).sum(-1, keepdims=True))
    return MarkovModel(PlainEncoding(num_events), tables), log_probs


def log_likelihood(log_probs, events, primer_length=1):
    """What a chain gives the events after the primer."""
    return sum(
        log_probs[(t - 1) % 2][events[t - 1], events[t]]
        for t in range(primer_length, len(events))
    )
