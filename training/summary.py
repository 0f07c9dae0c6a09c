"""The scores of several seeds: all of them, median, worst and best."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import hub

from .card import METRICS

BOUND = 0.9  # FG-ARI
SUMMARY = "summary.json"


def summarise(group: Path, scores: Mapping[int, Mapping[str, float] | None]) -> None:
    """Print the scores of seeds with their median, worst and best, and write `summary.json`.

    - `scores`: by seed; `None` for one that has diverged.
    """
    print(f"\n{'seed':8}" + "".join(f"{label:>9}" for label in METRICS.values()))
    for seed, found in scores.items():
        print(_row(str(seed), found) if found else f"{seed:<8}  diverged")
    whole = [found for found in scores.values() if found]
    spread = _spread(whole) if whole else {}
    for name, values in spread.items():
        print(_row(name, values))
    bound = sum(found["fg_ari"] >= BOUND for found in whole)
    print(f"Bound, with an FG-ARI of {BOUND} or more: {bound} of {len(scores)} seeds.")
    summary = dict(scores=scores, **spread, bound=bound, threshold=BOUND, seeds=len(scores))
    with hub.atomic_file(group / SUMMARY) as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n")
    print(f"In {group}: a folder for each seed, and summary.json")


def _spread(scores: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return median, worst and best of every metric."""
    found: dict[str, dict[str, float]] = {"median": {}, "worst": {}, "best": {}}
    for metric in METRICS:
        values = sorted(score[metric] for score in scores)
        found["median"][metric] = statistics.median(values)
        ends = values[::-1] if metric == "mse" else values
        found["worst"][metric], found["best"][metric] = ends[0], ends[-1]
    return found


def _row(name: str, scores: Mapping[str, float]) -> str:
    return f"{name:8}" + "".join(f"{scores[metric]:9.4f}" for metric in METRICS)
