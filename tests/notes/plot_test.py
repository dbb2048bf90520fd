import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest
from matplotlib import colors

from magenta_lite.notes import names, plot
from magenta_lite.notes.errors import NotesError
from magenta_lite.notes.proto import NoteSequence


def melody(instruments=1, drums=0):
    sequence = NoteSequence()
    for instrument in range(instruments):
        for index in range(8):
            sequence.notes.add(
                pitch=60 + 2 * index + instrument,
                velocity=100,
                start_time=index,
                end_time=index + 1,
                instrument=instrument,
            )
    for index in range(drums):
        sequence.notes.add(
            pitch=36 + 2 * index,
            velocity=100,
            start_time=index,
            end_time=index + 0.1,
            instrument=9,
            is_drum=True,
        )
    return sequence


def columns(image, colour):
    """Which columns of a picture hold a colour, as parts of its width."""
    wanted = np.round(np.array(colors.to_rgb(colour)) * 255)
    # Leave out the legend above.
    picture = image[image.shape[0] // 5 :]
    found = (np.abs(picture - wanted).max(axis=-1) <= 2).any(axis=0)
    return np.flatnonzero(found) / image.shape[1]


def test_primer_and_continuation_have_their_colours_and_sides():
    image = plot.piano_roll_image(melody(), primer_end_seconds=4.0)
    assert image.dtype == np.uint8
    assert image.ndim == 3 and image.shape[2] == 3
    primer = columns(image, plot.PRIMER_COLOUR)
    continuation = columns(image, plot.INSTRUMENT_COLOURS[0])
    assert primer.max() < continuation.min()
    # Four of eight notes each.
    assert np.ptp(primer) == pytest.approx(np.ptp(continuation), rel=0.05)


def test_without_primer_nothing_is_grey():
    image = plot.piano_roll_image(melody())
    assert not len(columns(image, plot.PRIMER_COLOUR))
    assert np.ptp(columns(image, plot.INSTRUMENT_COLOURS[0])) > 0.85


def test_instruments_and_drums_have_colours_of_their_own():
    image = plot.piano_roll_image(melody(instruments=2, drums=3))
    for colour in plot.INSTRUMENT_COLOURS[:3]:
        assert len(columns(image, colour))
    assert not len(columns(image, plot.INSTRUMENT_COLOURS[3]))


def test_soft_notes_are_pale():
    sequence = melody()
    for note in sequence.notes:
        note.velocity = 20
    image = plot.piano_roll_image(sequence)
    assert not len(columns(image, plot.INSTRUMENT_COLOURS[0]))


def test_drums_alone_are_named():
    figure = plot._figure(melody(0, drums=3), None, None, 50)
    [axis] = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        *("Bass drum", "Snare", "Snare (electric)")
    ]


def test_bars_above_seconds_below_and_a_legend():
    figure = plot._figure(melody(), 4.0, "A title", 50)
    [axis] = figure.axes
    above = axis.child_axes[0]
    assert [label.get_text() for label in above.get_xticklabels()] == [
        *("1", "2", "3", "4")
    ]
    np.testing.assert_allclose(above.get_xticks(), [0, 2, 4, 6])
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        *("C4", "E4", "G4", "C5", "E5")
    ]
    assert [text.get_text() for text in figure.legends[0].texts] == [
        *("primer", "continuation")
    ]
    assert figure.get_suptitle() == "A title"


def test_png_file(tmp_path):
    path = tmp_path / "roll.png"
    plot.draw_piano_roll(melody(), path, primer_end_seconds=2.0, title="x")
    assert matplotlib.image.imread(path).shape[:2] == (600, 1650)
    assert [one.name for one in tmp_path.iterdir()] == ["roll.png"]


def test_the_same_picture_twice():
    np.testing.assert_array_equal(
        plot.piano_roll_image(melody()), plot.piano_roll_image(melody())
    )


@pytest.mark.parametrize("primer", [None, 0.0, 4.0])
def test_empty_and_odd_sequences_can_be_drawn(primer):
    assert plot.piano_roll_image(NoteSequence(), primer).size
    odd = NoteSequence()
    odd.notes.add(pitch=0, start_time=0, end_time=0)
    odd.notes.add(pitch=127, start_time=9, end_time=9, velocity=127)
    odd.time_signatures.add(numerator=0, denominator=4)
    assert plot.piano_roll_image(odd, primer).size


def test_a_missing_folder_is_one_line(tmp_path):
    with pytest.raises(NotesError, match="cannot be written"):
        plot.draw_piano_roll(melody(), tmp_path / "none" / "roll.png")


def test_names():
    assert names.pitch_name(60) == "C4"
    assert names.pitch_name(0) == "C-1"
    assert names.pitch_name(127) == "G9"
    assert names.drum_name(38) == "Snare"
    assert names.drum_name(3) == "drum 3"


def test_drawing_does_not_touch_pyplot():
    code = (
        "import sys; from magenta_lite.notes import plot, proto;"
        "before = 'matplotlib' in sys.modules;"
        "plot.piano_roll_image(proto.NoteSequence());"
        "print(before, 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False False"


def test_chord_symbols_stand_above_the_notes():
    sequence = melody()
    plain = plot._figure(sequence, None, None, 50).axes[0].get_ylim()[1]
    for time, text, kind in ((0, "C", 1), (4, "F#m7/$B", 1), (5, "la", 0)):
        sequence.text_annotations.add(
            time=time, text=text, annotation_type=kind
        )
    figure = plot._figure(sequence, None, None, 50)
    [axis] = figure.axes
    found = [(text.get_position(), text.get_text()) for text in axis.texts]
    assert [text for _, text in found] == ["C", "F#m7/$B"]
    for ((x, y), _), start in zip(found, (0, 4), strict=True):
        assert start <= x < start + 0.1
        assert plain < y < axis.get_ylim()[1]
