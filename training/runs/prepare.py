"""What a command asks for, as runs to come, in folders that are theirs."""

import contextlib
import dataclasses
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hub
from hub.common.errors import writing_to
from hub.common.files import is_empty, lock_folder

from ..config import TrainConfig
from ..data import dataset, resolve
from ..distributed import on_main
from ..options import Arguments
from . import checkpoint
from .initial import resolve_init
from .pinned import pinned_fields, resolve_backbone
from .seeds import check_seeds, folder, split_seeds
from .sources import PINNED, keep_sources


@dataclasses.dataclass(frozen=True)
class Plan:
    """A run to come: its recipe, its folder, whether it is continued, and the repo to push to."""

    config: TrainConfig
    folder: Path
    resumed: bool
    repo: str | None


def plan(arguments: Arguments) -> list[Plan]:
    """Return the runs to come, as host 0 prepares them, on every host.

    Errors: see `prepare`.
    """
    runs = split_seeds(arguments)
    told = json.loads(on_main(lambda: json.dumps(_prepared(runs))))
    plans = []
    for run, (where, resumed, found, backbone) in zip(runs, told, strict=True):
        model = dataclasses.replace(run.recipe.model, **backbone)
        config = dataclasses.replace(run.recipe, model=model, **found)
        plans.append(Plan(config, Path(where), resumed, run.output.push_to_hub))
    return plans


@contextlib.contextmanager
def lock_folders(planned: Sequence[Plan]) -> Iterator[None]:
    """Keep other programs from the folders of the runs, as long as the block lasts.

    Raises a `ValueError`, on every host, if one is at work in any of them.
    """
    with contextlib.ExitStack() as held:

        def lock() -> str:
            for one in planned:
                if one.folder.is_dir():  # else there is nothing to resume in it
                    held.enter_context(lock_folder(one.folder))
            return ""

        on_main(lock)
        yield


def _prepared(runs: Sequence[Arguments]) -> list[Any]:
    """Prepare the runs, and return of each its folder, whether it is resumed, and what the other
    hosts do not know of its recipe: what was found out about data and initial weights.
    """
    explain_quick(runs[0].recipe)
    check_seeds(runs)
    for run in runs:  # before anything is created
        check_folder(run)
    told, sources = [], {}
    for run in runs:
        recipe = dataclasses.replace(run.recipe, **sources)
        config, where, resumed = prepare(dataclasses.replace(run, recipe=recipe))
        sources = {name: getattr(config, name) for name in PINNED}  # all of the same commit
        found = {"train_examples": config.train_examples, **sources}
        told.append([str(where), resumed, found, pinned_fields(config.model)])
    return told


def explain_quick(config: TrainConfig) -> None:
    """Print what the preset `quick` is, and the command for the published one, if it is chosen."""
    if config.preset == "quick":
        own = f" --data {shlex.quote(config.data)}" if dataset(config.dataset).own else ""
        backbone = config.model.backbone
        on = f" --backbone {shlex.quote(backbone)}" if backbone else ""
        print(
            "The preset quick is a small model on a large training set, for a CPU.\n"
            "The published recipe, days on a CPU:  python -m training.run "
            f"--dataset {config.dataset} --variant {config.model.variant} --preset paper{own}{on}"
        )


def prepare(arguments: Arguments) -> tuple[TrainConfig, Path, bool]:
    """Return the recipe, the folder of the run, and whether the run in it is continued.

    For a new run, the folder and the repo to push to are created here. Raises a `ValueError` or an
    `OSError` if the arguments are invalid or one of them cannot be created.
    """
    config, output = arguments.recipe, arguments.output
    if output.eval_every < 1:
        raise ValueError(f"--eval-every must be at least 1 step, got {output.eval_every}.")
    check_folder(arguments)
    run, resumed = folder(arguments), is_resumed(arguments)
    config = keep_sources(run, config) if resumed else config
    config = dataclasses.replace(config, model=resolve_backbone(config.model))
    config = resolve(config if resumed else resolve_init(config))
    if not resumed:
        begin(run, config, output.push_to_hub)
    return config, run, resumed


def is_resumed(arguments: Arguments) -> bool:
    """Return whether the run is continued rather than started."""
    if arguments.output.resume == "auto":
        return bool(checkpoint.list_checkpoints(folder(arguments)))
    return arguments.output.resume == "yes"


def check_folder(arguments: Arguments) -> None:
    """Raise a `ValueError` if a new run would find anything in its folder, other than what a run
    leaves that ended before its first checkpoint.
    """
    run = folder(arguments)
    free = not run.exists() or (run.is_dir() and (is_empty(run) or _has_not_begun(run)))
    if not free and not is_resumed(arguments):
        raise ValueError(
            f"{run} is not empty; continue the run in it with --resume, or name another folder "
            "with --out."
        )


def _has_not_begun(run: Path) -> bool:
    names = {path.name for path in run.iterdir() if not path.name.startswith(".")}
    return names <= {"train.json", "checkpoints"} and not checkpoint.list_checkpoints(run)


def begin(run: Path, config: TrainConfig, repo: str | None) -> None:
    """Create the folder of a run, its recipe, and the repo to push to."""
    with writing_to(run, "--out"):
        run.mkdir(parents=True, exist_ok=True)
        with lock_folder(run), hub.atomic_file(run / "train.json") as temporary:
            temporary.write_text(json.dumps(config.to_dict(), indent=2) + "\n")
            ensure_repo(repo)


def ensure_repo(repo_id: str | None) -> None:
    """Create the repo if absent: a missing permission shows now rather than days later."""
    if repo_id is not None:
        hub.create_repo(repo_id)
