"""The command line of `training.run`: an option for every field of a recipe and its architecture.

Options and their help are made from the two dataclasses, and the defaults are those of the preset.
"""

import argparse
import dataclasses
import itertools
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from isa_eqx import ISAConfig

from .config import TrainConfig
from .data import DATASETS
from .devices import use_all_cores
from .hosts import HostOptions, join
from .presets import preset
from .seeds import SeedOptions, seeds_of


@dataclasses.dataclass(frozen=True)
class OutputOptions:
    """The results, and where they go.

    Attributes:
        out: Folder for the model, its scores, pictures and checkpoints.
        resume: Continue the run in that folder from its last checkpoint (--resume alone means yes);
            auto starts a new one if there is none.
        eval_every: Steps between checkpoints. At each, 200 validation images are scored.
        push_to_hub: Repo of the Hugging Face Hub to push model, card, scores and pictures to at the
            end, in one commit. It is created at the start if absent. Log in first: hf auth login,
            or HF_TOKEN.
        tracker: Where metrics go beside metrics.jsonl: tensorboard (files in the folder), wandb or
            trackio. Each is an extra: pip install "isa-eqx[wandb]".
    """

    out: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="FOLDER", help_behavior_hint="(default: runs/DATASET-VARIANT-seedSEED)"
        ),
    ] = None
    resume: Literal["no", "yes", "auto"] = "no"
    eval_every: int = 1000
    push_to_hub: Annotated[
        str | None, tyro.conf.arg(metavar="USER/NAME", help_behavior_hint="(default: nowhere)")
    ] = None
    tracker: Literal["tensorboard", "wandb", "trackio"] | None = None


@dataclasses.dataclass(frozen=True)
class EncoderOptions:
    """The part of the preset that sees the image.

    Attributes:
        encoder: preset: a small CNN, but for paper-resnet; resnet: the paper's ResNet-34 in its
            place, of 21 million weights.
    """

    encoder: Literal["preset", "resnet"] = "preset"


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Train a model to segment scenes into objects, without labels."""

    recipe: tyro.conf.FlagConversionOff[TrainConfig]
    encoder: EncoderOptions = EncoderOptions()
    output: OutputOptions = OutputOptions()
    seeds: SeedOptions = SeedOptions()
    hosts: HostOptions = HostOptions()


# The options that take several values.
_SEVERAL = tuple(
    f"--{field.name.replace('_', '-')}"
    for kind in (TrainConfig, ISAConfig)
    for field in dataclasses.fields(kind)
    if "tuple" in str(field.type)
)


def parse(words: Sequence[str] | None = None) -> Arguments:
    """Parse the command line, by default this program's. `--help` and mistakes end the program.

    Several hosts are joined here, since what the default preset is depends on JAX's devices.
    """
    words = _completed(sys.argv[1:] if words is None else words)
    chosen = _chosen(words)
    if "dataset" not in chosen and not {"-h", "--help"} & set(words):
        sys.exit(f"error: --dataset is missing; valid ones are {', '.join(DATASETS)}.")
    try:
        hosts, seeds = _early_options(words)
        if seeds is not None:
            seeds_of(seeds)
            if hosts.distributed:
                raise ValueError(
                    "--seeds is for the devices of one host; give each host some of the seeds, "
                    "without --distributed."
                )
            use_all_cores()
        join(hosts)
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


def _completed(words: Sequence[str]) -> list[str]:
    """Return the words with `--resume` alone as `--resume yes`, and `64,64` as `64 64`."""
    found: list[str] = []
    for word, following in itertools.pairwise([*words, "--"]):
        if found and found[-1] in _SEVERAL:
            found += word.split(",")
        else:
            found += [word, "yes"] if word == "--resume" and following.startswith("-") else [word]
    return found


def _early_options(words: Sequence[str]) -> tuple[HostOptions, str | None]:
    """Return the options of hosts and seeds, before tyro has the defaults to parse all of them."""
    if {"-h", "--help"} & set(words):
        return HostOptions(), None
    parser = argparse.ArgumentParser(
        prog="python -m training.run", usage=argparse.SUPPRESS, add_help=False, allow_abbrev=False
    )
    parser.add_argument("--distributed", action="store_true")
    parser.add_argument("--coordinator")
    parser.add_argument("--hosts", type=int)
    parser.add_argument("--host", type=int)
    parser.add_argument("--seeds")
    found = vars(parser.parse_known_args(words)[0])
    seeds = found.pop("seeds")
    return HostOptions(**found), seeds


def _chosen(words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of `preset` that are on the command line: the other defaults are its."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("dataset", "variant", "preset", "encoder", "steps"):
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
    return changes(config, usual) + changes(config.model, usual.model)


def changes(ours: TrainConfig | ISAConfig, theirs: TrainConfig | ISAConfig) -> list[str]:
    """Return the words that turn their fields into ours, but for an architecture among them."""
    words: list[str] = []
    for field in dataclasses.fields(ours):
        value = getattr(ours, field.name)
        if field.name != "model" and value != getattr(theirs, field.name):
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--{field.name.replace('_', '-')}", *map(str, values)]
    return words


def resume_command() -> str:
    """Return the command that continues this run, or the sweep that it belongs to."""
    program = getattr(sys.modules["__main__"].__spec__, "name", "training.run")
    if program == "training.sweep":  # which always continues
        return shlex.join(["python", "-m", program, *sys.argv[1:]])
    words = _completed(sys.argv[1:])
    if "--resume" in words:
        place = words.index("--resume")
        del words[place : place + 2]
    words = [word for word in words if not word.startswith("--resume=")]
    return shlex.join(["python", "-m", "training.run", *words, "--resume"])
