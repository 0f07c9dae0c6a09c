"""Data efficiency, which the paper claims: variants on training sets of several sizes.

`python -m training.sweep --dataset clevr --variants sa,isa-t --train-examples 64,256 --seeds 3`
"""

import csv
import dataclasses
import io
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

import hub
from hub.common.terminal import resilient_output

from .arguments import parse
from .config import TrainConfig
from .data import short_name
from .evaluation import METRICS
from .options import Arguments
from .run import main as train
from .runs import BOUND, draw_sweep, folder, is_over, scores_of, split_seeds

OURS = ("--variant", "--resume", "--push-to-hub")


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Train variants on training sets of several sizes, several seeds of each at once.

    All other options are those of training.run, such as --dataset, --preset and --steps. A sweep
    that was stopped continues by the same command: finished runs are not run again.

    Attributes:
        variants: Symmetries, such as sa,isa-t.
        train_examples: Sizes of the training set, such as 64,256,1024.
        seeds: How many seeds (3), or which (3,5,9).
        out: Folder for sweep.csv, sweep.md, sweep.png and the runs.
    """

    variants: str
    train_examples: str
    seeds: str
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs/sweep")


def main(words: Sequence[str] | None = None) -> None:
    """Train what is not finished, then print the table and draw the plot."""
    words = sys.argv[1:] if words is None else words
    sweep, others = tyro.cli(
        Sweep, args=words, prog="python -m training.sweep", return_unknown_args=True
    )
    if wrong := [word for word in others if word.partition("=")[0] in OURS]:
        sys.exit(f"error: {wrong[0]} is not for a sweep; leave it out.")
    groups = [
        _arguments(sweep, others, variant, count)
        for variant in sweep.variants.split(",")
        for count in sweep.train_examples.split(",")
    ]
    for place, group in enumerate(groups):
        if not is_finished(group):
            print(f"\n{place + 1} of {len(groups)}: {group.output.out}", flush=True)
            try:
                train(group)
            except SystemExit:
                if not is_finished(group):
                    raise  # else all its seeds have diverged
    rows = [row for group in groups for row in read(group)]
    table = format_table(rows)
    for name, text in (("sweep.md", table), ("sweep.csv", format_csv(rows))):
        with hub.atomic_file(sweep.out / name) as temporary:
            temporary.write_text(text)
    print(f"\n{table}")
    if all(row["fg_ari"] is None for row in rows):
        sys.exit("error: training has diverged with all seeds of all variants and sizes.")
    try:
        draw_sweep(rows, sweep.out / "sweep.png", _title(groups[0].recipe))
    except ModuleNotFoundError as missing:
        print(f"No plot: {missing.name} is not installed.")
    print(f"In {sweep.out}: sweep.csv, sweep.md, sweep.png and the runs")


def _arguments(sweep: Sweep, others: Sequence[str], variant: str, count: str) -> Arguments:
    """Return the arguments of `training.run` for a variant and a size."""
    words = [*others, "--variant", variant, "--train-examples", count, "--seeds", sweep.seeds]
    return parse([*words, "--resume", "auto", "--out", str(sweep.out / f"{variant}-{count}")])


def _title(config: TrainConfig) -> str:
    name = "/".join(filter(None, (config.dataset, config.subset)))
    return f"{name} ({short_name(config.data)}), {config.preset}, {config.steps:,} steps"


def is_finished(group: Arguments) -> bool:
    """Return whether the seeds of a variant and a size have been trained, by the same recipe."""
    return all(is_over(folder(run), run.recipe) for run in split_seeds(group))


def read(group: Arguments) -> list[dict[str, Any]]:
    """Return the scores of the seeds of a variant and a size: `None` for those that diverged."""
    rows = []
    for run in split_seeds(group):
        scores = scores_of(folder(run)) or dict.fromkeys((*METRICS, "images"))
        if "fg_ari" not in scores:
            sys.exit(f"error: {run.recipe.data} has no label maps to compare runs by.")
        recipe = run.recipe
        about = dict(variant=recipe.model.variant, train_examples=recipe.train_examples)
        rows.append(about | dict(seed=recipe.seed) | scores)
    return rows


def format_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return the scores as CSV, a line for each seed."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def format_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the FG-ARI of all seeds as a table of Markdown, with the median."""
    lines = [
        f"| variant | training images | FG-ARI of each seed | median | bound (≥ {BOUND}) |",
        "|---|---|---|---|---|",
    ]
    for variant, count in dict.fromkeys((row["variant"], row["train_examples"]) for row in rows):
        same = [r for r in rows if (r["variant"], r["train_examples"]) == (variant, count)]
        found = [row["fg_ari"] for row in same if row["fg_ari"] is not None]
        each = ", ".join("diverged" if r["fg_ari"] is None else f"{r['fg_ari']:.3f}" for r in same)
        median = f"{statistics.median(found):.3f}" if found else "–"
        bound = f"{sum(score >= BOUND for score in found)} of {len(same)}"
        lines.append(f"| `{variant}` | {count:,} | {each} | {median} | {bound} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with resilient_output():
        main()
