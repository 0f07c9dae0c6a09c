"""The command line of `training.run`.

Fields are described in comments above them: tyro joins their lines, and breaks them to the screen.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import tyro

from .overrides import parse_override

_HINT = "(default: the preset's)"
OfPreset = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint=_HINT)]

Recompute = Annotated[bool | None, tyro.conf.arg(metavar="{True,False}", help_behavior_hint=_HINT)]


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """The scenes to train on."""

    #: The scenes: tetrominoes, objects_room, clevr, clevrtex, multishapenet_easy or
    #: waymo_open.
    dataset: str
    #: A part of them with splits of its own: clevr6 of clevr (at most six objects); camo, pbg
    #: or outd of clevrtex.
    subset: Annotated[
        str | None, tyro.conf.arg(metavar="SUBSET", help_behavior_hint="(default: the whole)")
    ] = None
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
    """The model to train, and for how long."""

    #: The symmetry of the slots: sa (none), isa-t (translation), isa-ts (and scale),
    #: isa-tsr (and rotation).
    variant: str = "isa-t"
    #: The recipe: paper (as published), paper-resnet (its second encoder, for CLEVRTex),
    #: quick (a small model, for a CPU) or auto (quick where there is no GPU or TPU, else
    #: paper). python -m training.presets prints them all.
    preset: str = "auto"
    #: Seed of weights, order of images and initial frames; the scenes stay the same.
    seed: int = 0
    #: Updates of the weights.
    steps: OfPreset = None
    #: Images in each step.
    batch_size: OfPreset = None
    #: Images in the training set, which are the first ones of the dataset.
    train_examples: OfPreset = None
    #: Any other field of the recipe, such as learning_rate=4e-4 or num_slots=7: those of
    #: TrainConfig and ISAConfig, with values as in train.json.
    set: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="FIELD=VALUE [FIELD=VALUE …]", help_behavior_hint=_HINT),
    ] = ()


@dataclasses.dataclass(frozen=True)
class ComputeOptions:
    """Precision and memory."""

    #: Precision of convolutions and matrix products: float32, or bfloat16 for a GPU or TPU.
    #: Parameters, softmax, normalisation, frames and loss stay in float32.
    dtype: Annotated[str | None, tyro.conf.arg(metavar="STR", help_behavior_hint=_HINT)] = None
    #: Whether the decoder keeps the activations of one slot at a time and computes them
    #: twice: a tenth of the memory. False is faster, on a CPU by far.
    recompute: Recompute = None


@dataclasses.dataclass(frozen=True)
class OutputOptions:
    """The results, and where they go."""

    #: Folder for the model, its scores, pictures and checkpoints.
    out: Annotated[
        Path | None,
        tyro.conf.arg(
            metavar="FOLDER", help_behavior_hint="(default: runs/DATASET-VARIANT-seedSEED)"
        ),
    ] = None
    #: Continue the run in that folder from its last checkpoint.
    resume: bool = False
    #: Steps between checkpoints. At each, 200 validation images are scored.
    eval_every: int = 1000
    #: Repo of the Hugging Face Hub to push model, card, scores and pictures to at the end, in
    #: one commit. It is created at the start if absent. Log in first: hf auth login, or HF_TOKEN.
    push_to_hub: Annotated[
        str | None, tyro.conf.arg(metavar="USER/NAME", help_behavior_hint="(default: nowhere)")
    ] = None


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Train a model to segment scenes into objects, without labels."""

    data: DataOptions
    recipe: RecipeOptions
    compute: ComputeOptions
    output: OutputOptions

    def overrides(self) -> dict[str, Any]:
        """Return the arguments of `preset` by name, those that were given.

        Raises a `ValueError` if what `--set` names is no field, has an option of its own, or is of
        another type.
        """
        groups = self.data, self.recipe, self.compute
        given = {name: x for group in groups for name, x in dataclasses.asdict(group).items()}
        given = {name: x for name, x in given.items() if x is not None}
        given["name"] = given.pop("preset")
        others = dict(map(parse_override, given.pop("set")))
        for name in OPTIONS:
            if name in others:
                raise ValueError(f"--set does not take {name}, which has an option of its own.")
        return given | others


# The fields of a recipe that have an option of their own; --set takes all others.
OPTIONS = tuple(
    field.name
    for group in (DataOptions, RecipeOptions, ComputeOptions)
    for field in dataclasses.fields(group)
    if field.name not in ("dataset", "variant", "preset", "set")
)
FLAGS = ("cache",)  # those without a value


def parse() -> Arguments:
    """Parse the command line. `--help` and invalid arguments end the program."""
    return tyro.cli(
        Arguments,
        prog="python -m training.run",
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )
