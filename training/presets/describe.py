"""Recipes as text."""

import equinox as eqx
import jax

from isa_eqx import ISA, VARIANTS, ISAConfig

from ..data import DATASETS, default_source
from .recipes import preset


def describe(dataset: str, name: str, backbone: str = "") -> str:
    """Return the command of a preset, its model and its recipe, as text.

    - `backbone`: the one whose features slots explain, with 384 numbers a patch; `""` for colours.
    """
    configs = [preset(dataset, variant, name, backbone=backbone) for variant in VARIANTS]
    training, model = configs[0], configs[0].model
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
    images, source = f"{training.train_examples:,}", default_source(dataset)
    if DATASETS[dataset].own:
        is_bounded = training.train_examples < DATASETS[dataset].num_train
        images = f"at most {images}" if is_bounded else "all of them"
        source = f"a mirror of your own: python -m hub.mirror {dataset}"
    on = f" --backbone {backbone}" if backbone else ""
    return "\n".join(
        (
            f"{dataset}, {name}{', features' if backbone else ''}",
            f"  python -m training.run --dataset {dataset}{on} --preset {name} --variant VARIANT",
            f"  images    {_size(model.image_size)}, {images} to train on",
            f"  data      {source}",
            f"  model     {model.num_slots} slots of {model.slot_size}, {model.num_rounds} rounds, "
            f"{sizes}",
            f"  encoder   {_encoder(model)}",
            f"  decoder   {decoder}",
            f"  training  {training.steps:,} steps of {training.batch_size} images{extras}",
            f"            Adam at {training.learning_rate:g}, {training.warmup_steps:,} steps of "
            f"warm-up, then a cosine to 0; clipped at {training.clip_norm:g}",
        )
    )


def _encoder(model: ISAConfig) -> str:
    channels = _list(model.encoder_channels)
    if model.target == "features":
        kept = f"{model.components} of {model.backbone_size} features"
        return f"{kept} of {_size(model.feature_size)} patches, MLP {channels}"
    kind = f"ResNet of {_list(model.encoder_blocks)} blocks," if model.encoder_blocks else "CNN"
    return f"{kind} {channels}, strides {_list(model.encoder_strides)}"


def _list(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers))


def _size(numbers: tuple[int, ...]) -> str:
    return "×".join(map(str, numbers))


def _parameters(model: ISAConfig) -> int:
    skeleton = eqx.filter_eval_shape(ISA, model, key=jax.random.key(0))
    return sum(leaf.size for leaf in jax.tree.leaves(skeleton))
