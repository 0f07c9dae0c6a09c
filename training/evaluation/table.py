"""The measures of models as tables: with intervals, and what several seeds have in common."""

import json
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .intervals import interval, mean_of, share_interval, share_of_variance

Values = Mapping[str, Float[np.ndarray, "n *m"]]


class Column(NamedTuple):
    """The head of a column, and the digits of its numbers."""

    title: str
    digits: int = 3


def summarise(scores: Mapping[str, Values]) -> dict[str, Any]:
    """Return `models`, with each measure and its interval, and `seeds`: medians and ranges.

    A measure is the mean of the values of images, or the `share_of_variance` of their moments. A
    range is over models whose recipes differ in the seed alone.

    - `scores`: by model, a folder or a repo: by measure, the values of each image.
    """
    models = {
        name: {measure: _measure(values) for measure, values in found.items()}
        for name, found in scores.items()
    }
    groups: dict[str, list[str]] = {}
    for name in scores:
        if (recipe := _recipe(Path(name))) is not None:
            groups.setdefault(recipe, []).append(name)
    seeds = [
        {"models": names}
        | {key: _spread([models[n][key] for n in names]) for key in models[names[0]]}
        for names in groups.values()
        if len(names) > 1
    ]
    return {"models": models, "seeds": seeds}


def format_table(
    summary: Mapping[str, Any],
    columns: Mapping[str, Column],
    aside: Mapping[str, Iterable[str]] | None = None,
) -> str:
    """Return a summary as a table of Markdown.

    - `columns`: by the name of the measure.
    - `aside`: by model, the measures that are in italics.
    """
    titles = [column.title for column in columns.values()]
    lines = [f"| model | {' | '.join(titles)} |", f"|---|{'---|' * len(titles)}"]
    for name, found in summary["models"].items():
        row = {key: _cell("{value} [{low}, {high}]", found[key], columns[key]) for key in columns}
        lines.append(_line(f"`{name}`", row, [name], aside))
    for group in summary["seeds"]:
        what = f"`{_joined(group['models'])}`: median of {len(group['models'])} seeds (range)"
        text = "{median} ({lowest} to {highest})"
        row = {key: _cell(text, group[key], columns[key]) for key in columns}
        lines.append(_line(what, row, group["models"], aside))
    return "\n".join(lines) + "\n"


def _joined(names: Sequence[str]) -> str:
    """Return names that begin alike in one, as `runs/seed{2,10}`."""
    start = os.path.commonprefix(names).rstrip("0123456789")
    return f"{start}{{{','.join(name.removeprefix(start) for name in names)}}}"


def _line(
    name: str,
    row: Mapping[str, str],
    models: Sequence[str],
    aside: Mapping[str, Iterable[str]] | None,
) -> str:
    italic = set() if aside is None else {key for model in models for key in aside[model]}
    cells = [f"*{text}*" if key in italic and text != "–" else text for key, text in row.items()]
    return f"| {name} | {' | '.join(cells)} |"


def _cell(text: str, numbers: Mapping[str, float], column: Column) -> str:
    if any(np.isnan(number) for number in numbers.values()):
        return "–"
    return text.format(**{key: f"{x:.{column.digits}f}" for key, x in numbers.items()})


def _measure(values: Float[np.ndarray, "n *m"]) -> dict[str, float]:
    if values.ndim > 1:
        value, (low, high) = share_of_variance(values), share_interval(values)
    else:
        value, (low, high) = mean_of(values), interval(values)
    return {"value": value, "low": low, "high": high}


def _spread(measures: list[dict[str, float]]) -> dict[str, float]:
    values = [measure["value"] for measure in measures]
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def _recipe(folder: Path) -> str | None:
    """Return the recipe of a run but for its seed, `None` of a model that is no run's here."""
    try:
        recipe = json.loads((folder / "train.json").read_text())
    except (OSError, ValueError):
        return None
    return json.dumps(recipe | {"seed": None, "data_seed": None}, sort_keys=True)
