"""The command line of `training.run`.

Fields are described in comments above them: tyro joins their lines, and breaks them to the screen.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import tyro

_HINT = "(default: the preset's)"
OfPreset = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint=_HINT)]

Recompute = Annotated[bool | None, tyro.conf.arg(metavar="{True,False}", help_behavior_hint=_HINT)]


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Which scenes to train on."""

    #: The scenes: tetrominoes, objects_room, clevr, clevrtex, multishapenet_easy or
    #: waymo_open.
    dataset: str
    #: Where they are: drawn by this library, or in a mirror that python -m hub.mirror has
    #: made, which is streamed.
    data: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="procedural|FOLDER|USER/NAME[@REVISION]",
            help_behavior_hint="(default: the dataset's own mirror, else procedural)",
        ),
    ] = None
    #: Decode the training images of a mirror once, and keep them in memory.
    cache: bool = False


@dataclasses.dataclass(frozen=True)
class RecipeOptions:
    """What to train, and how long."""

    #: The symmetry of the slots: sa (none), isa-t (translation), isa-ts (and scale),
    #: isa-tsr (and rotation).
    variant: str = "isa-t"
    #: The recipe: paper (as published), paper-resnet (its second encoder, for CLEVRTex),
    #: quick (a small model, eight minutes on a CPU) or auto (quick where there is one and
    #: no GPU or TPU, else paper). python -m training.presets prints them all.
    preset: str = "auto"
    #: Seed of weights, order of images and initial frames; the scenes stay the same.
    seed: int = 0
    #: Updates of the weights.
    steps: OfPreset = None
    #: Images in each step.
    batch_size: OfPreset = None
    #: Images in the training set, the first ones there are.
    train_examples: OfPreset = None


@dataclasses.dataclass(frozen=True)
class ComputeOptions:
    """How it is computed."""

    #: What convolutions and matrix products compute in: float32, or bfloat16 for a GPU or
    #: TPU, with parameters, softmax, normalisation, frames and loss in float32.
    dtype: Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint=_HINT)] = None
    #: Whether the decoder holds one slot's layers at a time and computes them twice: a
    #: tenth of the memory. False where memory is plenty, or on a CPU, whose compiler is
    #: slow at it.
    recompute: Recompute = None


@dataclasses.dataclass(frozen=True)
class OutputOptions:
    """Where the results go."""

    #: Folder for the model, its scores, pictures and checkpoints.
    out: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="FOLDER", help_behavior_hint="(default: runs/DATASET-VARIANT-seedSEED)"
        ),
    ] = None
    #: Continue the run in that folder from its last checkpoint.
    resume: bool = False
    #: Steps between checkpoints, each with a look at 200 validation images.
    eval_every: int = 1000
    #: Repo of the Hugging Face Hub for model, card, scores and pictures, in one commit at
    #: the end; made at once if it is not there. Log in first: hf auth login, or HF_TOKEN.
    push_to_hub: Annotated[
        str | None, tyro.conf.arg(metavar="USER/NAME", help_behavior_hint="(default: nowhere)")
    ] = None


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Learn to take scenes apart into objects, without labels."""

    data: DataOptions
    recipe: RecipeOptions
    compute: ComputeOptions
    output: OutputOptions

    def overrides(self) -> dict[str, Any]:
        """What `preset` takes, by name; `None` where nothing was given."""
        groups = self.data, self.recipe, self.compute
        given = {name: x for group in groups for name, x in dataclasses.asdict(group).items()}
        return given | {"name": given.pop("preset")}


# The fields of a recipe that the command line sets, beside the names of a preset and the seed.
OVERRIDES = tuple(
    field.name
    for group in (DataOptions, RecipeOptions, ComputeOptions)
    for field in dataclasses.fields(group)
    if field.name not in ("dataset", "variant", "preset", "seed")
)
FLAGS = ("cache",)  # those without a value


def parse() -> Arguments:
    """Read the command line; `--help` and mistakes of form end the program here."""
    return tyro.cli(
        Arguments,
        prog="python -m training.run",
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )
