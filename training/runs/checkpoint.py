"""Checkpoints of a run, written atomically; the last few are kept."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hub

from ..config import TrainConfig
from ..step import TrainState

KEEP = 3
ARRAYS, RECORD = "state.safetensors", "state.json"


def save(run: Path, state: TrainState, config: TrainConfig, seconds: float) -> None:
    """Write `run/checkpoints/step-…`: state, checksum, recipe and seconds.

    - `seconds`: time spent training so far.
    """
    with hub.atomic_folder(_of_step(run, int(state.step))) as folder:
        hub.save_tree(state, folder / ARRAYS)
        record = {
            "step": int(state.step),
            "seconds": seconds,
            "sha256": _digest(folder / ARRAYS),
            "config": config.to_dict(),
        }
        (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    for old in list_checkpoints(run)[:-KEEP]:
        shutil.rmtree(old)


def list_checkpoints(run: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    return sorted(_folder(run).glob("step-*"))


def last_step(run: Path) -> int | None:
    """Return the step of the newest checkpoint of a run, `None` if there is none."""
    found = list_checkpoints(run)
    return int(found[-1].name.partition("-")[2]) if found else None


def common_step(runs: Sequence[Path]) -> int:
    """Return the last step that all runs have a checkpoint of. Raises a `ValueError` without one.

    If a program is killed while it saves, some of its runs have a newer checkpoint than others.
    """
    steps = [{int(path.name.partition("-")[2]) for path in list_checkpoints(run)} for run in runs]
    common = set.intersection(*steps)
    if not common:
        ends = ", ".join(
            f"{run} at {max(found, default='none')}" for run, found in zip(runs, steps, strict=True)
        )
        raise ValueError(
            f"the runs cannot be resumed together, as they have no checkpoint of the same step "
            f"({ends}); give those that belong together the same command."
        )
    return max(common)


def restore(
    run: Path, like: TrainState, config: TrainConfig, step: int | None = None
) -> tuple[TrainState, float]:
    """Read a checkpoint of a run, by default the newest: state and seconds; see `save`.

    - `like`: a state of the same structure.

    Raises a `ValueError` if there is none, if it belongs to another recipe, or if it is damaged.
    It never falls back to an older one or to the start: that is for a person to decide.
    """
    for unfinished in _folder(run).glob(".step-*"):  # as the process that wrote it was killed
        shutil.rmtree(unfinished)
    if not list_checkpoints(run):
        raise ValueError(f"{run} holds no checkpoint to resume; leave out --resume to start.")
    newest = list_checkpoints(run)[-1] if step is None else _of_step(run, step)
    advice = f"remove {newest} to resume from the checkpoint before it"
    try:
        record = json.loads((newest / RECORD).read_text())
        made_with, digest = record["config"], record["sha256"]
        seconds = float(record["seconds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{newest / RECORD} is damaged ({error}); {advice}.") from error
    differences = _differences(made_with, json.loads(json.dumps(config.to_dict())))
    if differences:
        raise ValueError(f"{run} was started with another recipe: {differences}.")
    try:
        if _digest(newest / ARRAYS) != digest:
            raise ValueError("its checksum is not the one it was written with")
        return hub.load_tree(like, newest / ARRAYS), seconds
    except (OSError, ValueError) as error:
        raise ValueError(f"{newest / ARRAYS} is damaged ({error}); {advice}.") from error


def _folder(run: Path) -> Path:
    return run / "checkpoints"


def _of_step(run: Path, step: int) -> Path:
    return _folder(run) / f"step-{step:08d}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _differences(old: Any, new: Any, name: str = "") -> str:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        found = [_differences(old.get(k), new.get(k), f"{name}.{k}".strip(".")) for k in keys]
        return ", ".join(filter(None, found))
    return "" if old == new else f"{name} {old!r} there, {new!r} here"
