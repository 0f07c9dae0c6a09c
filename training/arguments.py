"""The command line of `training.run`: an option for every field of a recipe and its architecture.

Options and their help are made from the two dataclasses, and the defaults are those of the preset.
"""

import argparse
import contextlib
import dataclasses
import itertools
import shlex
import sys
from collections.abc import Sequence
from typing import Any

import tyro

from hub.common.errors import exit_with_message
from isa_eqx import ISAConfig

from .config import TrainConfig
from .data import DATASETS
from .distributed import HostOptions, join, on_main, use_all_cores
from .options import Arguments, seeds_of
from .presets import preset
from .runs import usual_backbone

# The options that take several values.
_SEVERAL = tuple(
    f"--{field.name.replace('_', '-')}"
    for kind in (TrainConfig, ISAConfig)
    for field in dataclasses.fields(kind)
    if "tuple" in str(field.type)
)


# Those that say what slots explain of the user's own images, or are for one of the two.
_OF_ONE_TARGET = (
    "--target", "--backbone", "--init", "--encoder", "--encoder-strides", "--encoder-blocks",
    "--decoder-strides", "--learnt-grid",
)  # fmt: skip


def parse(words: Sequence[str] | None = None) -> Arguments:
    """Parse the command line, by default this program's. `--help` and mistakes end the program.

    Several hosts are joined here, since what the default preset is depends on JAX's devices, and a
    backbone is looked for by one of them.
    """
    words = _completed(sys.argv[1:] if words is None else words)
    chosen = _chosen(words)
    if "dataset" not in chosen and not {"-h", "--help"} & set(words):
        sys.exit(f"error: --dataset is missing; valid ones are {', '.join(DATASETS)}.")
    with exit_with_message(ValueError):
        _set_up_devices(*_early_options(words))
        usual = {"dataset": "tetrominoes", "name": "auto", **chosen}
        arguments = _parsed(words, preset(**usual))
        if usual["name"] == "auto" and _is_target_open(arguments, words):
            backbone = on_main(lambda: usual_backbone(arguments))
            if backbone:
                arguments = _parsed(words, preset(**usual, backbone=backbone))
    return arguments


def _is_target_open(arguments: Arguments, words: Sequence[str]) -> bool:
    """Return whether slots may explain features of the user's images as well as colours."""
    options = {word.partition("=")[0].replace("_", "-") for word in words}
    return DATASETS[arguments.recipe.dataset].own and not options.intersection(_OF_ONE_TARGET)


def _parsed(words: Sequence[str], usual: TrainConfig) -> Arguments:
    """Return the arguments, with the fields of a recipe for those that are not given."""
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
    """Return the words with `--resume` alone as `--resume yes`, and several values as several
    words: `--image-size 64 64`, for `--image-size 64,64`, `--image_size=64,64` and the like.
    """
    found: list[str] = []
    for word, following in itertools.pairwise([*words, "--"]):
        option, equals, values = word.partition("=")
        option = option.replace("_", "-")
        if found and found[-1] in _SEVERAL:
            found += word.split(",")
        elif option in _SEVERAL:
            found += [option, *(values.split(",") if equals else [])]
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


def _set_up_devices(hosts: HostOptions, seeds: str | None) -> None:
    """Make each core of a CPU a device, and join the other hosts, before JAX begins."""
    if seeds is not None:
        seeds_of(seeds)  # a mistake in them is told first
        if hosts.distributed:
            raise ValueError(
                "--seeds is for the devices of one host; give each host some of the seeds, "
                "without --distributed."
            )
    use_all_cores()
    join(hosts)


def _chosen(words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of `preset` that are on the command line: the other defaults are its."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("dataset", "variant", "preset", "encoder", "backbone", "steps"):
        parser.add_argument(f"--{name}", nargs="?")
    found, _ = parser.parse_known_args(words)
    chosen = {name: value for name, value in vars(found).items() if value is not None}
    if "preset" in chosen:
        chosen["name"] = chosen.pop("preset")
    with contextlib.suppress(ValueError):  # if it is no number, tyro says so
        chosen["steps"] = int(chosen.pop("steps", ""))
    return chosen


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
