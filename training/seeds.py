"""Several seeds of a recipe at once: which they are, and where each goes."""

import dataclasses
from pathlib import Path

import hub

DIVERGED = "diverged.txt"


@dataclasses.dataclass(frozen=True)
class SeedOptions:
    """Several models at once, which see the same images.

    Attributes:
        seeds: How many, from --seed on (8), or which (3,5,9). Each has a folder of its own, such as
            seed3, and learns what --seed 3 --data-seed 0 learns alone.
    """

    seeds: str | None = None


def seeds_of(text: str, first: int = 0) -> tuple[int, ...]:
    """Return the seeds that a text stands for: their number, from `first` on, or a list of them.

    Raises a `ValueError` for another text.
    """
    words = text.split(",")
    if not all(word.strip().isdecimal() for word in words if word.strip()) or not words[0].strip():
        raise ValueError(f"--seeds must be how many (8) or which (3,5,9), got {text!r}.")
    numbers = [int(word) for word in words if word.strip()]
    if len(words) == 1:
        numbers = list(range(first, first + numbers[0]))
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"--seeds must be one seed or more, each of them once, got {text!r}.")
    return tuple(numbers)


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
