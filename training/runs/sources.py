"""What a run takes from elsewhere, to stay with it when resumed: scenes, weights, a backbone."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from isa_eqx import ISAConfig

from ..config import TrainConfig
from ..data import repo_of

PINNED = "data", "init", "init_sha256"  # fields of a recipe


def keep_sources(run: Path, config: TrainConfig) -> TrainConfig:
    """Return the recipe with the scenes, initial weights and backbone that its run began with.

    A resumed run keeps the commits that it began with, unless others are named, and the spelling of
    folders. The initial weights are not looked for again.
    """
    try:
        began = json.loads((run / "train.json").read_text())
        data, init = _keep(began["data"], config.data), _keep(began.get("init"), config.init)
        digest, model = began.get("init_sha256"), _keep_backbone(began["model"], config.model)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return config  # what is wrong there, the checkpoint's reader says better
    if init != began.get("init") or config.init_sha256 is not None:
        digest = config.init_sha256
    return dataclasses.replace(config, model=model, data=data, init=init, init_sha256=digest)


def backbone_of(run: Path) -> str:
    """Return the backbone that a run began with, `""` if none."""
    try:
        return json.loads((run / "train.json").read_text())["model"].get("backbone", "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""  # what is wrong there, the checkpoint's reader says better


def _keep_backbone(began: dict[str, Any], named: ISAConfig) -> ISAConfig:
    """Return the architecture with the backbone that a run began with, if it is the same."""
    if named.backbone_sha256 or not named.backbone or not began.get("backbone"):
        return named
    kept = _keep(began["backbone"], named.backbone)
    if kept != began["backbone"]:
        return named
    return dataclasses.replace(named, backbone=kept, backbone_sha256=began["backbone_sha256"])


def _keep(began: str | None, named: str | None) -> str | None:
    """Return the source that a run began with if the one that is named now is the same."""
    if began is None or named is None:
        return named
    if repo_of(began) == named.partition("@")[0] and not repo_of(named):
        return began
    if all(map(os.path.isdir, (began, named))) and os.path.samefile(began, named):
        return began
    return named
