"""Several seeds of a recipe at once: where each goes, and which of them the others left."""

from pathlib import Path

import hub

DIVERGED = "diverged.txt"


def folder_of(group: Path, seed: int) -> Path:
    """Return the folder of a seed's run in that of the group."""
    return group / f"seed{seed}"


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
