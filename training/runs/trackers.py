"""The libraries of experiment trackers, in one form."""

import hashlib
import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

PROJECT = "isa-eqx"


@runtime_checkable
class Tracker(Protocol):
    """Where metrics go."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of a step."""
        ...

    def finish(self) -> None:
        """Wait until all are there."""
        ...

    def abandon(self) -> None:
        """Take the library out of the program, once it has failed."""
        ...


def library_of(name: str) -> ModuleType:
    """Return the library of a tracker.

    Raises a `ValueError` with the command that installs it if it is absent.
    """
    library, _ = TRACKERS[name]
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        raise ValueError(
            f'--tracker {name} needs {library}: pip install "isa-eqx[{name}]"'
        ) from error


def _identity(run: Path) -> str:
    """Return a name that a run keeps when it is resumed, and that no other run has."""
    began = min(file.stat().st_mtime_ns for file in run.rglob("train.json"))
    return hashlib.sha256(f"{run.resolve()} {began}".encode()).hexdigest()[:8]


class _TensorBoard:
    """Event files in the run's folder: `tensorboard --logdir runs`."""

    def __init__(self, module: ModuleType, run: Path, recipe: Mapping[str, Any], step: int):
        self._writer = module.SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)
        self._writer.add_text("recipe", "\n".join(f"    {k}: {v}" for k, v in recipe.items()))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)

    def finish(self) -> None:
        self._writer.close()

    def abandon(self) -> None:
        pass  # it stays where it is put


class _WandB:
    """A run of Weights & Biases, in the project `isa-eqx` unless `WANDB_PROJECT` names another."""

    def __init__(self, module: ModuleType, run: Path, recipe: Mapping[str, Any], step: int):
        self._module = module
        self._run = module.init(
            project=None if "WANDB_PROJECT" in os.environ else PROJECT,
            name=run.name,
            id=_identity(run),
            dir=str(run),
            config=dict(recipe),
            resume="allow",
        )

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._run.log(dict(metrics), step=step)

    def finish(self) -> None:
        self._run.finish()

    def abandon(self) -> None:
        # Its hooks in Python's imports, which send to a service that may be gone, raise otherwise.
        self._module.teardown(exit_code=1)


class _Trackio:
    """A run of trackio, in the project `isa-eqx`: `trackio show`."""

    def __init__(self, module: ModuleType, run: Path, recipe: Mapping[str, Any], step: int):
        self._module = module
        name = f"{run.name}-{_identity(run)}"
        module.init(PROJECT, name, config=dict(recipe), resume="allow", embed=False)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._module.log(dict(metrics), step=step)

    def finish(self) -> None:
        self._module.finish()

    def abandon(self) -> None:
        pass


Kind = Callable[[ModuleType, Path, Mapping[str, Any], int], Tracker]
TRACKERS: dict[str, tuple[str, Kind]] = {  # with the library that it needs
    "tensorboard": ("tensorboardX", _TensorBoard),
    "wandb": ("wandb", _WandB),
    "trackio": ("trackio", _Trackio),
}
