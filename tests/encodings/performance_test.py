"""Encodings of performances on real pieces, against note_seq."""

import note_seq
import numpy as np
import pytest
import tensorflow as tf
from encoding_checks import check_config, check_encoding, check_loop
from note_seq import performance_controls as reference
from note_seq.performance_encoder_decoder import (
    ModuloPerformanceEventSequenceEncoderDecoder,
    NotePerformanceEventSequenceEncoderDecoder,
)
from performed_sequences import quantized
from shared_data import shared_dir

from magenta_lite.codecs.note_performance import NotePerformanceCodec
from magenta_lite.codecs.performance import PerformanceCodec
from magenta_lite.encodings.conditional import ConditionalEncoding
from magenta_lite.encodings.modulo import ModuloEncoding
from magenta_lite.encodings.one_hot import OneHotEncoding
from magenta_lite.encodings.one_hot_fields import OneHotFieldsEncoding
from magenta_lite.encodings.performance_controls import (
    NoteDensityControl,
    OptionalControl,
    PitchHistogramControl,
)
from magenta_lite.errors import UserError
from magenta_lite.notes.midi import read_midi

_LENGTH = 200
_DENSITY = reference.NoteDensityPerformanceControlSignal(
    3.0, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
)
_HISTOGRAM = reference.PitchHistogramPerformanceControlSignal(5.0)
_BOTH = (NoteDensityControl(), PitchHistogramControl())


def _random_events(shape, seed=0):
    """Few pitches, so that they overlap, and many shifts."""
    rng = np.random.default_rng(seed)
    kinds = [rng.integers(60, 64, shape), rng.integers(188, 192, shape)]
    kinds += [rng.integers(256, 388, shape), rng.integers(0, 388, shape)]
    events = np.select(
        [rng.random(shape) < p for p in (0.4, 0.5, 0.8)], kinds[:3]
    )
    return np.where(events == 0, kinds[3], events).astype(np.int32)


@pytest.fixture(scope="module")
def windows():
    """Events `[6, time]`: windows of real pieces, and random events."""
    codec = PerformanceCodec(32)
    paths = sorted(shared_dir("data", "maestro_performances").rglob("*.mid"))
    rng = np.random.default_rng(0)
    rows = []
    for path in paths[::40]:
        (events,) = codec.encode(read_midi(path))
        start = rng.integers(len(events) - _LENGTH)
        rows.append(events[start : start + _LENGTH])
    return np.concatenate([rows, _random_events([2, _LENGTH])])


def _performance(events):
    """note_seq's Performance of these events."""
    encoding = note_seq.PerformanceOneHotEncoding(32)
    performance = note_seq.Performance(
        steps_per_second=100, num_velocity_bins=32
    )
    for event in events:
        performance.append(encoding.decode_event(event))
    return performance


def test_modulo_equals_note_seq(windows):
    for bins in (32, 0):
        encoder = ModuloPerformanceEventSequenceEncoderDecoder(bins)
        encoding = ModuloEncoding(356 + bins)
        assert encoding.input_depth == encoder.input_size
        assert encoding.num_classes == encoder.num_classes
        assert encoding.default_label == encoder.default_event_label
        events = windows if bins else np.minimum(windows, 355)
        inputs = encoding.inputs(tf.constant(events)).numpy()
        for row in range(len(events)):
            performance = _performance(events[row])
            for t in range(_LENGTH):
                expected = encoder.events_to_input(performance, t)
                np.testing.assert_allclose(inputs[row, t], expected, atol=1e-7)


def test_modulo_contract():
    encoding = ModuloEncoding(388)
    check_encoding(encoding, _random_events([2, 30]), jit_compile=True)
    check_loop(encoding, _random_events([2, 30]))
    check_config(encoding)


def test_fields_equal_note_seq():
    paths = sorted(shared_dir("data", "maestro_performances").rglob("*.mid"))
    codec = NotePerformanceCodec()
    sequence = read_midi(paths[0])
    del sequence.notes[80:], sequence.control_changes[:]
    (events,) = codec.encode(sequence)
    performance = note_seq.performance_lib.NotePerformance(
        quantized(sequence), 32, instrument=None
    )
    encoder = NotePerformanceEventSequenceEncoderDecoder(32)
    encoding = OneHotFieldsEncoding(codec.field_sizes)
    assert encoding.input_depth == encoder.input_size
    inputs = encoding.inputs(tf.constant(events[None]))[0]
    expected = [encoder.events_to_input(performance, t) for t in range(80)]
    np.testing.assert_array_equal(inputs, expected)
    np.testing.assert_array_equal(encoding.labels(events[None])[0], events)


def test_fields_contract():
    sizes = (3, 2, 5)
    rng = np.random.default_rng(0)
    events = np.stack([rng.integers(0, n, [2, 20]) for n in sizes], -1)
    encoding = OneHotFieldsEncoding(sizes)
    assert encoding.head.sizes == sizes
    check_encoding(encoding, events, jit_compile=True)
    check_loop(encoding, events)
    check_config(encoding)


def test_density_by_hand():
    control = NoteDensityControl(window_seconds=1.0)
    on, off, shift = 60, 188, 255
    events = [on, off, shift + 50, on, on, shift + 80, on, shift + 10, on, off]
    # 3 notes in 1 s; 4 in the 0.9 s that are left, 2 in 0.1 s, no time.
    expected = [3, 3, 3] + [4 / 0.9] * 3 + [20, 20, 0, 0]
    values = control.values(tf.constant([events]))[0, :, 0]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    bins = tf.argmax(
        control.encode(tf.constant([[0.0], [1.0], [7.9], [64]])), 1
    )
    assert bins.numpy().tolist() == [0, 1, 3, 7]


def test_histogram_by_hand():
    control = PitchHistogramControl(window_seconds=1.0, prior_seconds=0.5)
    # C and then C# sound; a second start and end of C change nothing.
    events = [60, 60, 255 + 50, 61, 188, 188, 255 + 100, 188]
    values = control.values(tf.constant([events]))[0, :, :2]
    first, second = [1.0, 1.5], [0.5, 1.5]
    np.testing.assert_allclose(
        values, [first] * 3 + [second] * 4 + [[0.5, 0.5]]
    )
    shares = control.encode(
        tf.constant([[1.0] + [3.0] + [0.0] * 10, [0.0] * 12])
    )
    assert shares[0, :3].numpy().tolist() == [0.25, 0.75, 0.0]
    np.testing.assert_allclose(shares[1], 1 / 12)


def test_controls_equal_note_seqs(windows):
    density, histogram = _BOTH
    pad = PerformanceCodec().pad
    padded = np.pad(windows, ((0, 0), (0, 30)), constant_values=pad)
    found = [c.values(tf.constant(padded))[:, :_LENGTH] for c in _BOTH]
    encoded = [c.encode(v) for c, v in zip(_BOTH, found, strict=True)]
    for row, events in enumerate(windows):
        performance = _performance(events)
        for signal, values, inputs in zip(
            (_DENSITY, _HISTOGRAM), found, encoded, strict=True
        ):
            expected = signal.extract(performance)
            np.testing.assert_allclose(
                np.squeeze(values[row]), expected, rtol=1e-6
            )
            expected = [
                signal.encoder.events_to_input(expected, t)
                for t in range(_LENGTH)
            ]
            np.testing.assert_allclose(inputs[row], expected, atol=1e-6)


@pytest.mark.parametrize("is_off", [False, True])
def test_inputs_equal_note_seqs_optional_conditional_encoder(windows, is_off):
    encoder = note_seq.ConditionalEventSequenceEncoderDecoder(
        note_seq.OptionalEventSequenceEncoder(
            note_seq.MultipleEventSequenceEncoder(
                [_DENSITY.encoder, _HISTOGRAM.encoder]
            )
        ),
        note_seq.OneHotEventSequenceEncoderDecoder(
            note_seq.PerformanceOneHotEncoding(32)
        ),
    )
    control = OptionalControl(_BOTH, num_deciding=1)
    encoding = ConditionalEncoding(OneHotEncoding(388, 355), (control,))
    assert encoding.input_depth == encoder.input_size
    row = next(r for r in windows[:, 100:180] if r[0] % 2 == is_off)
    performance = _performance(row)
    controls = list(
        zip(
            _DENSITY.extract(performance),
            _HISTOGRAM.extract(performance),
            strict=True,
        )
    )
    controls = [(is_off, control) for control in controls]
    inputs = encoding.inputs(tf.constant(row[None]))[0]
    for t in range(len(row) - 1):
        expected = encoder.events_to_input(controls, performance, t)
        np.testing.assert_allclose(inputs[t], expected, atol=1e-6)


def test_conditional_contract():
    events = _random_events([3, 40], seed=1)
    target = OneHotEncoding(388, 355)
    for parts in (_BOTH, (OptionalControl(_BOTH),)):
        check_encoding(ConditionalEncoding(target, parts), events)
    # Compiled code may round the shares of the histogram differently.
    density = OptionalControl(_BOTH[:1])
    encoding = ConditionalEncoding(target, (density,))
    check_encoding(encoding, events, jit_compile=True)
    check_loop(encoding, events)


def test_about_half_of_all_rows_are_switched_off():
    control = OptionalControl(_BOTH)
    values = control.values(tf.constant(_random_events([400, 12])))
    is_off = values[..., 0].numpy()
    assert (is_off == is_off[:, :1]).all()
    assert 0.4 < is_off[:, 0].mean() < 0.6


def test_requests():
    density, histogram = _BOTH
    assert density.request({}, 2, 100).tolist() == [[15], [15]]
    asked = {"notes_per_second": [2, 4.5], "pitch_class_histogram": [0] * 12}
    assert density.request(asked, 4, 100).tolist() == [[2], [2], [4.5], [4.5]]
    assert histogram.request(asked, 1, 100).tolist() == [[0] * 12]
    assert histogram.request({}, 1, 100).tolist() == [[1] * 12]
    nested = {"pitch_class_histogram": [[1] * 12, [2] * 12]}
    assert histogram.request(nested, 2, 100)[:, 0].tolist() == [1, 2]
    optional = OptionalControl(_BOTH)
    found = optional.request({"disable_conditioning": [True, False]}, 2, 100)
    assert found[:, :3].tolist() == [[1, 15, 1], [0, 15, 1]]
    assert found.dtype == np.float32
    assert optional.request({}, 1, 100)[0, 0] == 0
    assert optional.names == (
        "disable_conditioning",
        "notes_per_second",
        "pitch_class_histogram",
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"notes_per_second": -1},
        {"notes_per_second": "12"},
        {"notes_per_second": []},
        {"notes_per_second": [1, None]},
        {"pitch_class_histogram": [1] * 11},
        {"pitch_class_histogram": [[1] * 12, [1] * 13]},
        {"pitch_class_histogram": 3},
        {"pitch_class_histogram": [-1] * 12},
        {"disable_conditioning": 2},
        {"disable_conditioning": []},
    ],
)
def test_bad_requests_are_named(asked):
    (name,) = asked
    with pytest.raises(UserError, match=f"{name} is .*; use") as error:
        OptionalControl(_BOTH).request(asked, 4, 100)
    assert "\n" not in str(error.value)


def test_bad_arguments_are_named():
    with pytest.raises(UserError, match="NoteDensityControl: window_seconds"):
        NoteDensityControl(window_seconds=0)
