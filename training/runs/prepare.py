"""What a command asks for, and the folders of its runs."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import hub

from ..config import TrainConfig
from ..data import dataset, resolve
from ..distributed import on_main
from ..options import Arguments, seeds_of
from . import checkpoint
from .initial import resolve_init
from .seeds import folder_of
from .sources import PINNED, keep_sources


@dataclasses.dataclass(frozen=True)
class Plan:
    """A run to come: its recipe, its folder, whether it is continued, and the repo to push to."""

    config: TrainConfig
    folder: Path
    resumed: bool
    repo: str | None


def plan(arguments: Arguments) -> list[Plan]:
    """Return what `prepare` of host 0 plans for each of the runs, on every host."""
    runs = split_seeds(arguments)

    def planned() -> str:
        config = arguments.recipe
        if config.preset == "quick":
            own = f" --data {config.data}" if dataset(config.dataset).own else ""
            print(
                "The preset quick is a small model on a large training set, for a CPU.\n"
                "The published recipe, days on a CPU:  python -m training.run "
                f"--dataset {config.dataset} --variant {config.model.variant} --preset paper{own}"
            )
        check_seeds(runs)
        for run in runs:  # before anything is created
            check_folder(run)
        found, sources = [], {}
        for run in runs:
            recipe = dataclasses.replace(run.recipe, **sources)
            config, where, resumed = prepare(dataclasses.replace(run, recipe=recipe))
            sources = {name: getattr(config, name) for name in PINNED}  # all of the same commit
            found.append([str(where), resumed, config.train_examples, sources])
        return json.dumps(found)

    plans = []
    for run, (where, resumed, count, found) in zip(runs, json.loads(on_main(planned)), strict=True):
        recipe = dataclasses.replace(run.recipe, train_examples=count, **found)
        plans.append(Plan(recipe, Path(where), resumed, run.output.push_to_hub))
    return plans


def split_seeds(arguments: Arguments) -> list[Arguments]:
    """Return the arguments of each run: of every seed, or of the one without `--seeds`."""
    if arguments.seeds.seeds is None:
        return [arguments]
    recipe, output = arguments.recipe, arguments.output
    order = recipe.data_seed or 0
    return [
        dataclasses.replace(
            arguments,
            recipe=dataclasses.replace(recipe, seed=seed, data_seed=order),
            output=dataclasses.replace(
                output,
                out=folder_of(folder(arguments), seed),
                push_to_hub=output.push_to_hub and f"{output.push_to_hub}-seed{seed}",
            ),
        )
        for seed in seeds_of(arguments.seeds.seeds, recipe.seed)
    ]


def check_seeds(runs: Sequence[Arguments]) -> None:
    """Raise a `ValueError` if several seeds would train the same model."""
    config = runs[0].recipe
    is_random = config.model.variant != "sa" or config.loss_pixels is not None
    if len(runs) > 1 and config.init and not config.init_partial and not is_random:
        raise ValueError(
            f"with --seeds, all {len(runs)} models would be the same: they start from the same "
            "weights, and sa has no random frames. Leave out --seeds, or sample pixels for the "
            "loss with --loss-pixels."
        )


def folder(arguments: Arguments) -> Path:
    """Return the folder of a run, or of several seeds."""
    config = arguments.recipe
    seed = f"seed{config.seed}" if arguments.alone else ""
    names = filter(None, (config.dataset, config.subset, config.model.variant, seed))
    return arguments.output.out or Path("runs") / "-".join(names)


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
    config = keep_sources(run, config) if resumed else resolve_init(config)
    config = resolve(config)
    if not resumed:
        begin(run, config, output.push_to_hub)
    return config, run, resumed


def is_resumed(arguments: Arguments) -> bool:
    """Return whether the run is continued rather than started."""
    if arguments.output.resume == "auto":
        return bool(checkpoint.list_checkpoints(folder(arguments)))
    return arguments.output.resume == "yes"


def check_folder(arguments: Arguments) -> None:
    """Raise a `ValueError` if a new run would find files of another kind in its folder.

    Those of a run that ended before its first checkpoint are none to `--resume auto`.
    """
    run, again = folder(arguments), arguments.output.resume == "auto"
    early = {"train.json", "checkpoints"} if again else set()
    taken = run.exists() and (not run.is_dir() or {file.name for file in run.iterdir()} - early)
    if taken and not is_resumed(arguments):
        raise ValueError(
            f"{run} is not empty; continue the run in it with --resume, or name another folder "
            "with --out."
        )


def begin(run: Path, config: TrainConfig, repo: str | None) -> None:
    """Create the folder of a run, its recipe, and the repo to push to."""
    try:
        with hub.atomic_file(run / "train.json") as temporary:
            temporary.write_text(json.dumps(config.to_dict(), indent=2) + "\n")
            ensure_repo(repo)
    except ConnectionError:
        raise
    except OSError as error:
        raise ValueError(
            f"cannot write to {run} ({error.strerror}); name another folder with --out."
        ) from error


def ensure_repo(repo_id: str | None) -> None:
    """Create the repo if absent: a missing permission shows now rather than days later."""
    if repo_id is not None:
        hub.create_repo(repo_id)
