"""One run, or one for each of several seeds: their folders, and which of them the others left."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import hub

from ..options import Arguments, seeds_of

DIVERGED = "diverged.txt"


def split_seeds(arguments: Arguments) -> list[Arguments]:
    """Return the arguments of each run: of every seed, or of the one without `--seeds`."""
    recipe, output, seeds = arguments.recipe, arguments.output, arguments.seeds.seeds
    if seeds is None:
        return [arguments]
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
        for seed in seeds_of(seeds, recipe.seed)
    ]


def folder(arguments: Arguments) -> Path:
    """Return the folder of a run, or of several seeds."""
    config = arguments.recipe
    seed = f"seed{config.seed}" if arguments.alone else ""
    names = filter(None, (config.dataset, config.subset, config.model.variant, seed))
    return arguments.output.out or Path("runs") / "-".join(names)


def folder_of(group: Path, seed: int) -> Path:
    """Return the folder of a seed's run in that of the group."""
    return group / f"seed{seed}"


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


def expand_seeds(names: Sequence[str]) -> list[str]:
    """Return the names of models, with those of its seeds in place of a folder of several."""
    found = []
    for name in names:
        seeds = (
            [] if (Path(name) / "config.json").exists() else Path(name).glob("seed*/config.json")
        )
        number = sorted(seeds, key=lambda file: (len(file.parent.name), file.parent.name))
        found += [str(file.parent) for file in number] or [name]
    return list(dict.fromkeys(found))


def mark_as_diverged(run: Path, why: str) -> None:
    """Say in the folder of a seed's run that it is not to be continued with the others."""
    with hub.atomic_file(run / DIVERGED) as temporary:
        temporary.write_text(f"{why}\n")


def clear_divergence(run: Path) -> None:
    """Forget that a run was left by the others, as it has come to its end alone."""
    (run / DIVERGED).unlink(missing_ok=True)


def has_diverged(run: Path) -> bool:
    """Return whether a seed's run has been left by the others."""
    return (run / DIVERGED).exists()
