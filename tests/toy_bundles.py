"""Bundles of every family, of random weights and a few units."""

import keras
import numpy as np

from magenta_lite.bundles.bundle import write_bundle
from magenta_lite.codecs.drums import DrumsCodec
from magenta_lite.codecs.lead_sheet import LeadSheetCodec
from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.codecs.note_performance import NotePerformanceCodec
from magenta_lite.codecs.performance import PerformanceCodec
from magenta_lite.codecs.pianoroll import PianorollCodec
from magenta_lite.codecs.polyphony import PolyphonyCodec
from magenta_lite.encodings.chord_controls import (
    ChordTonesControl,
    TriadControl,
)
from magenta_lite.encodings.conditional import ConditionalEncoding
from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.encodings.one_hot_fields import OneHotFieldsEncoding
from magenta_lite.encodings.performance_controls import (
    NoteDensityControl,
    OptionalControl,
    PitchHistogramControl,
)
from magenta_lite.encodings.pianoroll import PianorollEncoding
from magenta_lite.models.event_rnn import EventRnn

_BOTH = (NoteDensityControl(), PitchHistogramControl())
_NOTES = NotePerformanceCodec()
_ROLL = PianorollCodec()


def _told(size, *controls):
    return ConditionalEncoding(OneHotEncoding(size), controls)


FAMILIES = {
    "melody_rnn": (MelodyCodec(), OneHotEncoding(38)),
    "drums_rnn": (DrumsCodec(), LookbackEncoding(512, (), 6)),
    "improv_rnn": (LeadSheetCodec(), _told(38, TriadControl())),
    "chord_pitches_improv": (
        LeadSheetCodec(triads_only=False),
        _told(38, ChordTonesControl()),
    ),
    "performance_rnn": (PerformanceCodec(32), OneHotEncoding(388)),
    "multiconditioned": (
        PerformanceCodec(32),
        _told(388, OptionalControl(_BOTH)),
    ),
    "note_performance": (_NOTES, OneHotFieldsEncoding(_NOTES.field_sizes)),
    "polyphony_rnn": (PolyphonyCodec(), OneHotEncoding(259, 2)),
    "pianoroll_rnn_nade": (
        _ROLL,
        PianorollEncoding(_ROLL.field_sizes, num_hidden=4),
    ),
}
"""Codec and encoding of each, by the name that its bundle gets."""


# Labels that come more often, lest notes never end and steps never pass.
_FAVOURITES = {
    "performance_rnn": (*range(55, 70), *range(183, 198), *range(256, 276)),
    "multiconditioned": (*range(55, 70), *range(183, 198), *range(256, 276)),
    "polyphony_rnn": (2,) * 3,
}
_STRENGTHS = {"multiconditioned": 20.0, "improv_rnn": 20.0}
"""Makes a state of few units, and what is told, matter to the outputs."""


def toy_model(family, units=(5,), seed=0):
    """The codec and an untrained model."""
    codec, encoding = FAMILIES[family]
    keras.utils.set_random_seed(seed)
    model = EventRnn(encoding, units=units)
    if family in _STRENGTHS or family in _FAVOURITES:
        kernel, bias = model.head.get_weights()
        np.add.at(bias, np.array(_FAVOURITES.get(family, ()), int), 1.5)
        model.head.set_weights([kernel * _STRENGTHS.get(family, 1.0), bias])
    return codec, model


def toy_bundle(path, family, **sizes):
    """Writes a bundle; returns its path."""
    codec, model = toy_model(family, **sizes)
    write_bundle(path, model=model, codec=codec, bundle_id=family)
    return path
