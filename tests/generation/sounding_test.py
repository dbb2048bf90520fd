import numpy as np
import pytest
from generation_fakes import markov_model
from performance_toy import ToyPerformanceCodec, off, on, shift

from magenta_lite.codecs.drums import DrumsCodec
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.codecs.performance import PerformanceCodec
from magenta_lite.generation.beam_search import (
    DeterministicBeam,
    StochasticBeam,
)
from magenta_lite.generation.decode_loop import DecodeLoop
from magenta_lite.generation.guidance import Guidance
from magenta_lite.generation.samplers import make_sampler
from magenta_lite.generation.sounding import SoundingNotes

CODEC = ToyPerformanceCodec()
PRIMER = np.array([on(0), on(2), shift(1), off(2)], np.int32)
NOTES_OF_EVENTS = CODEC.note_events()

jit = pytest.mark.parametrize("jit_compile", [False, True])


def chain_loop(jit_compile=False, note_events=NOTES_OF_EVENTS):
    model, _ = markov_model(CODEC.num_events)
    return DecodeLoop(
        model,
        CODEC.steps_table(),
        CODEC.pad,
        jit_compile=jit_compile,
        note_events=note_events,
    )


def num_meaningless(events):
    """Starts of what sounds and ends of what does not."""
    sounding, count = set(), 0
    for event in events:
        if event < on(3):
            count += event in sounding
            sounding.add(event)
        elif event < off(3):
            count += event - off(0) not in sounding
            sounding.discard(event - off(0))
    return count


def test_one_pitch_by_hand():
    notes = SoundingNotes.of(NOTES_OF_EVENTS)
    sounding = notes.after(notes.none(2), np.array([on(1), shift(2)]))
    assert sounding.numpy().tolist() == [[False, True, False], [False] * 3]
    allowed = notes.allowed_events(sounding).numpy()
    others = [True] * (CODEC.num_events - 6)
    starts, ends = [True, False, True], [False, True, False]
    assert allowed[0].tolist() == starts + ends + others
    assert allowed[1].tolist() == [True] * 3 + [False] * 3 + others
    silent = notes.after(sounding, np.array([off(1), off(1)]))
    assert not silent.numpy().any()


@jit
def test_what_is_drawn_starts_silent_and_ends_sounding_notes(jit_compile):
    asked = {
        "num_steps": 200,
        "max_events": 100,
        "sampler": make_sampler(2.0),
        "batch_size": 8,
    }
    made = chain_loop(jit_compile)(PRIMER, **asked)
    assert [num_meaningless(row) for row in made.events] == [0] * 8
    free = chain_loop(jit_compile, note_events=None)(PRIMER, **asked)
    assert min(num_meaningless(row) for row in free.events) > 0


def test_beams_follow_each_entry_of_their_own():
    limits = {"num_steps": 60, "max_events": 40}
    best = DeterministicBeam(4)(chain_loop(), PRIMER, **limits)
    assert len({tuple(row) for row in best.events}) == 4
    drawn = StochasticBeam(2, 3, 2)(
        chain_loop(), PRIMER, sampler=make_sampler(), num_outputs=3, **limits
    )
    for row in best.events + drawn.events:
        assert num_meaningless(row) == 0


def test_limits_still_hold():
    allowed = np.ones([CODEC.num_events], bool)
    allowed[on(1)] = False
    made = chain_loop()(
        PRIMER,
        num_steps=200,
        max_events=100,
        sampler=make_sampler(2.0),
        batch_size=4,
        guidance=Guidance(allowed_events=allowed),
    )
    for row in made.events:
        assert num_meaningless(row) == 0 and on(1) not in row


def test_only_where_notes_end_one_by_one():
    assert SoundingNotes.of(PerformanceCodec().note_events()) is not None
    for codec in (MelodyCodec(), DrumsCodec()):
        assert SoundingNotes.of(codec.note_events()) is None
    assert SoundingNotes.of(None) is None
