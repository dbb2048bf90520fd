"""What a loop is told: controls by time step, imposed events, limits."""

import keras
import numpy as np
import pytest
from generation_fakes import MarkovModel, PlainEncoding, markov_model
from toy_vectors import CountControl, FieldControl, PairEncoding

from magenta_lite.encodings.conditional import ConditionalEncoding
from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.generation.beam_search import (
    DeterministicBeam,
    StochasticBeam,
)
from magenta_lite.generation.decode_loop import DecodeLoop
from magenta_lite.generation.errors import GenerationError
from magenta_lite.generation.guidance import Guidance
from magenta_lite.generation.samplers import Greedy, make_sampler
from magenta_lite.models.event_rnn import EventRnn

jit = pytest.mark.parametrize("jit_compile", [False, True])
ONE_STEP = np.array([[1, 1, 1], [0, 0, 0]], np.int32)


class ObedientModel(MarkovModel):
    """Its likeliest label is the number that the control's one-hot says."""

    def step(self, inputs, state):
        return inputs[:, : self.encoding.num_classes] * 9.0, state


@jit
def test_the_control_is_that_of_the_next_event(jit_compile):
    encoding = ConditionalEncoding(OneHotEncoding(3), (FieldControl(3),))
    model = ObedientModel(encoding, np.zeros([2, 1, 1]))
    loop = DecodeLoop(model, ONE_STEP, jit_compile=jit_compile)
    controls = np.array([[0], [2], [1], [1], [0], [2]], np.float32)
    made = loop(
        np.array([[1, 0]], np.int32),
        num_steps=8,
        sampler=Greedy(),
        batch_size=2,
        guidance=Guidance(controls=controls),
    )
    # Told and drawn are the same number; the last control goes on.
    expected = [[1, 0], *([n, n] for n in (2, 1, 1, 0, 2, 2, 2))]
    assert [row.tolist() for row in made.events] == [expected] * 2


@jit
def test_controls_follow_the_time_of_each_row(jit_compile):
    encoding = ConditionalEncoding(OneHotEncoding(3), (FieldControl(3),))
    model = ObedientModel(encoding, np.zeros([2, 1, 1]))
    # Event 2 lasts two steps and skips a control.
    table = np.array([[1, 1, 2], [0, 0, 0]], np.int32)
    loop = DecodeLoop(model, table, jit_compile=jit_compile)
    controls = np.array([[0], [2], [1], [0], [1]], np.float32)
    made = loop(
        np.array([[0, 0]], np.int32),
        num_steps=5,
        sampler=Greedy(),
        guidance=Guidance(controls=controls),
    )
    assert made.events[0][:, 0].tolist() == [0, 2, 0, 1]


@jit
def test_imposed_events_come_first_in_their_step(jit_compile):
    # Greedy: 1 follows everything, but after 1 comes 2, the step's end.
    table = np.full([1, 3, 3], -9.0)
    table[:, [0, 2], 1] = 0
    table[:, 1, 2] = 0
    model = MarkovModel(PlainEncoding(3), np.concatenate([table, table]))
    loop = DecodeLoop(model, np.array([0, 0, 1]), jit_compile=jit_compile)
    forced = np.full([4], -1, np.int32)
    forced[[0, 2]] = 0
    made = loop(
        np.array([0], np.int32),
        num_steps=4,
        sampler=Greedy(),
        batch_size=2,
        max_events=40,
        guidance=Guidance(forced_events=forced),
    )
    step_by_step = [[0], [0, 1, 2], [1, 2], [0, 1, 2], [1, 2]]
    assert [row.tolist() for row in made.events] == [sum(step_by_step, [])] * 2


def test_imposed_events_are_certain():
    model, log_probs = markov_model(3)
    loop = DecodeLoop(model, np.ones([3], np.int32), jit_compile=False)
    forced = np.array([-1, 2, -1, 1], np.int32)
    made = loop(
        np.array([0], np.int32),
        num_steps=4,
        sampler=make_sampler(),
        guidance=Guidance(forced_events=forced),
    )
    (events,) = made.events
    assert events[1] == 2 and events[3] == 1
    expected = log_probs[1][events[1], events[2]]
    np.testing.assert_allclose(made.log_likelihood[0], expected, rtol=1e-5)


@jit
def test_limits_hold_for_repeats_too(jit_compile):
    keras.utils.set_random_seed(1)
    encoding = LookbackEncoding(6, (1, 2), 2)
    model = EventRnn(encoding, units=(4,))
    allowed = np.array([True, False, True, False, True, False])
    loop = DecodeLoop(model, np.ones([6], np.int32), jit_compile=jit_compile)
    guidance = Guidance(allowed_events=allowed)
    primer = np.array([1, 3], np.int32)
    made = loop(
        primer,
        num_steps=60,
        sampler=make_sampler(2.0),
        batch_size=8,
        guidance=guidance,
    )
    drawn = np.stack(made.events)[:, 2:]
    assert set(drawn.ravel()) == {0, 2, 4}
    made = DeterministicBeam(3)(loop, primer, num_steps=20, guidance=guidance)
    assert set(np.stack(made.events)[:, 2:].ravel()) <= {0, 2, 4}
    made = StochasticBeam(2, 2, 3)(
        loop,
        primer,
        num_steps=20,
        sampler=make_sampler(),
        num_outputs=2,
        guidance=guidance,
    )
    assert set(np.stack(made.events)[:, 2:].ravel()) <= {0, 2, 4}


@jit
def test_vectors_are_drawn_field_by_field(jit_compile):
    keras.utils.set_random_seed(1)
    model = EventRnn(PairEncoding((3, 2)), units=(4,))
    loop = DecodeLoop(model, ONE_STEP, pad=0, jit_compile=jit_compile)
    primer = np.array([[2, 1]], np.int32)
    arguments = {"num_steps": 30, "sampler": make_sampler(), "seed": 3}
    made = loop(primer, batch_size=5, **arguments)
    events = np.stack(made.events)
    assert events.shape == (5, 30, 2)
    assert set(events[..., 0].ravel()) == {0, 1, 2}
    assert set(events[..., 1].ravel()) == {0, 1}
    fewer = loop(primer, batch_size=2, **arguments)
    np.testing.assert_array_equal(np.stack(fewer.events), events[:2])
    with pytest.raises(GenerationError, match="temperature"):
        DeterministicBeam(2)(loop, primer, num_steps=5)
    beam = StochasticBeam(2, 2)(loop, primer, num_outputs=3, **arguments)
    assert np.stack(beam.events).shape == (3, 30, 2)


def test_lengths_of_guidance_share_a_graph():
    encoding = ConditionalEncoding(OneHotEncoding(3), (CountControl(),))
    model = EventRnn(encoding, units=(4,))
    loop = DecodeLoop(model, np.ones([3], np.int32), jit_compile=False)
    for num_steps in (3, 90, 128):
        loop(
            np.array([0], np.int32),
            num_steps=num_steps,
            sampler=make_sampler(),
            guidance=Guidance(controls=np.ones([num_steps, 1], np.float32)),
        )
    assert len(loop._compiled) == 1
