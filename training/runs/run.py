"""Runs in training: one, or one for each of several seeds, with their logs and checkpoints."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from hub.common.terminal import say

from ..config import TrainConfig
from .log import Log, NonFiniteError
from .prepare import Plan
from .saving import Saver
from .seeds import mark_as_diverged
from .trackers import Tracker
from .tracking import with_prefix


@dataclasses.dataclass
class Run:
    """A model's run.

    Attributes:
        config: Its recipe.
        folder: Where it writes.
        resumed: Whether another process has started it.
        log: Its metrics.
        saver: Its checkpoints.
        place: Its place among the models that are trained.
        alone: Whether it is the program's only one, rather than that of a seed.
    """

    config: TrainConfig
    folder: Path
    resumed: bool
    log: Log
    saver: Saver
    place: int = 0
    alone: bool = True


def open_runs(
    plans: Sequence[Plan], step: int, seconds: float, trackers: Sequence[Tracker], alone: bool
) -> list[Run]:
    """Return the runs, whose logs go to the trackers too, under the names of several seeds."""
    runs = []
    for place, one in enumerate(plans):
        prefix = "" if alone else f"seed{one.config.seed}/"
        named = [with_prefix(tracker, prefix) for tracker in trackers]
        log = Log(one.folder / "metrics.jsonl", step, seconds, named)
        saver = Saver(one.folder, one.config)
        runs.append(Run(one.config, one.folder, one.resumed, log, saver, place, alone))
    return runs


def flush(runs: Sequence[Run]) -> tuple[list[Run], list[float]]:
    """Log the metrics since the last flush, and return the runs that go on, with their losses.

    Those that have diverged are left as they are in their checkpoints.

    Raises a `NonFiniteError` for a run that is alone.
    """
    kept, losses = [], []
    for run in runs:
        try:
            losses.append(run.log.flush()["loss"])
            kept.append(run)
        except NonFiniteError as error:
            if run.alone:
                raise
            mark_as_diverged(run.folder, str(error))
            say(f"{run.folder}: {error}")
    return kept, losses
