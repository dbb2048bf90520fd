"""Drum extraction with note_seq's own classes, to compare with.

The loop around `note_seq.DrumTrack` is the one that Magenta's pipeline ran.
"""

import collections

import note_seq
import numpy as np
from note_seq import sequences_lib


def one_drum_classes():
    """The single class of the original's `one_drum`; 39 is played."""
    return [[39, *range(39), *range(40, 128)]]


def _reference(sequence, codec):
    """Drum tracks (events as in DrumsCodec), counts of what is left out."""
    tracks, rejects = [], collections.Counter()
    for section in sequences_lib.split_note_sequence_on_time_changes(sequence):
        try:
            quantized = sequences_lib.quantize_note_sequence(
                section, codec.steps_per_quarter
            )
        except note_seq.BadTimeSignatureError:
            rejects["bad_time_signature"] += 1
            continue
        try:
            tracks += _tracks(quantized, codec, rejects)
        except note_seq.events_lib.NonIntegerStepsPerBarError:
            rejects["non_integer_steps_per_bar"] += 1
    classes = None
    if codec.other_class is not None:
        classes = one_drum_classes()
    encoding = note_seq.MultiDrumOneHotEncoding(classes)
    events = [[encoding.encode_event(event) for event in t] for t in tracks]
    return events, rejects


def _tracks(quantized, codec, rejects):
    search_start_step = 0
    while True:
        track = note_seq.DrumTrack()
        track.from_quantized_sequence(
            quantized,
            search_start_step=search_start_step,
            gap_bars=codec.gap_bars,
            pad_end=codec.pad_end,
            ignore_is_drum=codec.ignore_is_drum,
        )
        if not len(track):
            return
        end_step = track.end_step
        search_start_step = end_step + -end_step % track.steps_per_bar
        if len(track) < track.steps_per_bar * codec.min_bars:
            rejects["too_short"] += 1
            continue
        if codec.max_steps is not None and len(track) > codec.max_steps:
            length = codec.max_steps
            if codec.pad_end:
                length -= length % track.steps_per_bar
            if not length:
                rejects["too_short"] += 1
                continue
            track.set_length(length)
        yield track


def assert_same_drums(sequence, codec):
    """Fails unless the codec finds note_seq's drum tracks and rejects."""
    expected, expected_rejects = _reference(sequence, codec)
    extraction = codec.extract(sequence)
    found_rejects = dict(extraction.rejects)
    found_rejects.pop("no_drums", None)  # note_seq does not count these
    assert found_rejects == dict(expected_rejects)
    assert len(extraction.events) == len(expected)
    for found, track in zip(extraction.events, expected, strict=True):
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, track)
    return extraction
