"""The recipes, by name: one table. `python -m training.presets` prints it."""

import dataclasses
from typing import Any

import equinox as eqx
import jax

from isa_eqx import ISA, VARIANTS, ISAConfig, check_choice, published

from .config import TrainConfig
from .data import DATASETS, default_source
from .overrides import override_types

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
}


def preset(
    dataset: str, variant: str = "isa-t", name: str = "paper", **overrides: Any
) -> TrainConfig:
    """Return the recipe of a dataset and variant.

    - `name`: `paper` as published; `paper-resnet` with the paper's second encoder, ResNet-34;
      `quick` for a small model; `auto` for `quick` on a CPU, else `paper`.
    - `overrides`: other fields of `TrainConfig` or `ISAConfig`. If `steps` is given,
      `warmup_steps` keeps its share of them.

    Raises a `ValueError` that lists the valid names for an unknown one.
    """
    check_choice("dataset", dataset, tuple(DATASETS))
    check_choice("variant", variant, VARIANTS)
    check_choice("preset", name, NAMES)
    names = tuple(known for place, known in PRESETS if place == dataset)
    if name == "auto":
        name = "quick" if jax.default_backend() == "cpu" else "paper"
    check_choice(f"preset of {dataset}", name, names)
    chosen = PRESETS[dataset, name]
    model = published(chosen.architecture, variant, **chosen.model)
    training: dict[str, Any] = dict(data=default_source(dataset))
    training |= dict(train_examples=DATASETS[dataset].num_train) | chosen.training
    config = TrainConfig(dataset, name, model, **training)
    of_model, of_training = override_types(ISAConfig), override_types(TrainConfig)
    for field in overrides:
        check_choice("field of a recipe", field, (*of_training, *of_model))
    architecture = {field: overrides.pop(field) for field in of_model if field in overrides}
    model = ISAConfig.from_dict(model.to_dict() | architecture)
    if "steps" in overrides:
        warmup = round(config.warmup_steps * overrides["steps"] / config.steps)
        overrides = dict(warmup_steps=warmup) | overrides
    return dataclasses.replace(config, model=model, **overrides)


def describe(dataset: str, name: str) -> str:
    """Return the command of a preset, its model and its recipe, as text."""
    configs = [preset(dataset, variant, name) for variant in VARIANTS]
    training, model = configs[0], configs[0].model
    encoder = f"ResNet of {_list(model.encoder_blocks)} blocks," if model.encoder_blocks else "CNN"
    decoder = "MLP " + _list(model.decoder_channels)
    if model.decoder_strides:
        channels, strides = _list(model.decoder_channels), _list(model.decoder_strides)
        decoder = f"CNN {channels}, strides {strides}"
    plain, *invariant = [_parameters(config.model) for config in configs]
    assert len(set(invariant)) == 1
    sizes = f"{plain:,} parameters"
    if plain != invariant[0]:
        sizes = f"{plain:,} (sa) or {invariant[0]:,} parameters"
    extras = f", {training.loss_pixels} pixels in the loss" if training.loss_pixels else ""
    if training.gradient_scale != 1:
        extras += f", gradient scale {training.gradient_scale:g}"
    extras += f", mixing {training.mixing:g}" if training.mixing else ""
    extras += f", shading {training.shading:g}" if training.shading else ""
    extras += f", ownership {training.ownership:g}" if training.ownership else ""
    extras += ", recomputing" if training.recompute else ""
    return "\n".join(
        (
            f"{dataset}, {name}",
            f"  python -m training.run --dataset {dataset} --preset {name} --variant VARIANT",
            f"  images    {_size(model.image_size)}, {training.train_examples:,} to train on",
            f"  data      {default_source(dataset)}",
            f"  model     {model.num_slots} slots of {model.slot_size}, {model.num_rounds} rounds, "
            f"{sizes}",
            f"  encoder   {encoder} {_list(model.encoder_channels)}, strides "
            + _list(model.encoder_strides),
            f"  decoder   {decoder}",
            f"  training  {training.steps:,} steps of {training.batch_size} images{extras}",
            f"            Adam at {training.learning_rate:g}, {training.warmup_steps:,} steps of "
            f"warm-up, then a cosine to 0; clipped at {training.clip_norm:g}",
        )
    )


def _list(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers))


def _size(numbers: tuple[int, ...]) -> str:
    return "×".join(map(str, numbers))


def _parameters(model: ISAConfig) -> int:
    skeleton = eqx.filter_eval_shape(ISA, model, key=jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(skeleton))


def main() -> None:
    """Print every preset."""
    print(
        f"VARIANT is {', '.join(VARIANTS[:-1])} or {VARIANTS[-1]}. paper and paper-resnet are as "
        "published, except that\nthe paper has no isa-ts and isa-tsr for tetrominoes; quick is "
        "ours, for a CPU.\n"
    )
    print("\n\n".join(describe(*place) for place in PRESETS))


if __name__ == "__main__":
    main()
