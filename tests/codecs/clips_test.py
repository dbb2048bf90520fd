"""Codecs of clips: the original's clips, and nothing else."""

import clips_reference as reference
import numpy as np
import pytest
from random_bands import random_band
from shared_data import shared_dir

from magenta_lite.codecs import clips
from magenta_lite.codecs.drum_clips import DrumClipCodec, DrumRollClipCodec
from magenta_lite.codecs.groove import GrooveClipCodec
from magenta_lite.codecs.lead_sheet_clips import LeadSheetClipCodec
from magenta_lite.codecs.melody_clips import MelodyClipCodec
from magenta_lite.codecs.multi_track import MultiTrackClipCodec
from magenta_lite.codecs.multi_track_chords import MultiTrackChordsClipCodec
from magenta_lite.codecs.trio import TrioClipCodec
from magenta_lite.errors import UserError
from magenta_lite.notes.proto import NoteSequence

SEEDS = range(12)


def tuples(found):
    return [tuple(map(tuple, c)) if c.ndim > 1 else tuple(c) for c in found]


def assert_same(found, expected):
    found = tuples(found)
    assert len(found) == len(set(found))
    assert set(found) == expected


def original(config):
    """Input sequences and tensors of a reference of the original."""
    folder = shared_dir("reference", f"vae_{config}")
    truth = np.load(folder / f"vae_{config}.truth.npz")
    sequences = [
        NoteSequence.FromString(
            (folder / f"vae_{config}.input{i}.pb").read_bytes()
        )
        for i in range(len(truth["lengths"]))
    ]
    return sequences, truth


def test_windows_by_hand():
    cut = clips.windows(np.arange(7), 4, 2)
    assert cut.tolist() == [[0, 1, 2, 3], [2, 3, 4, 5]]
    assert clips.windows(np.arange(3), 4, 2).shape == (0, 4)


def test_clips_are_spread_over_the_piece():
    many = [np.array([i]) for i in range(9)]
    assert [c[0] for c in clips.spread(many, 3)] == [0, 4, 8]
    assert clips.spread(many, None) is many
    assert clips.spread(many, 9) is many
    twice = [np.array([1]), np.array([2]), np.array([1])]
    assert [c[0] for c in clips.distinct(twice)] == [1, 2]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("num_bars", [1, 4])
def test_melodies_are_the_originals(seed, num_bars):
    for codec in (
        MelodyClipCodec(num_bars=num_bars),
        MelodyClipCodec(num_bars=num_bars, programs=None, max_steps=96),
        MelodyClipCodec(num_bars=num_bars, ignore_polyphonic_notes=False),
    ):
        band = random_band(seed)
        found = codec.find_clips(band)
        assert set(found.rejects) <= set(codec.reject_reasons)
        assert_same(found.events, reference.melody_clips(band, codec))


def test_melody_clips_were_found():
    assert any(
        MelodyClipCodec().find_clips(random_band(s)).events for s in SEEDS
    )


@pytest.mark.parametrize(
    ("config", "num_bars", "programs"),
    [
        ("cat-mel_2bar_small", 2, tuple(range(32))),
        ("hierdec-mel_16bar", 16, None),
    ],
)
def test_melody_tensors_of_the_original(config, num_bars, programs):
    sequences, truth = original(config)
    codec = MelodyClipCodec(num_bars=num_bars, programs=programs)
    for row, sequence in enumerate(sequences):
        assert truth["lengths"][row] == codec.num_clip_events
        tensor = truth["inputs"][row]
        np.testing.assert_array_equal(tensor, truth["outputs_target"][row])
        one_hots = [
            np.eye(codec.num_events)[clip]
            for clip in codec.find_clips(sequence).events
        ]
        assert any(np.array_equal(one_hot, tensor) for one_hot in one_hots)


@pytest.mark.parametrize("seed", SEEDS)
def test_drums_are_the_originals(seed):
    band = random_band(seed)
    classes = ((36,), (35,), (38,), (42,), (46,), (50,), (49,), (51,))
    for codec in (DrumClipCodec(), DrumClipCodec(num_bars=1, max_steps=64)):
        found = codec.find_clips(band)
        assert set(found.rejects) <= set(codec.reject_reasons)
        assert_same(found.events, reference.drum_clips(band, codec))
        roll = DrumRollClipCodec(num_bars=codec.num_bars, drum_classes=classes)
        bits = roll.find_clips(band).events
        numbers = [clip @ (1 << np.arange(len(classes))) for clip in bits]
        assert_same(numbers, reference.drum_clips(band, roll))


def test_sixty_one_classes_fit():
    classes = tuple((pitch,) for pitch in range(27, 88))
    codec = DrumRollClipCodec(drum_classes=classes, num_bars=1)
    sequence = NoteSequence()
    for step, pitch in ((0, 27), (3, 87), (15, 50)):
        sequence.notes.add(
            pitch=pitch,
            velocity=80,
            start_time=step / 8,
            end_time=(step + 1) / 8,
            is_drum=True,
        )
    sequence.total_time = 2.0
    (clip,) = codec.find_clips(sequence).events
    assert np.argwhere(clip).tolist() == [[0, 0], [3, 60], [15, 23]]
    assert [n.pitch for n in codec.decode(clip).notes] == [27, 87, 50]


@pytest.mark.parametrize("seed", range(24))
def test_trios_are_the_originals(seed):
    band = random_band(seed, num_bars=12)
    for codec in (TrioClipCodec(num_bars=4), TrioClipCodec(num_bars=8)):
        found = codec.find_clips(band)
        assert set(found.rejects) <= set(codec.reject_reasons)
        assert_same(found.events, reference.trio_clips(band, codec))


def test_trios_were_found():
    codec = TrioClipCodec(num_bars=4)
    assert any(codec.find_clips(random_band(s)).events for s in range(24))


@pytest.mark.parametrize("seed", range(24))
def test_tracks_are_the_originals(seed):
    band = random_band(seed, num_bars=6)
    codec = MultiTrackClipCodec()
    found = codec.find_clips(band)
    assert set(found.rejects) <= set(codec.reject_reasons)
    expected = reference.multi_track_clips(band, codec)
    assert_same(found.events, {_clip(codec, tracks)[0] for tracks in expected})


@pytest.mark.parametrize("seed", SEEDS)
def test_chords_of_tracks_are_the_originals(seed):
    band = with_chords(random_band(seed, num_bars=6), seed)
    codec = MultiTrackChordsClipCodec()
    expected = [
        _clip(codec, tracks)
        for tracks in reference.multi_track_clips(band, codec)
    ]
    found = codec.find_clips(band)
    assert set(found.rejects) <= set(codec.reject_reasons)
    assert {(tuple(c[:, 0]), tuple(triads(c))) for c in found.events} == set(
        expected
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_lead_sheets_are_the_originals(seed):
    band = with_chords(random_band(seed), seed)
    codec = LeadSheetClipCodec(min_bars=1)
    found = codec.find_clips(band)
    assert set(found.rejects) <= set(codec.reject_reasons)
    clips_found = [
        tuple(zip(c[:, 0], triads(c), strict=True)) for c in found.events
    ]
    assert set(clips_found) == reference.lead_sheet_clips(band, codec)


def with_chords(band, seed):
    """The same under random triads, some of them on no beat."""
    rng = np.random.default_rng(seed)
    for place in range(0, int(band.total_time), 2):
        band.text_annotations.add(
            time=place + float(rng.choice([0.0, 0.3, 0.71])),
            text=str(
                rng.choice(["C", "Am7", "F#dim", "Ebaug", "G7/B", "N.C."])
            ),
            annotation_type=band.TextAnnotation.CHORD_SYMBOL,
        )
    return band


def triads(clip):
    """The numbers of the triads in the fields of chords."""
    root, quality = clip[:, 1], clip[:, 3]
    return np.where(root * quality > 0, root + 12 * (quality - 1), 0)


def _clip(codec, tracks):
    """The codec's events, and triads, for tracks of the original."""
    end = codec.num_events - 257
    rows = np.zeros([2, codec.max_tracks, codec.max_track_events], int)
    rows[0, :, 0] = end
    for place, (program, classes, chords) in enumerate(tracks):
        own = np.array(classes) + 1
        own[(own <= 256) & (program == 128)] += end
        rows[0, place, : len(own) + 2] = [361 + program, *own, end]
        rows[1, place, 1 : len(own) + 2] = [*chords, chords[-1]]
    return tuple(map(tuple, rows.reshape([2, -1]).tolist()))


def test_track_clips_were_found():
    codec = MultiTrackClipCodec()
    found = [codec.find_clips(random_band(s, 6)).events for s in range(24)]
    assert sum(map(len, found)) > 20


@pytest.mark.parametrize("seed", SEEDS)
def test_grooves_are_the_originals(seed):
    band = random_band(seed, changes=False)
    codec = GrooveClipCodec(max_clips=None)
    found = codec.find_clips(band).events
    rows = reference.groove_rows(band, codec.drum_classes)
    starts = range(0, len(rows) - 31, 32)
    expected = clips.distinct(rows[start : start + 32] for start in starts)
    assert len(found) == len(expected)
    for clip, row in zip(found, expected, strict=True):
        numbers = np.concatenate(codec._numbers(clip), axis=1)
        np.testing.assert_allclose(numbers, row, atol=1e-6)


def test_groove_tensors_of_the_original():
    sequences, truth = original("groovae_2bar_humanize")
    codec = GrooveClipCodec()
    for row, sequence in enumerate(sequences):
        assert truth["lengths"][row] == codec.num_clip_events
        first = codec.find_clips(sequence).events[0]
        hits, velocities, offsets = codec._numbers(first)
        numbers = np.concatenate([hits, velocities, offsets], axis=1)
        np.testing.assert_allclose(
            numbers, truth["outputs_target"][row], rtol=0, atol=1e-6
        )
        np.testing.assert_array_equal(hits, truth["inputs"][row, :, :9])
        assert not truth["inputs"][row, :, 9:].any()


def test_groove_by_hand():
    sequence = NoteSequence()
    sequence.tempos.add(qpm=120)
    for pitch, velocity, seconds in (
        (36, 64, 0.0),
        (38, 20, 0.50),  # two snares in one step: the louder counts
        (40, 127, 0.53125),  # a quarter of a step late
        (42, 100, 0.96875),  # a quarter of a step early
    ):
        sequence.notes.add(
            pitch=pitch,
            velocity=velocity,
            start_time=seconds,
            end_time=seconds + 0.1,
            is_drum=True,
        )
    codec = GrooveClipCodec(num_bars=1)
    (clip,) = codec.find_clips(sequence).events
    hits, velocities, offsets = codec._numbers(clip)
    assert np.argwhere(hits).tolist() == [[0, 0], [4, 1], [8, 2]]
    assert velocities[0, 0] == 64 / 127 and velocities[4, 1] == 1
    np.testing.assert_allclose(
        offsets[[0, 4, 8], [0, 1, 2]], [0, -0.5, 0.5], atol=1e-6
    )
    again = codec.decode(clip)
    assert [n.velocity for n in again.notes] == [64, 127, 100]
    np.testing.assert_allclose(
        [n.start_time for n in again.notes], [0, 0.53125, 0.96875], atol=1e-6
    )
    assert [n.pitch for n in again.notes] == [36, 38, 42]


@pytest.mark.parametrize(
    "codec", [MelodyClipCodec(), DrumClipCodec(), DrumRollClipCodec()]
)
def test_other_meters_give_no_clip(codec):
    sequence = random_band(1, changes=False)
    sequence.time_signatures[0].numerator = 3
    found = codec.find_clips(sequence)
    assert not found.events and found.rejects == {"other_meter": 1}


@pytest.mark.parametrize(
    "make",
    [
        lambda: MelodyClipCodec(num_bars=0),
        lambda: MelodyClipCodec(max_clips=0),
        lambda: MelodyClipCodec(transpose_to_key=0),
        lambda: DrumRollClipCodec(drum_classes=()),
        lambda: DrumRollClipCodec(drum_classes=((36, 36),)),
        lambda: GrooveClipCodec(drum_classes=((36,),)),
        lambda: TrioClipCodec(min_pitch=100),
        lambda: MultiTrackClipCodec(min_tracks=9),
        lambda: MultiTrackClipCodec(max_track_events=2),
    ],
)
def test_impossible_arguments_are_told(make):
    with pytest.raises(UserError, match="Codec"):
        make()
