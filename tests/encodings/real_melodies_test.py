"""Every encoding equals note_seq's on real melodies, event for event."""

import importlib.util
import pathlib

import note_seq
import numpy as np
import pytest
import tensorflow as tf
from melody_reference import assert_same_extraction
from shared_data import shared_dir

from magenta_lite.codecs.melody import MelodyCodec
from magenta_lite.encodings.key_melody import KeyMelodyEncoding
from magenta_lite.encodings.lookback import LookbackEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.notes.abc import read_tunes
from magenta_lite.notes.midi import read_midi
from magenta_lite.notes.proto import NoteSequence

_CODEC = MelodyCodec(transpose_to_key=0)
_ONE_HOT = note_seq.MelodyOneHotEncoding(48, 84)
_PAIRS = {
    "one_hot": (
        OneHotEncoding(38),
        note_seq.OneHotEventSequenceEncoderDecoder(_ONE_HOT),
    ),
    "lookback": (
        LookbackEncoding(38),
        note_seq.LookbackEventSequenceEncoderDecoder(_ONE_HOT),
    ),
    "key_melody": (
        KeyMelodyEncoding(38),
        note_seq.KeyMelodyEncoderDecoder(48, 84),
    ),
}


def _check(name, melodies, max_events):
    """Compares inputs and labels at every position."""
    encoding, encoder = _PAIRS[name]

    @tf.function
    def whole(events):
        return encoding.inputs(events), encoding.labels(events)

    for start in range(0, len(melodies), 128):
        batch = melodies[start : start + 128]
        events = np.zeros([len(batch), max_events], np.int32)
        for row, melody in zip(events, batch, strict=True):
            row[: len(melody)] = melody[:max_events]
        inputs, labels = (t.numpy() for t in whole(tf.constant(events)))
        for row, melody in enumerate(batch):
            values = [e - 2 if e < 2 else e + 46 for e in melody.tolist()]
            for t in range(min(len(values), max_events)):
                expected = encoder.events_to_input(values, t)
                assert inputs[row, t].tolist() == expected
                assert labels[row, t] == encoder.events_to_label(values, t)


def test_nottingham_sample():
    folder = shared_dir("data", "nottingham", "MIDI", "melody")
    paths = sorted(folder.glob("*.mid"))[::60]
    melodies = [m for p in paths for m in _CODEC.extract(read_midi(p)).events]
    assert len(melodies) > 8
    for name in _PAIRS:
        _check(name, melodies, max_events=64)


@pytest.fixture(scope="module")
def folk_melodies():
    """Over 2,000 different melodies from the tunebooks inside music21."""
    package = importlib.util.find_spec("music21")
    if package is None:
        pytest.skip("needs music21 (extra corpus)")
    corpus = pathlib.Path(package.origin).parent / "corpus"
    melodies = {}
    for folder in ("airdsAirs", "ryansMammoth", "oneills1850"):
        for path in sorted((corpus / folder).glob("*.abc")):
            for tune in read_tunes(path.read_text("utf-8", "replace")):
                if isinstance(tune.sequence, NoteSequence):
                    found = _CODEC.extract(tune.sequence)
                    melodies |= {m.tobytes(): m for m in found.events}
                    if tune.number % 8 == 0:
                        assert_same_extraction(tune.sequence, _CODEC)
    assert len(melodies) > 2000
    return list(melodies.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "max_events"),
    [("one_hot", 512), ("lookback", 512), ("key_melody", 64)],
)
def test_folk_tunes(name, max_events, folk_melodies):
    _check(name, folk_melodies, max_events)
