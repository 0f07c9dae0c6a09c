"""The command lines of the benchmarks."""

import dataclasses
import sys
from typing import Annotated, Any, TypeVar

import tyro

from training.config import TrainConfig
from training.presets import preset

_HINT = "(default: the preset's)"
OfPreset = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint=_HINT)]
Recompute = Annotated[bool | None, tyro.conf.arg(metavar="{True,False}", help_behavior_hint=_HINT)]
Arguments = TypeVar("Arguments", bound="Options")


@dataclasses.dataclass(frozen=True)
class Options:
    """What is measured, and how."""

    dataset: str
    """Whose model: tetrominoes, objects_room, clevr, clevrtex, multishapenet_easy, waymo_open."""
    variant: str = "isa-t"
    """The symmetry of the slots: sa, isa-t, isa-ts or isa-tsr."""
    preset: str = "paper"
    """The recipe; python -m training.presets prints them all."""
    batch_size: OfPreset = None
    """Images at once."""
    dtype: str = "float32"
    """What convolutions and matrix products compute in: float32 or bfloat16."""
    repeats: int = 5
    """Timed calls of each program; with 0 they are compiled but not run."""
    json: bool = False
    """Print one line of JSON to standard output, and the table to standard error."""

    def config(self) -> TrainConfig:
        """Return the recipe. Raises a `ValueError` if an argument is invalid."""
        if self.repeats < 0:
            raise ValueError(f"--repeats must be at least 0, got {self.repeats}.")
        given: dict[str, Any] = {} if self.batch_size is None else {"batch_size": self.batch_size}
        return preset(self.dataset, self.variant, self.preset, dtype=self.dtype, **given)


def parse(kind: type[Arguments], program: str, description: str) -> tuple[Arguments, TrainConfig]:
    """Parse the command line. `--help` and invalid arguments end the program."""
    arguments = tyro.cli(
        kind,
        prog=f"python -m {program}",
        description=description,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    try:
        return arguments, arguments.config()
    except ValueError as error:
        sys.exit(f"error: {error}")
