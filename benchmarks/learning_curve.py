"""Draws how the losses of a run fell, beside the losses of plain statistics.

  python benchmarks/learning_curve.py --result_json=result.json \
    --run=performance_with_dynamics --output_png=curve.png

The result is one that event_rnns.py or pianoroll_nade.py wrote.
"""

import json
import pathlib

from absl import app, flags

_RESULT_JSON = flags.DEFINE_string(
    "result_json", None, "From --output_json.", required=True
)
_RUN = flags.DEFINE_string("run", None, "Which one in it.", required=True)
_OUTPUT_PNG = flags.DEFINE_string("output_png", None, "To.", required=True)


def main(argv: list[str]) -> None:
    """Reads, draws and writes."""
    del argv
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    result = json.loads(pathlib.Path(_RESULT_JSON.value).read_text())
    result = result[_RUN.value]
    figure = Figure(figsize=(7, 4), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for split, style in (("train", "-"), ("validation", "o-")):
        steps, losses = zip(*result["curves"][split], strict=True)
        axes.plot(steps, losses, style, label=split, markersize=4)
    test = result["metrics"]["loss"]
    axes.plot(result["step"], test, "k*", label=f"test {test:.3f}")
    for name, score in result["baselines"].items():
        label = f"{name} on test {score['loss']:.3f}"
        axes.axhline(score["loss"], color="0.5", linestyle=":")
        axes.annotate(label, (0, score["loss"]), va="bottom", fontsize=8)
    axes.set_xlabel("steps")
    axes.set_ylabel("nats an event")
    axes.set_title(f"{_RUN.value} on {result['dataset']}")
    axes.legend()
    figure.savefig(_OUTPUT_PNG.value)


if __name__ == "__main__":
    app.run(main)
