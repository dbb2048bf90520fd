"""Melody extraction with note_seq's own classes, to compare with.

The loop around `note_seq.Melody` is the one that Magenta's pipeline ran.
"""

import collections

import note_seq
import numpy as np
from note_seq import sequences_lib


def reference_extraction(sequence, codec):
    """Melodies (ids as in MelodyCodec) and the counts of what is left out."""
    melodies, rejects = [], collections.Counter()
    for section in sequences_lib.split_note_sequence_on_time_changes(sequence):
        try:
            quantized = sequences_lib.quantize_note_sequence(
                section, codec.steps_per_quarter
            )
        except note_seq.BadTimeSignatureError:
            rejects["bad_time_signature"] += 1
            continue
        steps_per_bar = sequences_lib.steps_per_bar_in_quantized_sequence(
            quantized
        )
        if steps_per_bar % 1:
            rejects["non_integer_steps_per_bar"] += 1
            continue
        for instrument in sorted({n.instrument for n in quantized.notes}):
            for melody in _track(quantized, instrument, codec, rejects):
                events = _ids(melody, codec)
                if events is not None:
                    melodies.append(events)
                else:
                    rejects["too_few_pitches"] += 1
    return melodies, rejects


def _track(quantized, instrument, codec, rejects):
    search_start_step = 0
    while True:
        melody = note_seq.Melody()
        try:
            melody.from_quantized_sequence(
                quantized,
                search_start_step=search_start_step,
                instrument=instrument,
                gap_bars=codec.gap_bars,
                ignore_polyphonic_notes=codec.ignore_polyphonic_notes,
                pad_end=codec.pad_end,
                filter_drums=codec.filter_drums,
            )
        except note_seq.PolyphonicMelodyError:
            rejects["polyphonic"] += 1
            return
        if not len(melody):
            return
        end_step = melody.end_step
        search_start_step = end_step + -end_step % melody.steps_per_bar
        if len(melody) < melody.steps_per_bar * codec.min_bars:
            rejects["too_short"] += 1
            continue
        if codec.max_steps is not None and len(melody) > codec.max_steps:
            length = codec.max_steps
            if codec.pad_end:
                length -= length % melody.steps_per_bar
            if not length:
                rejects["too_short"] += 1
                continue
            melody.set_length(length)
        yield melody


def _ids(melody, codec):
    if np.count_nonzero(melody.get_note_histogram()) < codec.min_unique_pitches:
        return None
    melody.squash(codec.min_pitch, codec.max_pitch, codec.transpose_to_key)
    encoding = note_seq.MelodyOneHotEncoding(codec.min_pitch, codec.max_pitch)
    return np.array([encoding.encode_event(event) for event in melody])


def assert_same_extraction(sequence, codec):
    """Fails unless the codec finds note_seq's melodies and rejects."""
    expected, expected_rejects = reference_extraction(sequence, codec)
    extraction = codec.extract(sequence)
    found_rejects = dict(extraction.rejects)
    found_rejects.pop("no_notes", None)  # note_seq does not count these
    assert found_rejects == dict(expected_rejects)
    assert len(extraction.events) == len(expected)
    for found, melody in zip(extraction.events, expected, strict=True):
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, melody)
    return extraction
