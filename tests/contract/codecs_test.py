"""What every codec owes, over every codec that a recipe uses."""

import functools
import json
import pickle

import numpy as np
import pytest
from configured import codecs, concrete_classes

import magenta_lite.codecs
from magenta_lite.codecs.base import Codec, DecodeContext
from magenta_lite.codecs.limits import Limits
from magenta_lite.data.synthetic import SyntheticDataset
from magenta_lite.errors import UserError
from magenta_lite.generation.plan import lasts
from magenta_lite.notes.proto import NoteSequence

SHIFTS = (-5, -1, 0, 1, 5)

all_codecs = pytest.mark.parametrize(
    "codec", [pytest.param(c, id=name) for name, c in codecs()]
)


@functools.cache
def tunes():
    return [
        NoteSequence.FromString(record)
        for dataset in (
            SyntheticDataset(num_tunes=3),
            SyntheticDataset(num_tunes=2, meters=((4, 4),)),
        )
        for _, record in dataset.sequences("train")
    ]


@functools.cache
def events_of(codec):
    found = [
        events for tune in tunes() for events in codec.extract(tune).events
    ]
    assert found, "nothing in the made-up tunes is of use to this codec"
    return found


def notes_of(sequence):
    """Notes in order, with times of a tenth of a millisecond."""
    return sorted(
        (
            round(n.start_time, 4),
            round(n.end_time, 4),
            n.pitch,
            n.velocity,
            n.is_drum,
        )
        for n in sequence.notes
    )


def test_every_codec_is_in_a_recipe():
    used = {type(codec) for _, codec in codecs()}
    assert used == concrete_classes(magenta_lite.codecs, Codec)


@all_codecs
def test_sizes_fit_each_other(codec):
    sizes = codec.field_sizes
    assert codec.num_events == max(sizes)
    assert codec.event_shape == ((len(sizes),) if codec.event_shape else ())
    assert 0 <= codec.pad < min(sizes)
    assert codec.default_num_steps > 0
    assert codec.steps_per_second(120.0) > 0


@all_codecs
def test_events_are_within_their_sizes(codec):
    for events in events_of(codec):
        assert events.dtype == np.int32
        assert events.shape[1:] == codec.event_shape
        sizes = codec.field_sizes if codec.event_shape else codec.num_events
        assert ((0 <= events) & (events < np.array(sizes))).all()


@all_codecs
def test_config_pickle_and_hash(codec):
    config = json.loads(json.dumps(codec.get_config()))
    assert type(codec)(**config) == codec
    assert hash(type(codec)(**config)) == hash(codec)
    assert pickle.loads(pickle.dumps(codec)) == codec


@all_codecs
def test_decoded_music_comes_back(codec):
    for events in events_of(codec)[:3]:
        first = codec.decode(events)
        assert first.notes
        again, context = codec.encode_primer(first)
        assert notes_of(codec.decode(again, context)) == notes_of(first)


@all_codecs
def test_music_ends_with_its_steps(codec):
    for events in events_of(codec)[:3]:
        sequence = codec.decode(events, DecodeContext(qpm=90.0))
        rate = codec.steps_per_second(90.0)
        seconds = lasts(codec, events).sum() / rate
        starts = [note.start_time for note in sequence.notes]
        assert max(starts) <= seconds + 1e-6


@all_codecs
def test_steps_table(codec):
    table = codec.steps_table()
    assert table.dtype == np.int32 and (table >= 0).all()
    assert table.shape == (*codec.event_shape, codec.num_events)


@all_codecs
def test_transpositions_lead_back(codec):
    table = codec.transposition_table(SHIFTS)
    values = np.arange(codec.num_events)
    assert table.shape == (len(SHIFTS), *codec.event_shape, codec.num_events)
    assert table.dtype == np.int32
    used = np.array(codec.field_sizes)[:, None] > values
    used = used if codec.event_shape else used[0]
    unison = table[SHIFTS.index(0)]
    assert ((unison == values) | ~used).all()
    if codec.transposed_fields(SHIFTS) is not None:
        sources = codec.transposed_fields(SHIFTS)
        assert sources.shape == (len(SHIFTS), *codec.event_shape)
        in_place = np.arange(len(codec.field_sizes))
        assert (sources[SHIFTS.index(0)] == in_place).all()
        return
    up, down = table[SHIFTS.index(5)], table[SHIFTS.index(-5)]
    back = np.take_along_axis(down, np.maximum(up, 0), axis=-1)
    assert ((back == values) | (up < 0) | ~used).all()


@all_codecs
def test_an_empty_primer_lasts_as_long_as_asked(codec):
    events, context = codec.encode_primer(NoteSequence(), num_steps=32)
    assert len(events) >= 1
    # Events of whole notes only say where the last one begins.
    assert context.start_step + lasts(codec, events).sum() in (31, 32)


@all_codecs
def test_default_primer_is_known(codec):
    primer = codec.default_primer(qpm=90.0)
    assert primer.tempos[0].qpm == 90.0
    events, context = codec.encode_primer(primer)
    assert context.qpm == 90.0
    assert len(codec.decode(events, context).notes) == len(primer.notes)


@all_codecs
def test_primers_are_never_too_long(codec):
    with pytest.raises(UserError, match="primer"):
        codec.encode_primer(tunes()[0], num_steps=1)


@all_codecs
def test_reasons_are_explained(codec):
    for sequence in (NoteSequence(), *tunes()):
        rejects = codec.extract(sequence).rejects
        assert set(rejects) <= set(codec.reject_reasons)
    assert not codec.extract(NoteSequence()).events


@all_codecs
def test_limits_are_kept_by_every_event(codec):
    context = DecodeContext()
    shape = (*codec.event_shape, codec.num_events)
    free = codec.allowed_events(Limits(), context)
    assert free is None or (free.dtype == bool and free.shape == shape)
    limits = Limits(min_pitch=60, max_pitch=72, pitch_classes=frozenset([0, 7]))
    if all(n.is_drum for e in events_of(codec) for n in codec.decode(e).notes):
        with pytest.raises(UserError, match="drum_classes"):
            codec.allowed_events(limits, context)
        return
    allowed = codec.allowed_events(limits, context)
    assert allowed.dtype == bool and allowed.shape == shape
    pitches = set()
    for events in events_of(codec):
        if codec.event_shape:
            fields = np.arange(len(codec.field_sizes))
            kept = events[allowed[fields, events].all(axis=1)]
        else:
            kept = events[allowed[events]]
        notes = codec.decode(kept).notes
        pitches |= {note.pitch for note in notes if not note.is_drum}
    assert pitches <= {60, 67, 72}
    above = int(codec.pitch_table().max()) + 1
    if above < 128:
        with pytest.raises(UserError, match="leave no pitch"):
            codec.allowed_events(Limits(min_pitch=above), context)
