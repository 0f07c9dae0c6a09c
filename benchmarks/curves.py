"""Curves and scores of finished runs, by dtype and seed, to see what a precision costs:
`python -m benchmarks.curves RUN_FOLDER RUN_FOLDER … --out curves.png`.
"""

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from matplotlib.figure import Figure
from tyro.conf import Positional

from hub.common.terminal import resilient_output
from training.runs import save_plot

COLOURS = {"float32": "#4c78a8", "bfloat16": "#f58518"}
END = 1000  # steps that the loss at the end is the mean of
SCORES = {"loss": ".2f", "final_fg_ari": ".3f", "final_ari": ".3f", "final_mse": ".4f"}


def main(
    runs: Annotated[Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN_FOLDER")], out: Path
) -> None:
    """Print the scores of runs as a table, and draw their loss and FG-ARI over steps.

    Args:
        runs: Folders of finished runs of training.run.
        out: The picture to write, a PNG.
    """
    if not runs:
        sys.exit("error: name at least one folder of a finished run.")
    found = sorted(map(read, runs), key=lambda run: (run["dtype"] != "float32", run["seed"]))
    print(
        "| dtype | seed | loss, last 1,000 steps | FG-ARI | ARI | MSE |\n|---|---|---|---|---|---|"
    )
    for dtype in dict.fromkeys(run["dtype"] for run in found):
        same = [run for run in found if run["dtype"] == dtype]
        median = {name: statistics.median(run[name] for run in same) for name in SCORES}
        for run in (*same, median | dict(dtype=dtype, seed="median")):
            scores = " | ".join(format(run[name], digits) for name, digits in SCORES.items())
            print(f"| {run['dtype']} | {run['seed']} | {scores} |")
    draw(found, out)


def read(run: Path) -> dict[str, Any]:
    """Return dtype, seed and scores of a run, and the lines of its log."""
    try:
        recipe = json.loads((run / "train.json").read_text())
        records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        losses = [r["loss"] for r in records if "loss" in r and r["step"] > recipe["steps"] - END]
        scores = {name: records[-1][name] for name in SCORES if name != "loss"}
        about = dict(dtype=recipe["model"]["dtype"], seed=recipe["seed"], records=records)
        return scores | about | dict(loss=statistics.fmean(losses))
    except (OSError, ValueError, KeyError, IndexError) as error:
        sys.exit(f"error: {run} is no finished run of training.run: {error}.")


def draw(runs: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the curves: a line for each run, a colour for each dtype."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for run in runs:
        for axis, name in ((left, "loss"), (right, "validation_fg_ari")):
            points = [(r["step"], r[name]) for r in run["records"] if name in r]
            first = run["dtype"] not in axis.get_legend_handles_labels()[1]
            label = run["dtype"] if first else None
            style = dict(color=COLOURS[run["dtype"]], linewidth=1, alpha=0.8, label=label)
            axis.plot(*zip(*points, strict=True), **style)
    left.set(xlabel="step", ylabel="loss per image", yscale="log")
    right.set(xlabel="step", ylabel="FG-ARI, 200 validation images", ylim=(0, 1.02))
    right.legend(frameon=False, loc="lower right")
    save_plot(figure, path)


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m benchmarks.curves")
