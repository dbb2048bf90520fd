import keras
import numpy as np
import pytest
import tensorflow as tf
from generation_fakes import log_likelihood, markov_model

from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.encodings.key_melody import KeyMelodyEncoding
from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.generation.decode_loop import DecodeLoop
from magenta_lite.generation.guidance import Guidance
from magenta_lite.generation.samplers import Greedy, make_sampler
from magenta_lite.models.event_rnn import EventRnn

ONES = np.ones([4], np.int32)
PRIMER = np.array([1, 3], np.int32)


def greedy_by_hand(log_probs, primer, length):
    events = list(primer)
    while len(events) < length:
        row = log_probs[(len(events) - 1) % 2][events[-1]]
        events.append(int(row.argmax()))
    return events


@pytest.mark.parametrize("jit_compile", [False, True])
def test_greedy_rows_are_the_chain_followed_by_hand(jit_compile):
    model, log_probs = markov_model(4)
    loop = DecodeLoop(model, ONES, jit_compile=jit_compile)
    for length in (3, 20):
        made = loop(PRIMER, num_steps=length, sampler=Greedy(), batch_size=2)
        expected = greedy_by_hand(log_probs, PRIMER, length)
        assert [row.tolist() for row in made.events] == [expected] * 2
        np.testing.assert_allclose(
            made.log_likelihood,
            log_likelihood(log_probs, expected, len(PRIMER)),
            rtol=1e-5,
        )


def test_with_and_without_xla_the_same_events():
    model, _ = markov_model(4)
    made = [
        DecodeLoop(model, ONES, jit_compile=jit_compile)(
            PRIMER,
            num_steps=100,
            sampler=make_sampler(1.2, top_k=3),
            seed=11,
            batch_size=5,
        )
        for jit_compile in (False, True)
    ]
    np.testing.assert_array_equal(made[0].events, made[1].events)
    np.testing.assert_allclose(
        made[0].log_likelihood, made[1].log_likelihood, rtol=1e-5
    )


def test_rows_depend_on_the_seed_and_their_number_alone():
    model, log_probs = markov_model(4)
    loop = DecodeLoop(model, ONES, jit_compile=False)
    arguments = {"num_steps": 60, "sampler": make_sampler(), "seed": 5}
    many = loop(PRIMER, batch_size=6, **arguments)
    few = loop(PRIMER, batch_size=2, **arguments)
    np.testing.assert_array_equal(many.events[:2], few.events)
    assert len({row.tobytes() for row in many.events}) == 6
    for row, found in zip(many.events, many.log_likelihood, strict=True):
        assert row[:2].tolist() == PRIMER.tolist()
        assert found == pytest.approx(log_likelihood(log_probs, row, 2), 1e-4)
    longer = loop(PRIMER, batch_size=2, **(arguments | {"num_steps": 200}))
    np.testing.assert_array_equal(
        [row[:60] for row in longer.events], few.events
    )
    other = loop(PRIMER, batch_size=6, **(arguments | {"seed": 6}))
    assert not {r.tobytes() for r in many.events} & {
        r.tobytes() for r in other.events
    }


def test_frequencies_follow_the_chain():
    model, log_probs = markov_model(4)
    loop = DecodeLoop(model, ONES, jit_compile=True)
    made = loop(
        np.array([2], np.int32),
        num_steps=2,
        sampler=make_sampler(),
        batch_size=4000,
    )
    found = np.bincount(np.array(made.events)[:, 1], minlength=4) / 4000
    np.testing.assert_allclose(found, np.exp(log_probs[0][2]), atol=0.035)


def test_rows_stop_at_the_number_of_time_steps():
    model, _ = markov_model(4)
    table = np.array([1, 2, 3, 0], np.int32)
    loop = DecodeLoop(model, table, pad=0, jit_compile=False)
    made = loop(
        PRIMER,
        num_steps=10,
        sampler=make_sampler(),
        batch_size=20,
        max_events=100,
    )
    lengths = {len(row) for row in made.events}
    assert len(lengths) > 2
    for row in made.events:
        assert table[row].sum() >= 10 > table[row[:-1]].sum()


def test_rows_of_events_without_length_stop_at_max_events():
    model, _ = markov_model(4)
    loop = DecodeLoop(model, np.zeros([4], np.int32), jit_compile=False)
    made = loop(PRIMER, num_steps=3, sampler=make_sampler(), max_events=9)
    assert len(made.events[0]) == 9


def test_other_lengths_seeds_and_temperatures_compile_nothing_new():
    model, _ = markov_model(4)
    loop = DecodeLoop(model, ONES, jit_compile=False)
    for i, length in enumerate([50, 70, 128]):
        sampler = make_sampler(1.0 + i, top_k=2 + i)
        loop(PRIMER[: 1 + i % 2], num_steps=length, sampler=sampler, seed=i)
    (function,) = loop._compiled.values()
    assert function.experimental_get_tracing_count() == 1
    for i in range(40):
        loop._function((i,), None, 1, True, Greedy())
    assert len(loop._compiled) == 32


CODEC = MelodyCodec()
ENCODINGS = [
    OneHotEncoding(CODEC.num_events),
    LookbackEncoding(CODEC.num_events),
    KeyMelodyEncoding(CODEC.num_events),
]


def sharp_model(encoding, attention_length):
    """Weights so large that the best label is far ahead of the others."""
    model = EventRnn(encoding, units=(12, 8), attention_length=attention_length)
    for weight in model.weights:
        weight.assign(weight * 3)
    return model


def batch(events):
    return {
        "events": events[np.newaxis],
        "lengths": np.array([len(events)], np.int32),
        "steps": np.array([len(events) - 1], np.int32),
    }


def event_by_event(model, primer, length):
    """Greedy decoding without a graph."""
    encoding_state = model.encoding.initial_state(1)
    state = model.initial_state(1)
    events = list(primer)
    for t in range(length - 1):
        inputs, encoding_state = model.encoding.step(
            tf.constant(events[t : t + 1]), encoding_state
        )
        logits, state = model.step(inputs, state)
        if t + 1 == len(events):
            label = tf.argmax(logits, -1, output_type=tf.int32)
            event = model.encoding.event(label, encoding_state)
            events.append(int(event[0]))
    return events


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda e: type(e).__name__)
def test_real_models_decode_as_without_a_graph(encoding):
    keras.utils.set_random_seed(0)
    model = sharp_model(encoding, attention_length=5)
    loop = DecodeLoop(model, CODEC.steps_table(), jit_compile=False)
    primer = np.array([14, 0, 16, 0, 18, 1], np.int32)
    made = loop(primer, num_steps=50, sampler=Greedy(), batch_size=2)
    expected = event_by_event(model, primer.tolist(), 50)
    assert [row.tolist() for row in made.events] == [expected] * 2


def test_the_log_likelihood_is_what_the_model_says_of_whole_sequences():
    keras.utils.set_random_seed(0)
    model = sharp_model(ENCODINGS[0], attention_length=5)
    loop = DecodeLoop(model, CODEC.steps_table(), jit_compile=True)
    primer = np.array([14, 0, 16, 0, 18, 1], np.int32)
    made = loop(primer, num_steps=80, sampler=make_sampler())
    events = made.events[0]
    assert events[:6].tolist() == primer.tolist() and len(events) == 80
    loss, _ = model.loss_and_metrics(batch(events), training=False)
    before, _ = model.loss_and_metrics(batch(primer), training=False)
    assert made.log_likelihood[0] == pytest.approx(
        5 * float(before) - 79 * float(loss), rel=1e-3
    )


def test_a_loop_can_begin_with_nothing():
    """Before the first event stands a zero input: its logits are zero, too."""
    model, log_probs = markov_model(4)
    loop = DecodeLoop(model, ONES, jit_compile=True)
    made = loop(
        np.zeros([0], np.int32),
        num_steps=3,
        sampler=make_sampler(),
        batch_size=4000,
    )
    events = np.array(made.events)
    assert events.shape == (4000, 3)
    first = np.bincount(events[:, 0], minlength=4) / 4000
    np.testing.assert_allclose(first, 0.25, atol=0.035)
    # The start is the model's first step, so the second event is drawn in its
    # second one.
    for row, found in zip(events, made.log_likelihood, strict=True):
        expected = np.log(0.25) + sum(
            log_probs[t % 2][row[t - 1], row[t]] for t in (1, 2)
        )
        assert found == pytest.approx(expected, rel=1e-4)


def test_conditioning_reaches_the_initial_state():
    model, log_probs = markov_model(4)

    def initial_state(batch_size, conditioning=None):
        return tf.cast(conditioning[:, 0], tf.int32)

    model.initial_state = initial_state
    loop = DecodeLoop(model, ONES, jit_compile=False)
    made = loop(
        PRIMER[:1],
        num_steps=2,
        sampler=Greedy(),
        batch_size=2,
        conditioning=np.array([[0.0], [1.0]]),
    )
    expected = [log_probs[p][PRIMER[0]].argmax() for p in (0, 1)]
    assert [row[1] for row in made.events] == expected


def test_rows_can_be_told_different_controls():
    table = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    told = Guidance(controls=table).padded().tensors()
    found = told.control_at(tf.constant([1, 7]))
    np.testing.assert_array_equal(found, [table[0, 1], table[1, 2]])
