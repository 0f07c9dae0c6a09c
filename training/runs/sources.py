"""What a run takes from elsewhere, scenes and initial weights: to stay with them when resumed."""

import dataclasses
import json
import os
from pathlib import Path

from ..config import TrainConfig
from ..data import repo_of

PINNED = "data", "init", "init_sha256"  # fields of a recipe


def keep_sources(run: Path, config: TrainConfig) -> TrainConfig:
    """Return the recipe with the scenes and the initial weights that its run began with.

    A resumed run keeps the commits that it began with, unless others are named, and the spelling of
    folders. The initial weights are not looked for again.
    """
    try:
        began = json.loads((run / "train.json").read_text())
        data, init = _keep(began["data"], config.data), _keep(began.get("init"), config.init)
        digest = began.get("init_sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return config  # what is wrong there, the checkpoint's reader says better
    if init != began.get("init") or config.init_sha256 is not None:
        digest = config.init_sha256
    return dataclasses.replace(config, data=data, init=init, init_sha256=digest)


def _keep(began: str | None, named: str | None) -> str | None:
    """Return the source that a run began with if the one that is named now is the same."""
    if began is None or named is None:
        return named
    if repo_of(began) == named.partition("@")[0] and not repo_of(named):
        return began
    if all(map(os.path.isdir, (began, named))) and os.path.samefile(began, named):
        return began
    return named
