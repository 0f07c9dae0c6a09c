"""What a command line of `training.run` may hold: a recipe, and what else a run is told.

Each class is a group of options, and its docstring their help.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from .config import TrainConfig
from .distributed import HostOptions


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
class SeedOptions:
    """Several models at once, which see the same images.

    Attributes:
        seeds: How many, from --seed on (8), or which (3,5,9). Each has a folder of its own, such as
            seed3, and learns what --seed 3 --data-seed 0 learns alone.
    """

    seeds: str | None = None


@dataclasses.dataclass(frozen=True)
class DeviceOptions:
    """What computes.

    Attributes:
        devices: How many GPUs, or cores of a CPU. By default all, or as many as divide the batch.
    """

    devices: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: all)")
    ] = None


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Train a model to segment scenes into objects, without labels."""

    recipe: tyro.conf.FlagConversionOff[TrainConfig]
    encoder: EncoderOptions = EncoderOptions()
    output: OutputOptions = OutputOptions()
    seeds: SeedOptions = SeedOptions()
    computing: DeviceOptions = DeviceOptions()
    hosts: HostOptions = HostOptions()

    @property
    def alone(self) -> bool:
        """Whether they ask for one run, rather than for one of each of several seeds."""
        return self.seeds.seeds is None


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
