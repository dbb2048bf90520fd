import matplotlib.image
import pytest

from magenta_lite.errors import UserError
from magenta_lite.notes import plot_steps
from magenta_lite.notes.proto import NoteSequence


def clip(pitch, qpm=120.0, is_drum=False):
    """Two bars: a note at the start of each."""
    sequence = NoteSequence()
    sequence.tempos.add(qpm=qpm)
    bar = 240 / qpm
    for number in range(2):
        sequence.notes.add(
            pitch=pitch,
            velocity=90,
            is_drum=is_drum,
            start_time=number * bar,
            end_time=(number + 0.5) * bar,
        )
    return sequence


def boxes(axis):
    """(start, bottom) of every note drawn."""
    found = []
    for collection in axis.collections:
        for path in collection.get_paths():
            low = path.get_extents().min
            found.append((round(float(low[0]), 2), round(float(low[1]), 2)))
    return sorted(found)


def test_steps_share_pitches_and_bars_whatever_their_tempo():
    sequences = [clip(60), clip(64, qpm=60), NoteSequence()]
    figure = plot_steps._figure(sequences, ["a", "b", "c"], "A title")
    axes = figure.axes
    assert [axis.get_ylabel() for axis in axes] == ["a", "b", "c"]
    assert len({axis.get_ylim() for axis in axes}) == 1
    assert [axis.get_xlim() for axis in axes] == [(0, 2)] * 3
    first, second = boxes(axes[0]), boxes(axes[1])
    assert [start for start, _ in first] == [0, 1]
    assert [start for start, _ in second] == [0, 1]
    assert second[0][1] - first[0][1] == pytest.approx(4)  # semitones
    assert not boxes(axes[2])
    assert figure.get_suptitle() == "A title"


def test_drums_lie_below_pitches():
    both = clip(50)
    both.notes.extend(clip(36, is_drum=True).notes)
    figure = plot_steps._figure([both], ["x"], None)
    heights = sorted({height for _, height in boxes(figure.axes[0])})
    assert len(heights) == 2 and heights[1] - heights[0] == pytest.approx(2)


def test_file(tmp_path):
    path = tmp_path / "steps.png"
    plot_steps.draw_steps([clip(60)] * 3, list("abc"), path)
    assert matplotlib.image.imread(path).shape[1] == 1430
    assert [one.name for one in tmp_path.iterdir()] == ["steps.png"]


@pytest.mark.parametrize("count", [0, plot_steps.MAX_STEPS + 1])
def test_too_few_or_too_many(count, tmp_path):
    with pytest.raises(UserError, match="1 to 64 steps"):
        plot_steps.draw_steps([clip(60)] * count, [""] * count, tmp_path / "x")
