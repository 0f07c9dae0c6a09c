"""The command line of `training.run`: an option for every field of a recipe and its architecture.

Options and their help are made from the two dataclasses, and the defaults are those of the preset.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from .config import TrainConfig
from .data import DATASETS
from .presets import preset


@dataclasses.dataclass(frozen=True)
class OutputOptions:
    """The results, and where they go.

    Attributes:
        out: Folder for the model, its scores, pictures and checkpoints.
        resume: Continue the run in that folder from its last checkpoint.
        eval_every: Steps between checkpoints. At each, 200 validation images are scored.
        push_to_hub: Repo of the Hugging Face Hub to push model, card, scores and pictures to at the
            end, in one commit. It is created at the start if absent. Log in first: hf auth login,
            or HF_TOKEN.
    """

    out: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="FOLDER", help_behavior_hint="(default: runs/DATASET-VARIANT-seedSEED)"
        ),
    ] = None
    resume: bool = False
    eval_every: int = 1000
    push_to_hub: Annotated[
        str | None, tyro.conf.arg(metavar="USER/NAME", help_behavior_hint="(default: nowhere)")
    ] = None


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Train a model to segment scenes into objects, without labels."""

    recipe: tyro.conf.FlagConversionOff[TrainConfig]
    output: OutputOptions = OutputOptions()


def parse(words: Sequence[str] | None = None) -> Arguments:
    """Parse the command line, by default this program's. `--help` and mistakes end the program."""
    words = sys.argv[1:] if words is None else words
    chosen = _chosen(words)
    if "dataset" not in chosen and not {"-h", "--help"} & set(words):
        sys.exit(f"error: --dataset is missing; valid ones are {', '.join(DATASETS)}.")
    try:
        usual = preset(**{"dataset": "tetrominoes", "name": "auto", **chosen})
    except ValueError as error:
        sys.exit(f"error: {error}")
    arguments = tyro.cli(
        Arguments,
        args=words,
        default=Arguments(usual),
        prog="python -m training.run",
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    # `auto` has been resolved.
    recipe = dataclasses.replace(arguments.recipe, preset=usual.preset)
    return dataclasses.replace(arguments, recipe=recipe)


def _chosen(words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of `preset` that are on the command line: the other defaults are its."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("dataset", "variant", "preset", "steps"):
        parser.add_argument(f"--{name}", nargs="?")
    found, _ = parser.parse_known_args(words)
    chosen = {name: value for name, value in vars(found).items() if value is not None}
    if "preset" in chosen:
        chosen["name"] = chosen.pop("preset")
    steps = chosen.pop("steps", "")
    if steps.isdecimal():  # if it is no number, tyro says so
        chosen["steps"] = int(steps)
    return chosen


def options(config: TrainConfig, usual: TrainConfig) -> list[str]:
    """Return the words of the command line that turn a recipe into another."""
    words: list[str] = []
    for ours, theirs in ((config, usual), (config.model, usual.model)):
        for field in dataclasses.fields(ours):
            value = getattr(ours, field.name)
            if field.name != "model" and value != getattr(theirs, field.name):
                values = value if isinstance(value, tuple) else (value,)
                words += [f"--{field.name.replace('_', '-')}", *map(str, values)]
    return words
