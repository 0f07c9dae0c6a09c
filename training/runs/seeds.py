"""Several seeds of a recipe at once: where each goes, and which of them the others left."""

from collections.abc import Sequence
from pathlib import Path

import hub

DIVERGED = "diverged.txt"


def folder_of(group: Path, seed: int) -> Path:
    """Return the folder of a seed's run in that of the group."""
    return group / f"seed{seed}"


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
