import numpy as np
import pytest

from magenta_lite.data import corpus_plot, corpus_statistics
from magenta_lite.data.corpus_statistics import CorpusHistograms
from magenta_lite.data.preparation_report import PreparationReport, SplitReport


def histograms(pitch, is_drum=False, meters=(), tempos=(), seconds=8.0):
    pitch = np.array(pitch)
    return corpus_statistics.piece_histograms(
        {
            "pitch": pitch,
            "velocity": np.full(len(pitch), 81),
            "start_time": np.zeros(len(pitch)),
            "end_time": np.full(len(pitch), 0.5),
            "is_drum": np.full(len(pitch), is_drum),
        },
        {
            "time": np.array([time for time, _ in tempos]),
            "qpm": np.array([qpm for _, qpm in tempos]),
        },
        {
            "time": np.array([time for time, _, _ in meters]),
            "numerator": np.array([n for _, n, _ in meters]),
            "denominator": np.array([d for _, _, d in meters]),
        },
        seconds,
    )


def test_counts_what_is_there():
    assert histograms(
        [60, 62, 60],
        meters=[(0.0, 3, 4), (2.0, 4, 4)],
        tempos=[(0.0, 99.9), (7.5, 200.0)],
    ) == {
        "pitch": {"60": 2, "62": 1},
        "drum_pitch": {},
        "velocity": {"80": 3},
        "note_seconds": {"-4": 3},  # 2 ** (-4 / 4) is half a second.
        "piece_seconds": {"12": 1},
        "tempo_qpm": {"95": 1},
        "meter": {"4/4": 1},
    }


def test_what_is_not_said_is_counted_as_such():
    found = histograms([36], is_drum=True)
    assert found["drum_pitch"] == {"36": 1}
    assert found["tempo_qpm"] == found["meter"] == {"unstated": 1}


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e12])
def test_durations_out_of_range_are_counted_at_the_edge(seconds):
    (place,) = histograms([60], seconds=seconds)["piece_seconds"]
    assert int(place) == (64 if seconds > 1 else -40)


def test_sums_are_the_same_in_any_order():
    pieces = [
        histograms([60 + n], meters=[(0.0, n % 3 + 2, 4)]) for n in range(9)
    ]
    one, other = CorpusHistograms(), CorpusHistograms()
    for piece in pieces:
        one.add(piece)
    for piece in pieces[::-1]:
        other.add(piece)
    assert one.total() == other.total()
    assert list(one.total()["pitch"]) == [str(60 + n) for n in range(9)]


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [histograms([60, 64])],
        [histograms([36, 38], is_drum=True)],
        [histograms([60]), histograms([36, 22], is_drum=True)],
        [
            histograms([n], meters=[(0.0, n, 8)], tempos=[(0.0, float(n))])
            for n in range(1, 100)
        ],
    ],
)
def test_draws_any_corpus_and_the_same_twice(tmp_path, pieces):
    corpus = CorpusHistograms()
    for piece in pieces:
        corpus.add(piece)
    report = PreparationReport(
        splits={"train": SplitReport(len(pieces), 9, 5.0, "")},
        rejects={"not_midi": 2},
        histograms=corpus.total(),
    )
    pictures = []
    for name in ("a.png", "b.png"):
        corpus_plot.draw_corpus(report, tmp_path / name)
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG")
