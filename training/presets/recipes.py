"""The recipes, by name: one table."""

import dataclasses
from typing import Any

import jax

from isa_eqx import VARIANTS, ISAConfig, check_choice, original, published
from isa_eqx.architectures import RESNET_34

from ..config import TrainConfig
from ..data import DATASETS, default_source
from . import on_features

ENCODERS: dict[str, dict[str, Any]] = {"preset": {}, "resnet": RESNET_34}
NAMES = ("auto", "paper", "paper-resnet", "quick")


@dataclasses.dataclass(frozen=True)
class Preset:
    """A recipe: a published architecture, and changes to it and to `TrainConfig`.

    The defaults of `TrainConfig` are the published recipe for Tetrominoes, except that the training
    set is by default the published one of the dataset.
    """

    architecture: str
    model: dict[str, Any] = dataclasses.field(default_factory=dict)
    training: dict[str, Any] = dataclasses.field(default_factory=dict)


def _paper(architecture: str, recompute: bool = True) -> Preset:
    """Return the published recipe of all datasets but Tetrominoes."""
    training = dict(steps=500_000, warmup_steps=10_000, recompute=recompute)
    return Preset(architecture, training=training)


_SMALL: dict[str, Any] = dict(
    num_rounds=6,
    hidden_size=64,
    encoder_channels=(32, 32, 32),
    encoder_blocks=(),
    decoder_channels=(64, 64, 64, 64),
    decoder_strides=(),
)
_EXCLUSIVE = dict(mixing=0.1, ownership=0.004)  # where one slot can paint all of the background


def _quick(
    architecture: str,
    num_slots: int,
    terms: dict[str, float],
    image_size: tuple[int, int] = (64, 64),
) -> Preset:
    """Return our recipe for a CPU, of all datasets but Tetrominoes."""
    model = dict(num_slots=num_slots, image_size=image_size, encoder_strides=(4, 2, 1))
    training: dict[str, Any] = dict(steps=10_000, batch_size=16, train_examples=16_384)
    training |= dict(learning_rate=1e-3, warmup_steps=1_000, loss_pixels=100, gradient_scale=0.5)
    return Preset(architecture, model=_SMALL | model, training=training | terms)


# By (dataset, name). Every one is for every variant:
#     python -m training.run --dataset DATASET --preset NAME --variant VARIANT
PRESETS = {
    ("tetrominoes", "paper"): Preset("tetrominoes", training=dict(train_examples=512)),
    ("tetrominoes", "quick"): Preset(
        "tetrominoes",
        model=_SMALL | dict(encoder_strides=(4, 1, 1)),
        training=dict(
            steps=15_000,
            batch_size=16,
            train_examples=32_768,
            learning_rate=1e-3,
            warmup_steps=1_500,
            loss_pixels=100,
            gradient_scale=0.5,
            **_EXCLUSIVE,
        ),
    ),
    ("objects_room", "paper"): _paper("objects_room", recompute=False),
    ("objects_room", "quick"): _quick("objects_room", 8, dict(shading=0.5)),
    ("clevr", "paper"): _paper("clevr"),
    ("clevr", "quick"): _quick("clevr", 11, _EXCLUSIVE),
    ("clevrtex", "paper"): _paper("clevrtex"),
    ("clevrtex", "paper-resnet"): _paper("clevrtex_resnet"),
    ("clevrtex", "quick"): _quick("clevrtex", 11, _EXCLUSIVE),
    ("multishapenet_easy", "paper"): _paper("multishapenet_easy"),
    ("multishapenet_easy", "quick"): _quick("multishapenet_easy", 6, _EXCLUSIVE),
    ("waymo_open", "paper"): _paper("waymo_open"),
    ("waymo_open", "quick"): _quick("waymo_open", 8, dict(mixing=0.1), image_size=(64, 96)),
    ("images", "paper"): _paper("clevr"),
    ("images", "paper-resnet"): _paper("clevrtex_resnet"),
    ("images", "quick"): _quick("clevr", 7, dict(mixing=0.1)),
}


def preset(
    dataset: str,
    variant: str = "isa-t",
    name: str = "paper",
    encoder: str = "preset",
    backbone: str = "",
    **overrides: Any,
) -> TrainConfig:
    """Return the recipe of a dataset and variant.

    - `name`: `paper` as published; `paper-resnet` with the paper's second encoder, ResNet-34;
      `quick` for a small model; `auto` for `quick` on a CPU, else `paper`.
    - `encoder`: `preset`, or `resnet` for that ResNet-34 in any of them.
    - `backbone`: the frozen backbone whose features slots explain, a folder or user/name; none if
      they explain colours. `paper` is then as DINOSAUR, with the slots of the dataset.
    - `overrides`: other fields of `TrainConfig` or `ISAConfig`. If `steps` is given,
      `warmup_steps` keeps its share of them.

    Raises a `ValueError` that lists the valid names for an unknown one.
    """
    check_choice("dataset", dataset, tuple(DATASETS))
    check_choice("variant", variant, VARIANTS)
    check_choice("preset", name, NAMES)
    check_choice("encoder", encoder, tuple(ENCODERS))
    names = tuple(known for place, known in PRESETS if place == dataset)
    if name == "auto":
        name = "quick" if jax.default_backend() == "cpu" else "paper"
    check_choice(f"preset of {dataset}", name, names)
    chosen = PRESETS[dataset, name]
    model = published(chosen.architecture, variant, **chosen.model | ENCODERS[encoder])
    training: dict[str, Any] = dict(data=default_source(dataset))
    training |= dict(train_examples=DATASETS[dataset].num_train) | chosen.training
    if backbone and encoder != "preset":
        raise ValueError(f"--encoder {encoder} is for slots that explain colours; leave it out.")
    if backbone:
        is_quick = name == "quick"
        changed = on_features.model_changes(model, backbone, is_quick)
        model = dataclasses.replace(model, **changed)
        training |= on_features.QUICK if is_quick else on_features.PAPER
    config = TrainConfig(dataset, name, model, **training)
    of_model, of_training = _fields(ISAConfig), _fields(TrainConfig)
    for field in overrides:
        check_choice("field of a recipe", field, (*of_training, *of_model))
    architecture = {field: overrides.pop(field) for field in of_model if field in overrides}
    model = ISAConfig.from_dict(model.to_dict() | architecture)
    if "steps" in overrides:
        warmup = round(config.warmup_steps * overrides["steps"] / config.steps)
        overrides = dict(warmup_steps=warmup) | overrides
    return dataclasses.replace(config, model=model, **overrides)


def published_recipe(name: str) -> TrainConfig:
    """Return the recipe of a published model, by its name in `isa_eqx.original.NAMES`.

    Two forms are fields of the preset's model: those named `_v2` have `relative_values=False`, and
    ResNets of ISA-TS and ISA-TSR `learnt_grid=True`. Raises a `ValueError` for an unknown name.
    """
    model, architecture = original.config(name), original.architecture(name)
    places = {
        chosen.architecture: place
        for place, chosen in PRESETS.items()
        if place[1] != "quick" and not DATASETS[place[0]].own
    }
    dataset, paper = places[architecture]
    forms: dict[str, Any] = dict(relative_values=model.relative_values)
    return preset(dataset, model.variant, paper, learnt_grid=model.learnt_grid, **forms)


_NAMED = "dataset", "preset", "variant", "model", "backbone"


def _fields(kind: type[TrainConfig] | type[ISAConfig]) -> tuple[str, ...]:
    """Return the fields that can be overridden, all but those that name a preset."""
    names = (field.name for field in dataclasses.fields(kind))
    return tuple(name for name in names if name not in _NAMED)
