"""The scores that runs have left; of several seeds: all of them, median, worst and best."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hub

from ..config import TrainConfig
from ..evaluation import METRICS
from .seeds import has_diverged
from .sources import keep_sources

BOUND = 0.9  # FG-ARI


def is_over(run: Path, config: TrainConfig) -> bool:
    """Return whether a run of this recipe has come to its end, or has diverged."""
    wanted = json.loads(json.dumps(keep_sources(run, config).to_dict()))
    try:
        if json.loads((run / "train.json").read_text()) != wanted:
            return False
        if has_diverged(run):
            return True
        # The card is the last of what a run leaves.
        last = _last(run)
        names = METRICS if "final_fg_ari" in last else ("mse",)  # images without label maps
        return {f"final_{name}" for name in names} <= last.keys() and (run / "README.md").exists()
    except (OSError, ValueError, IndexError):
        return False


def scores_of(run: Path) -> dict[str, float] | None:
    """Return the scores of a run that is over, with their number of images; `None` if diverged."""
    if has_diverged(run):
        return None
    last = _last(run)
    scores = {name: last[f"final_{name}"] for name in METRICS if f"final_{name}" in last}
    return scores | {"images": last["images"]}


def _last(run: Path) -> dict[str, Any]:
    """Return the last metrics of a run."""
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])


def summarise(group: Path, scores: Mapping[int, Mapping[str, float] | None]) -> None:
    """Print the scores of seeds with their median, worst and best, and write `summary.json`.

    - `scores`: by seed; `None` for one that has diverged.
    """
    whole = [found for found in scores.values() if found]
    known = [name for name in METRICS if not whole or name in whole[0]]
    print(f"\n{'seed':8}" + "".join(f"{METRICS[name]:>9}" for name in known))
    for seed, found in scores.items():
        print(_row(str(seed), found) if found else f"{seed:<8}  diverged")
    spread = _spread(whole, known) if whole else {}
    for name, values in spread.items():
        print(_row(name, values))
    summary = dict(scores=scores, **spread, seeds=len(scores))
    if "fg_ari" in known:
        bound = sum(found["fg_ari"] >= BOUND for found in whole)
        print(f"Bound, with an FG-ARI of {BOUND} or more: {bound} of {len(scores)} seeds.")
        summary |= dict(bound=bound, threshold=BOUND)
    with hub.atomic_file(group / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n")
    print(f"In {group}: a folder for each seed, and summary.json")


def _spread(
    scores: Sequence[Mapping[str, float]], metrics: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return median, worst and best of every metric."""
    found: dict[str, dict[str, float]] = {"median": {}, "worst": {}, "best": {}}
    for metric in metrics:
        values = sorted(score[metric] for score in scores)
        found["median"][metric] = statistics.median(values)
        ends = values[::-1] if metric == "mse" else values
        found["worst"][metric], found["best"][metric] = ends[0], ends[-1]
    return found


def _row(name: str, scores: Mapping[str, float]) -> str:
    return f"{name:8}" + "".join(f"{scores[name]:9.4f}" for name in METRICS if name in scores)
