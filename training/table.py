"""The scores of models as a table: means with intervals, and what several seeds have in common."""

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from .card import METRICS
from .intervals import interval, mean_of

Scores = Mapping[str, Float[np.ndarray, " n"]]


def summarise(scores: Mapping[str, Scores]) -> dict[str, Any]:
    """Return `models`, with mean and interval of each score, and `seeds`: medians and ranges.

    A range is over the means of models whose recipes differ in the seed alone.

    - `scores`: by model, a folder or a repo: the scores of each image.
    """
    models = {}
    for name, found in scores.items():
        models[name] = {metric: _measure(found[metric]) for metric in METRICS}
    groups: dict[str, list[str]] = {}
    for name in scores:
        if (recipe := _recipe(Path(name))) is not None:
            groups.setdefault(recipe, []).append(name)
    seeds = [
        {"models": names}
        | {metric: _spread([models[n][metric] for n in names]) for metric in METRICS}
        for names in groups.values()
        if len(names) > 1
    ]
    return {"models": models, "seeds": seeds}


def format_table(summary: Mapping[str, Any]) -> str:
    """Return a summary as a table of Markdown."""
    lines = [f"| model | {' | '.join(METRICS.values())} |", f"|---|{'---|' * len(METRICS)}"]
    for name, found in summary["models"].items():
        cells = [f"{s['mean']:.3f} [{s['low']:.3f}, {s['high']:.3f}]" for s in found.values()]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    for group in summary["seeds"]:
        first, *others = group["models"]
        folders = {str(Path(name).parent) for name in group["models"]}
        where = folders.pop() if len(folders) == 1 else f"{first}` and `{'`, `'.join(others)}"
        what = f"`{where}`: median of {len(group['models'])} seeds (range)"
        cells = [
            "{median:.3f} ({lowest:.3f} to {highest:.3f})".format(**group[metric])
            for metric in METRICS
        ]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _measure(values: Float[np.ndarray, " n"]) -> dict[str, float]:
    low, high = interval(values)
    return {"mean": mean_of(values), "low": low, "high": high}


def _spread(measures: list[dict[str, float]]) -> dict[str, float]:
    means = [measure["mean"] for measure in measures]
    return {"median": statistics.median(means), "lowest": min(means), "highest": max(means)}


def _recipe(folder: Path) -> str | None:
    """Return the recipe of a run but for its seed, `None` of a model that is no run's here."""
    try:
        recipe = json.loads((folder / "train.json").read_text())
    except (OSError, ValueError):
        return None
    return json.dumps(recipe | {"seed": None, "data_seed": None}, sort_keys=True)
