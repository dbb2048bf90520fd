"""Files to training examples with note_seq's own classes, as a baseline.

What Magenta's pipelines did around these classes, in one process: extraction,
encoding as inputs and labels, SequenceExamples in a TFRecord file.
"""

import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import note_seq
import tensorflow as tf
from note_seq import (
    DrumTrack,
    Melody,
    NoteSequence,
    encoder_decoder,
    melody_encoder_decoder,
    midi_io,
    performance_encoder_decoder,
    performance_lib,
    sequences_lib,
)

STRETCH_FACTORS = (0.95, 0.975, 1.0, 1.025, 1.05)
TRANSPOSITIONS = (-3, -2, -1, 0, 1, 2, 3)
_HOP_SECONDS = 30.0
_STEPS_PER_QUARTER, _STEPS_PER_SECOND = 4, 100
_MIN_BARS, _MIN_PITCHES, _MAX_STEPS = 7, 5, 512
_MIN_EVENTS, _MAX_EVENTS = 32, 512
_MIN_PITCH, _MAX_PITCH, _KEY = 48, 84, 0

Extract = Callable[[NoteSequence], Iterable[Any]]


def melodies(sequence: NoteSequence) -> Iterator[Melody]:
    """As Magenta's melody pipeline."""
    for quantized in _quantized_sections(sequence):
        for instrument in {note.instrument for note in quantized.notes}:
            try:
                for melody in _one_after_another(
                    Melody,
                    quantized,
                    instrument=instrument,
                    ignore_polyphonic_notes=False,
                ):
                    histogram = melody.get_note_histogram()
                    if (histogram > 0).sum() >= _MIN_PITCHES:
                        melody.squash(_MIN_PITCH, _MAX_PITCH, _KEY)
                        yield melody
            except note_seq.PolyphonicMelodyError:
                continue


def drum_tracks(sequence: NoteSequence) -> Iterator[DrumTrack]:
    """As Magenta's drum pipeline."""
    for quantized in _quantized_sections(sequence):
        yield from _one_after_another(DrumTrack, quantized)


def performances(
    sequence: NoteSequence,
) -> Iterator[performance_lib.Performance]:
    """As Magenta's performance pipeline, all 35 augmentations written out."""
    sustained = sequences_lib.apply_sustain_control_changes(sequence)
    for factor in STRETCH_FACTORS:
        stretched = sequences_lib.stretch_note_sequence(sustained, factor)
        for hop in sequences_lib.split_note_sequence(stretched, _HOP_SECONDS):
            quantized = sequences_lib.quantize_note_sequence_absolute(
                hop, _STEPS_PER_SECOND
            )
            for semitones in TRANSPOSITIONS:
                moved, _ = sequences_lib.transpose_note_sequence(
                    quantized, semitones
                )
                performance = performance_lib.Performance(
                    moved, num_velocity_bins=32
                )
                performance.truncate(_MAX_EVENTS)
                if len(performance) >= _MIN_EVENTS:
                    yield performance


def basic_encoder() -> Any:
    """The encoding of basic_rnn."""
    return encoder_decoder.OneHotEventSequenceEncoderDecoder(
        melody_encoder_decoder.MelodyOneHotEncoding(_MIN_PITCH, _MAX_PITCH)
    )


def attention_encoder() -> Any:
    """The encoding of attention_rnn."""
    return melody_encoder_decoder.KeyMelodyEncoderDecoder(
        _MIN_PITCH, _MAX_PITCH
    )


def drums_encoder() -> Any:
    """The encoding of drum_kit."""
    return encoder_decoder.LookbackEventSequenceEncoderDecoder(
        note_seq.MultiDrumOneHotEncoding(),
        lookback_distances=[],
        binary_counter_bits=6,
    )


def performance_encoder() -> Any:
    """The encoding of performance_with_dynamics."""
    return encoder_decoder.OneHotEventSequenceEncoderDecoder(
        performance_encoder_decoder.PerformanceOneHotEncoding(
            num_velocity_bins=32
        )
    )


def prepare(
    paths: Iterable[pathlib.Path],
    extract: Extract,
    encoder: Any,
    output: pathlib.Path,
) -> int:
    """Writes the examples of MIDI files; returns how many."""
    num_examples = 0
    with tf.io.TFRecordWriter(str(output)) as writer:
        for path in paths:
            sequence = midi_io.midi_file_to_note_sequence(str(path))
            for events in extract(sequence):
                inputs, labels = encoder.encode(events)
                writer.write(_sequence_example(inputs, labels))
                num_examples += 1
    return num_examples


def _quantized_sections(sequence: NoteSequence) -> Iterator[NoteSequence]:
    for section in sequences_lib.split_note_sequence_on_time_changes(sequence):
        try:
            yield sequences_lib.quantize_note_sequence(
                section, _STEPS_PER_QUARTER
            )
        except note_seq.BadTimeSignatureError:
            continue


def _one_after_another(
    kind: Any, quantized: NoteSequence, **options: Any
) -> Iterator[Any]:
    """Melodies or drum tracks of seven bars or more, cut at 512 steps."""
    search_start_step = 0
    while True:
        events = kind()
        try:
            events.from_quantized_sequence(
                quantized,
                search_start_step=search_start_step,
                gap_bars=1.0,
                **options,
            )
        except note_seq.NonIntegerStepsPerBarError:
            return
        if not len(events):
            return
        end_step = events.end_step
        search_start_step = end_step + -end_step % events.steps_per_bar
        if len(events) >= events.steps_per_bar * _MIN_BARS:
            if len(events) > _MAX_STEPS:
                events.set_length(_MAX_STEPS)
            yield events


def _sequence_example(inputs: list[Any], labels: list[Any]) -> bytes:
    """Dense vectors, as Magenta's `make_sequence_example` wrote them."""
    rows = [
        tf.train.Feature(float_list=tf.train.FloatList(value=row))
        for row in inputs
    ]
    numbers = [
        tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
        for label in labels
    ]
    lists = {
        "inputs": tf.train.FeatureList(feature=rows),
        "labels": tf.train.FeatureList(feature=numbers),
    }
    return tf.train.SequenceExample(
        feature_lists=tf.train.FeatureLists(feature_list=lists)
    ).SerializeToString()
