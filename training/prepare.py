"""What a command asks for, and the folders of its runs."""

import dataclasses
import json
import os
from pathlib import Path

import hub

from . import checkpoint
from .arguments import Arguments
from .config import TrainConfig
from .data import dataset, repo_of, resolve
from .hosts import on_main
from .report import ensure_repo
from .runs import Plan
from .seeds import folder_of, seeds_of


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
        for run in runs:  # before anything is created
            check_folder(run)
        found, data = [], config.data
        for run in runs:
            recipe = dataclasses.replace(run.recipe, data=data)
            config, where, resumed = prepare(dataclasses.replace(run, recipe=recipe))
            data = config.data  # all of the same commit
            found.append([str(where), resumed, config.data, config.train_examples])
        return json.dumps(found)

    plans = []
    for run, (where, resumed, data, count) in zip(runs, json.loads(on_main(planned)), strict=True):
        recipe = dataclasses.replace(run.recipe, data=data, train_examples=count)
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


def folder(arguments: Arguments) -> Path:
    """Return the folder of a run, or of several seeds."""
    config, alone = arguments.recipe, arguments.seeds.seeds is None
    seed = f"seed{config.seed}" if alone else ""
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
    run, resumed = output.out or folder(arguments), is_resumed(arguments)
    config = resolve(dataclasses.replace(config, data=resolve_data(run, config, resumed)))
    if not resumed:
        begin(run, config, output.push_to_hub)
    return config, run, resumed


def is_resumed(arguments: Arguments) -> bool:
    """Return whether the run is continued rather than started."""
    output = arguments.output
    if output.resume == "auto":
        return bool(checkpoint.list_checkpoints(output.out or folder(arguments)))
    return output.resume == "yes"


def check_folder(arguments: Arguments) -> None:
    """Raise a `ValueError` if a new run would find files of another kind in its folder.

    Those of a run that ended before its first checkpoint are none to `--resume auto`.
    """
    run, again = arguments.output.out or folder(arguments), arguments.output.resume == "auto"
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


def resolve_data(run: Path, config: TrainConfig, resumed: bool) -> str:
    """Return the source of the scenes.

    A resumed run keeps the commit that it began with, unless another one is named, and the
    spelling of its folder.
    """
    try:
        began = json.loads((run / "train.json").read_text())["data"] if resumed else ""
    except (OSError, ValueError, KeyError, TypeError):
        began = ""  # what is wrong there, the checkpoint's reader says better
    if repo_of(began) == config.data.partition("@")[0] and not repo_of(config.data):
        return began
    if all(map(os.path.isdir, (began, config.data))) and os.path.samefile(began, config.data):
        return began
    return config.data
