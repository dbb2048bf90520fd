import subprocess
import sys

import numpy as np
import pytest
import soundfile

from magenta_lite.notes import render, soundfont
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence

RATE = 16000


def one_note(pitch=69, start=0.0, end=1.0, **fields):
    sequence = NoteSequence()
    sequence.notes.add(
        pitch=pitch,
        start_time=start,
        end_time=end,
        **{"velocity": 90} | fields,
    )
    return sequence


def hertz(audio, rate=RATE):
    """The pitch of a sound: the shortest shift at which it repeats itself."""
    mono = audio[rate // 10 : rate // 10 + rate // 2].mean(axis=1)
    spectrum = np.fft.rfft(mono, 2 * len(mono))
    similar = np.fft.irfft(np.abs(spectrum) ** 2)[: rate // 50]
    shifts = np.arange(len(similar))
    peaks = [
        shift
        for shift in shifts[8:-1]
        if similar[shift - 1] < similar[shift] >= similar[shift + 1]
        and similar[shift] > 0.8 * similar[0]
    ]
    # Between whole samples: the top of a parabola through the peak.
    before, top, after = similar[peaks[0] - 1 : peaks[0] + 2]
    return rate / (
        peaks[0] + (before - after) / (2 * (before - 2 * top + after))
    )


def brightness(audio, rate=RATE):
    """The centre of a sound's spectrum in Hz."""
    spectrum = np.abs(np.fft.rfft(audio.mean(axis=1)))
    frequencies = np.fft.rfftfreq(len(audio), 1 / rate)
    return (spectrum * frequencies).sum() / spectrum.sum()


@pytest.mark.parametrize("program", [0, 24, 40, 73])
@pytest.mark.parametrize("pitch", [48, 55, 60, 66, 72, 77])
def test_notes_sound_at_their_pitch(program, pitch):
    audio = render.synthesize(one_note(pitch, program=program), RATE)
    expected = 440 * 2 ** ((pitch - 69) / 12)
    cents = 1200 * np.log2(hertz(audio) / expected)
    assert abs(cents) < 25


def test_shape_and_level():
    audio = render.synthesize(one_note(start=0.5, end=1.25), RATE)
    assert audio.shape == (int((1.25 + render.TAIL_SECONDS) * RATE), 2)
    assert audio.dtype == np.float32
    assert np.abs(audio).max() == pytest.approx(render.PEAK, rel=1e-5)
    assert np.abs(audio[: RATE // 2]).max() == 0
    assert np.abs(audio[RATE // 2 : RATE // 2 + 800]).max() > 0.1
    assert np.abs(audio[-1]).max() == 0


def test_louder_notes_are_louder():
    sequence = one_note(velocity=100)
    sequence.notes.add(pitch=69, velocity=50, start_time=3, end_time=4)
    audio = render.synthesize(sequence, RATE)
    loud = np.abs(audio[:RATE]).max()
    soft = np.abs(audio[3 * RATE :]).max()
    assert loud / soft == pytest.approx(4, rel=0.05)


def test_drums_sound_as_drums():
    bass = render.synthesize(one_note(36, is_drum=True), RATE)
    hat = render.synthesize(one_note(42, is_drum=True), RATE)
    piano = render.synthesize(one_note(36), RATE)
    assert brightness(hat) > 2 * brightness(bass)
    assert bass.shape == piano.shape
    assert not np.allclose(bass, piano)


def test_programs_differ_and_missing_ones_play():
    piano = render.synthesize(one_note(), RATE)
    for program in range(8, 128, 9):
        audio = render.synthesize(one_note(program=program), RATE)
        assert np.isfinite(audio).all()
        assert not np.array_equal(audio, piano)
    assert np.abs(
        render.synthesize(one_note(38, is_drum=True, program=99), RATE)
    ).max() == pytest.approx(render.PEAK, rel=1e-5)


def test_every_key_and_drum_plays():
    for pitch in range(0, 128, 7):
        for is_drum in (False, True):
            audio = render.synthesize(
                one_note(pitch, is_drum=is_drum, end=0.1), RATE
            )
            assert np.isfinite(audio).all()
            assert np.abs(audio).max() <= render.PEAK * 1.00001


def test_same_notes_same_sound():
    np.testing.assert_array_equal(
        render.synthesize(one_note(), RATE), render.synthesize(one_note(), RATE)
    )


def test_silence():
    assert np.abs(render.synthesize(NoteSequence(), RATE)).max() == 0


def test_wav_file(tmp_path):
    path = tmp_path / "note.wav"
    render.write_wav(one_note(), path, RATE)
    info = soundfile.info(path)
    assert (info.samplerate, info.channels) == (RATE, 2)
    assert (info.format, info.subtype) == ("WAV", "PCM_16")
    written, _ = soundfile.read(path)
    expected = render.synthesize(one_note(), RATE)
    np.testing.assert_allclose(written, expected, atol=1 / 32000)
    assert [one.name for one in tmp_path.iterdir()] == ["note.wav"]


def test_unwritable_and_unplayable(tmp_path):
    with pytest.raises(NotesError, match="cannot be written"):
        render.write_wav(one_note(), tmp_path / "none" / "a.wav", RATE)
    with pytest.raises(NotesError, match="up to 3600 s"):
        render.synthesize(one_note(end=4000), RATE)
    for fields in ({"pitch": 128}, {"start": -1}, {"program": 200}):
        with pytest.raises(NotesError, match="cannot be played"):
            render.synthesize(one_note(**fields), RATE)
    assert list(tmp_path.iterdir()) == []


def test_broken_soundfonts_have_a_reason(tmp_path):
    path = tmp_path / "font.sf2"
    for content in (b"", b"RIFF\0\0\0\0sfbk", b"MThd" * 20):
        path.write_bytes(content)
        with pytest.raises(NotesError, match="SoundFont 2") as caught:
            soundfont.SoundFont(path)
        assert caught.value.reason == "broken_soundfont"


def test_playing_imports_nothing_slow():
    code = (
        "import sys; from magenta_lite.notes import proto, render;"
        "sequence = proto.NoteSequence();"
        "sequence.notes.add(pitch=60, velocity=9, end_time=1);"
        "render.synthesize(sequence);"
        "slow = {'pretty_midi', 'note_seq', 'tensorflow', 'symusic', 'scipy'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
